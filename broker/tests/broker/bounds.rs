//! What one client can do to the broker and to others, and what it cannot.

use std::time::Duration;

use broker::{Limits, Message, QoS};
use rmqtt_codec::{
    types::Publish,
    v3::{self, Packet},
    v5::{self, DisconnectReasonCode, PublishProperties},
};
use tokio::time::{Instant, sleep};

use crate::{
    client::{V3, V5, connect3, connect5, id, persistent3, publish, qos},
    server::Server,
};

fn with_users(publish: Publish, number: usize) -> Publish {
    let user_properties = vec![("".into(), "".into()); number];
    Publish { properties: Some(PublishProperties { user_properties, ..PublishProperties::default() }), ..publish }
}

fn will5(topic: &str, retain: bool, user_properties: usize) -> v5::LastWill {
    v5::LastWill {
        qos: qos(1),
        retain,
        topic: topic.to_owned().into(),
        message: "x".into(),
        will_delay_interval_sec: None,
        correlation_data: None,
        message_expiry_interval: None,
        content_type: None,
        user_properties: vec![("".into(), "".into()); user_properties],
        is_utf8_payload: None,
        response_topic: None,
    }
}

fn subscribe3(filters: &[&str]) -> Packet {
    let topic_filters = filters.iter().map(|filter| ((*filter).to_owned().into(), qos(1))).collect();
    Packet::Subscribe { packet_id: id(9), topic_filters }
}

#[tokio::test(start_paused = true)]
async fn user_properties() {
    let server = Server::new(Limits::default());
    let (mut client, _) = V5::connect(server.open(), connect5("a")).await;
    client.send(with_users(Publish { retain: true, ..publish("x", "1", 1, 1) }, 32)).await;
    assert!(matches!(client.recv().await, v5::Packet::PublishAck(_)));
    let weight = server.broker.stats().retained_bytes;
    assert!(weight >= 256 + 32 * 2 * size_of::<broker::ByteString>(), "{weight}");
    client.send(with_users(publish("x", "1", 1, 1), 33)).await;
    assert_eq!(client.disconnected().await, DisconnectReasonCode::PacketTooLarge);

    let with_will = |number| v5::Connect { last_will: Some(will5("x", false, number)), ..connect5("b") };
    V5::connect(server.open(), with_will(32)).await;
    let mut client = V5::new(server.open());
    client.send(with_will(33)).await;
    assert_eq!(client.next().await, None);
}

#[tokio::test(start_paused = true)]
async fn filters_of_one_packet() {
    let server = Server::new(Limits { subscriptions: 3, ..Limits::default() });
    let filters = ["a", "b", "c", "d"];
    let mut client = V3::connect(server.open(), "a").await;
    client.send(subscribe3(&filters[..3])).await;
    assert!(matches!(client.recv().await, Packet::SubscribeAck { status, .. } if status.len() == 3));
    client.send(subscribe3(&filters)).await;
    client.ended().await;
    server.logged("a disconnected: packet too large").await;

    let (mut client, _) = V5::connect(server.open(), connect5("b")).await;
    let topic_filters = filters.map(Into::into).to_vec();
    client.send(v5::Packet::Unsubscribe(v5::Unsubscribe { packet_id: id(1), user_properties: vec![], topic_filters })).await;
    assert_eq!(client.disconnected().await, DisconnectReasonCode::PacketTooLarge);
}

#[tokio::test(start_paused = true)]
async fn retained_messages_for_one_packet() {
    let server = Server::new(Limits { retained_messages: 3, ..Limits::default() });
    for topic in ["a/1", "a/2", "a/3"] {
        server.broker.publish(Message { retain: true, ..Message::new(topic, "x") });
    }
    for (filters, expected) in [(&["a/#", "a/#", "a/#"][..], 3), (&["a/#", "#"], 6)] {
        let mut client = V3::connect(server.open(), "a").await;
        client.send(subscribe3(filters)).await;
        assert!(matches!(client.recv().await, Packet::SubscribeAck { .. }));
        for _ in 0..expected {
            client.take().await;
        }
        client.silent().await;
    }
    let mut client = V3::connect(server.open(), "a").await;
    client.send(subscribe3(&["a/#", "#", "+/1"])).await;
    client.ended().await;
    server.logged("a disconnected: too slow").await;
}

#[tokio::test(start_paused = true)]
async fn events_of_many_filters() {
    let server = Server::new(Limits::default());
    let mut client = V3::connect(server.open(), "gated").await;
    let filters: Vec<_> = (0..40).map(|n| format!("x/{n}")).collect();
    let filters: Vec<_> = filters.iter().map(String::as_str).collect();
    for _ in 0..2 {
        client.send(subscribe3(&filters)).await;
    }
    client.send(Packet::PingRequest).await;
    assert!(matches!(client.recv().await, Packet::SubscribeAck { .. }));
    // There is room for 64 of them.
    client.silent().await;
    server.script.gate.add_permits(16);
    assert!(matches!(client.recv().await, Packet::SubscribeAck { .. }));
    client.silent().await;
    server.script.gate.add_permits(64);
    assert_eq!(client.recv().await, Packet::PingResponse);
    server.until(|| server.count("gated subscribed") == 80, "all events").await;
}

