//! Every limit, at its edge.

use std::time::Duration;

use broker::{Limits, Message, QoS};
use rmqtt_codec::{
    types::Publish,
    v3::{self, Packet, SubscribeReturnCode},
    v5,
};
use tokio::{
    io::AsyncWriteExt,
    time::{Instant, sleep, timeout},
};

use crate::{
    client::{V3, V5, connect3, connect5, id, persistent3, publish, qos},
    server::Server,
};

#[tokio::test(start_paused = true)]
async fn connections() {
    let server = Server::new(Limits { connections: 2, ..Limits::default() });
    let mut one = V3::connect(server.open(), "one").await;
    let silent = server.open();
    sleep(Duration::from_millis(1)).await;
    let began = Instant::now();
    V3::new(server.open()).ended().await;
    assert!(began.elapsed() < Duration::from_secs(1));
    one.ping().await;
    drop(silent);
    server.left(1).await;
    V3::connect(server.open(), "two").await.ping().await;
}

#[tokio::test(start_paused = true)]
async fn time_to_connect() {
    let server = Server::new(Limits::default());
    let began = Instant::now();
    V3::new(server.open()).ended().await;
    assert_eq!(began.elapsed().as_secs(), 10);
    // Half a packet does not help.
    let mut stream = server.open();
    let began = Instant::now();
    stream.write_all(b"\x10\x0d\x00\x04MQTT\x04").await.unwrap();
    V3::new(stream).ended().await;
    assert_eq!(began.elapsed().as_secs(), 10);
    server.left(0).await;
}

#[tokio::test(start_paused = true)]
async fn packet_size() {
    let server = Server::new(Limits::default());
    let mut client = V3::connect(server.open(), "a").await;
    client.subscribe("x", 1).await;
    let big = "x".repeat(128 * 1024);
    client.send(publish("x", &big, 1, 1)).await;
    client.acked(1).await;
    assert_eq!(client.take().await.payload.len(), big.len());

    let server = Server::new(Limits { packet_bytes: 1000, ..Limits::default() });
    let (mut client, ack) = V5::connect(server.open(), connect5("b")).await;
    assert_eq!(ack.max_packet_size, Some(1000));
    client.send(publish("x", &big[..2000], 1, 1)).await;
    assert_eq!(client.disconnected().await, v5::DisconnectReasonCode::PacketTooLarge);
    server.logged("b disconnected: packet too large").await;
    // Also before CONNECT.
    let mut client = V3::new(server.open());
    client.send(v3::Connect { username: Some(big[..2000].into()), ..connect3("c") }).await;
    client.ended().await;
}

#[tokio::test(start_paused = true)]
async fn topics_and_subscriptions() {
    let limits = Limits { subscriptions: 2, topic_bytes: 10, topic_levels: 3, ..Limits::default() };
    let server = Server::new(limits);
    let mut client = V3::connect(server.open(), "a").await;
    let granted = SubscribeReturnCode::Success(qos(1));
    assert_eq!(client.subscribe("a/b/c", 1).await, granted);
    assert_eq!(client.subscribe("a/b/c/d", 1).await, SubscribeReturnCode::Failure);
    assert_eq!(client.subscribe("12345678901", 1).await, SubscribeReturnCode::Failure);
    assert_eq!(client.subscribe("1234567890", 1).await, granted);
    assert_eq!(client.subscribe("third", 1).await, SubscribeReturnCode::Failure);
    client.send(Packet::Unsubscribe { packet_id: id(1), topic_filters: vec!["a/b/c".into()] }).await;
    assert_eq!(client.recv().await, Packet::UnsubscribeAck { packet_id: id(1) });
    assert_eq!(client.subscribe("third", 1).await, granted);

    for topic in ["a/b/c/d", "12345678901"] {
        let (mut client, _) = V5::connect(server.open(), connect5("b")).await;
        client.send(publish(topic, "", 1, 1)).await;
        assert_eq!(client.disconnected().await, v5::DisconnectReasonCode::TopicNameInvalid);
    }
    let (mut client, _) = V5::connect(server.open(), connect5("b")).await;
    client.subscribe("x", 1).await;
    client.subscribe("y", 1).await;
    assert_eq!(client.subscribe("z", 1).await, v5::SubscribeAckReason::QuotaExceeded);
}