#[tokio::test(start_paused = true)]
async fn events_go_on_while_packets_come() {
    let server = Server::new(Limits::default());
    let mut client = V3::connect(server.open_with(1024 * 1024), "a").await;
    let payload = "x".repeat(1000);
    client.send(subscribe3(&["y"])).await;
    for _ in 0..100 {
        client.send(publish("x", &payload, 0, 0)).await;
    }
    server.until(|| server.count("done x") == 100, "all publishes").await;
    let at = server.log().iter().position(|line| line == "a subscribed y").unwrap();
    assert!(at < 20, "{at}");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_retained() {
    let server = Server::new(Limits { retained_messages: 0, ..Limits::default() });
    let mut client = V3::connect(server.open(), "a").await;
    client.subscribe("x", 1).await;
    client.send(Publish { retain: true, ..publish("x", "1", 0, 0) }).await;
    assert_eq!(client.message().await.payload, "1");
    server.broker.publish(Message { retain: true, ..Message::new("x", "2") });
    assert_eq!(client.message().await.payload, "2");
    client.subscribe("x", 1).await;
    client.silent().await;
    let stats = server.broker.stats();
    assert_eq!((stats.retained, stats.messages_dropped), (0, 0));
    let will = v3::LastWill { qos: qos(1), retain: true, topic: "x".into(), message: "3".into() };
    V3::connect_with(server.open(), v3::Connect { last_will: Some(will), ..connect3("b") }).await;

    let (mut client, ack) = V5::connect(server.open(), connect5("c")).await;
    assert!(!ack.retain_available);
    client.send(publish("x", "", 1, 1)).await;
    assert!(matches!(client.recv().await, v5::Packet::PublishAck(_)));
    client.send(Publish { retain: true, ..publish("x", "", 1, 1) }).await;
    assert_eq!(client.disconnected().await, DisconnectReasonCode::RetainNotSupported);
    let connect = v5::Connect { last_will: Some(will5("x", true, 0)), ..connect5("d") };
    let (_, ack) = V5::try_connect(server.open(), connect).await;
    assert_eq!(ack.reason_code, v5::ConnectAckReason::RetainNotSupported);
    let (_, ack) = V5::connect(Server::new(Limits::default()).open(), connect5("e")).await;
    assert!(ack.retain_available);
}

#[tokio::test(start_paused = true)]
async fn control_rate() {
    let server = Server::new(Limits { control_rate: 10, control_burst: 20, ..Limits::default() });
    let began = Instant::now();
    let mut client = V3::connect(server.open(), "pings").await;
    for _ in 0..60 {
        client.send(Packet::PingRequest).await;
    }
    for _ in 0..60 {
        assert_eq!(client.recv().await, Packet::PingResponse);
    }
    let took = began.elapsed().as_millis();
    assert!((3_800..4_200).contains(&took), "{took} ms for 20 at once and 40 at 10 per second");

    // Each filter counts.
    let began = Instant::now();
    let mut client = V3::connect(server.open(), "filters").await;
    for _ in 0..3 {
        client.send(subscribe3(&["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"])).await;
        let topic_filters = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"].map(Into::into).to_vec();
        client.send(Packet::Unsubscribe { packet_id: id(1), topic_filters }).await;
    }
    for _ in 0..6 {
        client.recv::<Packet>().await;
    }
    client.ping().await;
    let took = began.elapsed().as_millis();
    assert!((3_800..4_300).contains(&took), "{took} ms");

    // To acknowledge what was sent does not count, anything else does.
    let began = Instant::now();
    let mut client = V3::connect(server.open(), "acks").await;
    client.subscribe("x", 2).await;
    for n in 0..100 {
        let qos = if n % 2 == 0 { QoS::AtLeastOnce } else { QoS::ExactlyOnce };
        server.broker.publish(Message { qos, ..Message::new("x", "") });
        let packet_id = client.message().await.packet_id.unwrap();
        if qos == QoS::AtLeastOnce {
            client.send(Packet::PublishAck { packet_id }).await;
        } else {
            client.send(Packet::PublishReceived { packet_id }).await;
            assert_eq!(client.recv().await, Packet::PublishRelease { packet_id });
            client.send(Packet::PublishComplete { packet_id }).await;
        }
    }
    client.ping().await;
    let took = began.elapsed().as_millis();
    assert!(took < 100, "{took} ms");
    for _ in 0..60 {
        client.send(Packet::PublishAck { packet_id: id(1) }).await;
    }
    client.ping().await;
    let took = began.elapsed().as_millis();
    assert!((3_800..4_500).contains(&took), "{took} ms");
}

#[tokio::test(start_paused = true)]
async fn others_do_not_take_the_room_of_a_healthy_client() {
    let limits = Limits { queued_bytes_total: 10_000, queued_bytes_share: 2_000, in_flight: 1, ..Limits::default() };
    let server = Server::new(limits);
    let (mut hog, _) = V3::connect_with(server.open(), persistent3("hog")).await;
    hog.subscribe("hog", 1).await;
    hog.send(Packet::Disconnect).await;
    hog.ended().await;
    server.left(0).await;
    let mut client = V3::connect(server.open(), "a").await;
    client.subscribe("x", 1).await;
    for _ in 0..100 {
        server.broker.publish(Message::new("hog", ""));
    }
    let full = server.broker.stats().queued_bytes;
    assert!(full > 9_700, "{full}");
    for n in 0..7 {
        assert_eq!(server.broker.publish(Message::new("x", n.to_string())), 1, "{n}");
    }
    // Over its share it has to do without.
    assert_eq!(server.broker.publish(Message::new("x", "7")), 0);
    assert_eq!(server.broker.publish(Message { qos: QoS::AtMostOnce, ..Message::new("x", "8") }), 0);
    for n in 0..7 {
        assert_eq!(client.take().await.payload, n.to_string());
    }
    client.ping().await;
    assert_eq!(server.broker.publish(Message::new("x", "x".repeat(2_000))), 0);
    assert_eq!(server.broker.publish(Message { qos: QoS::AtMostOnce, ..Message::new("x", "9") }), 1);
    assert_eq!(client.message().await.payload, "9");
    assert_eq!(server.count("disconnected: too slow"), 0);
}

#[tokio::test(start_paused = true)]
async fn pubrec_of_something_else() {
    let server = Server::new(Limits::default());
    let resumed = v5::Connect { clean_start: false, session_expiry_interval_secs: 100, ..connect5("a") };
    let (mut client, _) = V5::connect(server.open(), resumed.clone()).await;
    client.subscribe("x", 1).await;
    server.broker.publish(Message::new("x", "1"));
    let packet_id = client.message().await.packet_id.unwrap();
    for unknown in [packet_id, id(1000)] {
        client.send(v5::Packet::PublishReceived(v5::PublishAck { packet_id: unknown, ..v5::PublishAck::default() })).await;
        let v5::Packet::PublishRelease(release) = client.recv().await else { panic!("no PUBREL") };
        assert_eq!((release.packet_id, release.reason_code), (unknown, v5::PublishAck2Reason::PacketIdNotFound));
        client.send(v5::Packet::PublishComplete(v5::PublishAck2 { packet_id: unknown, ..v5::PublishAck2::default() })).await;
    }
    let reason_code = v5::PublishAckReason::UnspecifiedError;
    client.send(v5::Packet::PublishReceived(v5::PublishAck { packet_id, reason_code, ..v5::PublishAck::default() })).await;
    sleep(Duration::from_millis(10)).await;
    drop(client);
    server.left(0).await;
    let (mut client, _) = V5::connect(server.open(), resumed).await;
    assert_eq!(client.message().await.packet_id, Some(packet_id));
}

#[tokio::test(start_paused = true)]
async fn connect_packet() {
    let server = Server::new(Limits { connect_bytes: 1000, ..Limits::default() });
    let with_name = |bytes: usize| v3::Connect { username: Some("x".repeat(bytes).into()), ..connect3("a") };
    let mut client = V3::new(server.open());
    client.send(with_name(1000)).await;
    client.ended().await;
    // Only this packet.
    let (mut client, _) = V3::connect_with(server.open(), with_name(900)).await;
    client.send(publish("x", &"x".repeat(100_000), 1, 1)).await;
    client.acked(1).await;
    let (mut client, _) = V5::connect(server.open(), connect5("b")).await;
    client.send(publish("x", &"x".repeat(100_000), 1, 1)).await;
    assert!(matches!(client.recv().await, v5::Packet::PublishAck(_)));
}

#[tokio::test(start_paused = true)]
async fn the_password_is_for_authenticate_only() {
    let server = Server::new(Limits::default());
    let with = |password: &'static str| v3::Connect { username: Some("u".into()), password: Some(password.into()), ..connect3("secret") };
    assert_eq!(V3::refused(server.open(), with("wrong")).await, v3::ConnectAckReason::BadUserNameOrPassword);
    // The hook of the Connected event would fail if it saw it.
    V3::connect_with(server.open(), with("word")).await;
}