#[tokio::test(start_paused = true)]
async fn max_qos() {
    let server = Server::new(Limits { max_qos: QoS::AtLeastOnce, ..Limits::default() });
    let mut client = V3::connect(server.open(), "a").await;
    assert_eq!(client.subscribe("x", 2).await, SubscribeReturnCode::Success(qos(1)));
    server.broker.publish(Message { qos: QoS::ExactlyOnce, ..Message::new("x", "") });
    assert_eq!(client.take().await.qos, qos(1));
    client.send(publish("x", "", 2, 1)).await;
    client.ended().await;

    let (mut client, ack) = V5::connect(server.open(), connect5("b")).await;
    assert_eq!(ack.max_qos, qos(1));
    assert_eq!(client.subscribe("x", 2).await, v5::SubscribeAckReason::GrantedQos1);
    client.send(publish("x", "", 2, 1)).await;
    assert_eq!(client.disconnected().await, v5::DisconnectReasonCode::QosNotSupported);
    assert_eq!(server.count("publish x"), 0);

    let will = v3::LastWill { qos: qos(2), retain: false, topic: "x".into(), message: "".into() };
    V3::refused(server.open(), v3::Connect { last_will: Some(will), ..connect3("c") }).await;
}

#[tokio::test(start_paused = true)]
async fn publish_rate() {
    let server = Server::new(Limits { publish_rate: 10, publish_burst: 20, ..Limits::default() });
    let mut client = V3::connect(server.open(), "a").await;
    let began = Instant::now();
    for n in 1..=60 {
        client.send(publish("x", "", 1, n)).await;
    }
    for n in 1..=60 {
        client.acked(n).await;
    }
    let took = began.elapsed().as_millis();
    assert!((3_800..4_200).contains(&took), "{took} ms for 20 at once and 40 at 10 per second");
}

#[tokio::test(start_paused = true)]
async fn messages_in_flight() {
    let server = Server::new(Limits { in_flight: 2, ..Limits::default() });
    let mut client = V3::connect(server.open(), "a").await;
    client.subscribe("x", 2).await;
    for n in 0..3 {
        server.broker.publish(Message::new("x", n.to_string()));
    }
    let first = client.message().await;
    client.message().await;
    client.silent().await;
    client.send(Packet::PublishAck { packet_id: first.packet_id.unwrap() }).await;
    assert_eq!(client.message().await.payload, "2");
}

#[tokio::test(start_paused = true)]
async fn unreleased_publishes() {
    let server = Server::new(Limits { receive_max: 2, ..Limits::default() });
    let (mut client, ack) = V5::connect(server.open(), connect5("a")).await;
    assert_eq!(ack.receive_max.get(), 2);
    for n in 1..=3 {
        client.send(publish("x", "", 2, n)).await;
    }
    for _ in 0..2 {
        assert!(matches!(client.recv().await, v5::Packet::PublishReceived(_)));
    }
    assert_eq!(client.disconnected().await, v5::DisconnectReasonCode::ReceiveMaximumExceeded);
}

#[tokio::test(start_paused = true)]
async fn retained_messages() {
    let server = Server::new(Limits { retained_messages: 2, retained_bytes: 1000, ..Limits::default() });
    for topic in ["a", "b", "c"] {
        server.broker.publish(Message { retain: true, ..Message::new(topic, "x") });
    }
    server.broker.publish(Message { retain: true, ..Message::new("b", "x".repeat(1000)) });
    assert_eq!((server.broker.stats().retained, server.broker.stats().retained_bytes), (1, 256 + 2));
}

#[tokio::test(start_paused = true)]
async fn keep_alive() {
    let server = Server::new(Limits { keep_alive_max: Duration::from_secs(20), ..Limits::default() });
    for (asked, given, lasts) in [(0, Some(20), 30), (100, Some(20), 30), (20, None, 30), (10, None, 15)] {
        let connect = v5::Connect { keep_alive: asked, ..connect5("a") };
        let (mut client, ack) = V5::connect(server.open(), connect).await;
        assert_eq!(ack.server_keepalive_sec, given);
        let began = Instant::now();
        sleep(Duration::from_secs(lasts - 2)).await;
        client.send(v5::Packet::PingRequest).await;
        assert_eq!(client.recv().await, v5::Packet::PingResponse);
        sleep(Duration::from_secs(lasts - 1)).await;
        assert_eq!(client.disconnected().await, v5::DisconnectReasonCode::KeepAliveTimeout);
        assert_eq!(began.elapsed().as_secs(), lasts * 2 - 2);
    }
    // Publishing counts as well, but not half a packet.
    let mut client = V3::connect(server.open(), "b").await;
    let began = Instant::now();
    sleep(Duration::from_secs(25)).await;
    client.send(publish("x", "", 0, 0)).await;
    sleep(Duration::from_secs(25)).await;
    client.stream.write_all(&[0x30, 100, 0]).await.unwrap();
    client.ended().await;
    assert_eq!(began.elapsed().as_secs(), 55);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_not_read_from_is_not_silent() {
    let server = Server::new(Limits { receive_max: 1, ..Limits::default() });
    let (mut client, _) = V3::connect_with(server.open(), v3::Connect { keep_alive: 5, ..connect3("a") }).await;
    client.send(publish("gate/x", "", 1, 1)).await;
    client.send(Packet::PingRequest).await;
    sleep(Duration::from_secs(100)).await;
    server.script.gate.add_permits(1);
    client.acked(1).await;
    assert_eq!(client.recv().await, Packet::PingResponse);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_never_reads_is_cut_off() {
    let server = Server::new(Limits::default());
    let mut other = V3::connect(server.open(), "other").await;
    other.subscribe("x", 1).await;
    let mut client = V3::connect(server.open_with(1024), "a").await;
    client.subscribe("x", 0).await;
    let began = Instant::now();
    for n in 0..100 {
        assert_eq!(server.broker.publish(Message::new("x", "x".repeat(200))), 2, "{n}");
        other.take().await;
    }
    sleep(Duration::from_secs(25)).await;
    assert_eq!(server.count("disconnected"), 0);
    server.logged("a disconnected: too slow").await;
    let took = began.elapsed().as_secs();
    assert!((30..32).contains(&took), "{took}");
    other.ping().await;
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_drops_qos_0_first_and_then_the_client() {
    let limits = Limits { queued_messages: 10, in_flight: 1, ..Limits::default() };
    let server = Server::new(limits);
    let (mut client, _) = V3::connect_with(server.open_with(256), persistent3("a")).await;
    client.subscribe("zero", 0).await;
    client.subscribe("one", 1).await;
    // Fills the stream and what is ready to be written.
    let filler = "x".repeat(4000);
    for _ in 0..3 {
        server.broker.publish(Message::new("zero", filler.clone()));
        sleep(Duration::from_millis(10)).await;
    }
    let mut taken = 0;
    for _ in 0..20 {
        taken += server.broker.publish(Message::new("zero", "0"));
    }
    assert!((8..=10).contains(&taken), "{taken}");
    for n in 0..10 {
        assert_eq!(server.broker.publish(Message::new("one", n.to_string())), 1);
    }
    sleep(Duration::from_millis(100)).await;
    assert_eq!(server.count("disconnected"), 0);
    server.broker.publish(Message::new("one", "10"));
    server.logged("a disconnected: too slow").await;

    let (mut client, present) = V3::connect_with(server.open(), persistent3("a")).await;
    assert!(present);
    for n in 1..=10 {
        assert_eq!(client.take().await.payload, n.to_string());
    }
    client.silent().await;
}

#[tokio::test(start_paused = true)]
async fn many_retained_messages_do_not_count_as_slow() {
    let server = Server::new(Limits { queued_messages: 10, in_flight: 5, ..Limits::default() });
    for n in 0..200 {
        server.broker.publish(Message { retain: true, ..Message::new(format!("r/{n}"), "x") });
    }
    let mut client = V3::connect(server.open(), "a").await;
    client.subscribe("r/+", 1).await;
    for _ in 0..10 {
        server.broker.publish(Message::new("r/0", "live"));
    }
    let mut live = 0;
    for _ in 0..210 {
        live += usize::from(!client.take().await.retain);
    }
    assert_eq!(live, 10);
    client.silent().await;
}

#[tokio::test(start_paused = true)]
async fn acknowledgements_that_are_not_read_stop_the_reading() {
    let limits = Limits { publish_rate: 1_000_000, publish_burst: 1_000_000, ..Limits::default() };
    let server = Server::new(limits);
    let mut client = V3::connect(server.open_with(4096), "a").await;
    let flood = async {
        for n in 1..=60_000 {
            client.send(Publish { dup: true, ..publish("x", "", 1, n) }).await;
        }
    };
    assert!(timeout(Duration::from_secs(5), flood).await.is_err());
    let taken = server.broker.stats().messages_in;
    assert!((16_000..20_000).contains(&taken), "64 KiB of acknowledgements: {taken}");
}

#[tokio::test(start_paused = true)]
async fn reading_goes_on_while_much_is_written() {
    let server = Server::new(Limits { queued_messages: 100_000, ..Limits::default() });
    let mut client = V3::connect(server.open_with(1024), "a").await;
    client.subscribe("x", 0).await;
    for _ in 0..5_000 {
        server.broker.publish(Message::new("x", "0123456789"));
    }
    client.send(Packet::PingRequest).await;
    let mut before = 0;
    while let Packet::Publish(_) = client.recv().await {
        before += 1;
    }
    assert!(before < 2_000, "the answer to PING came after {before} messages");
}
