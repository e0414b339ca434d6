//! Who gets what: `QoS`, wildcards, retained messages, with MQTT 3.1.1.

use broker::{Limits, Message, QoS};
use rmqtt_codec::{
    types::Publish,
    v3::{Packet, SubscribeReturnCode},
};
use tokio::io::AsyncWriteExt;

use crate::{
    client::{V3, connect3, id, persistent3, publish, qos},
    server::Server,
};

#[tokio::test(start_paused = true)]
async fn every_qos_both_ways() {
    let server = Server::new(Limits::default());
    let mut client = V3::connect(server.open(), "a").await;
    let mut other = V3::connect(server.open(), "b").await;
    assert_eq!(other.subscribe("x/+", 2).await, SubscribeReturnCode::Success(qos(2)));
    client.send(publish("x/0", "zero", 0, 0)).await;
    client.send(publish("x/1", "one", 1, 1)).await;
    client.acked(1).await;
    client.send(publish("x/2", "two", 2, 2)).await;
    assert_eq!(client.recv().await, Packet::PublishReceived { packet_id: id(2) });
    client.send(Publish { dup: true, ..publish("x/2", "two", 2, 2) }).await;
    assert_eq!(client.recv().await, Packet::PublishReceived { packet_id: id(2) });
    for _ in 0..2 {
        client.send(Packet::PublishRelease { packet_id: id(2) }).await;
        assert_eq!(client.recv().await, Packet::PublishComplete { packet_id: id(2) });
    }
    for (with_qos, payload) in [(0, "zero"), (1, "one"), (2, "two")] {
        let message = other.message().await;
        assert_eq!((message.qos, &message.payload[..]), (qos(with_qos), payload.as_bytes()));
        assert!(!message.retain && !message.dup);
        if let Some(packet_id) = message.packet_id {
            if with_qos == 1 {
                other.send(Packet::PublishAck { packet_id }).await;
            } else {
                other.send(Packet::PublishReceived { packet_id }).await;
                assert_eq!(other.recv().await, Packet::PublishRelease { packet_id });
                other.send(Packet::PublishComplete { packet_id }).await;
            }
        }
    }
    other.silent().await;
    let stats = server.broker.stats();
    assert_eq!((stats.messages_in, stats.messages_out, stats.queued_bytes), (4, 3, 0));
}

#[tokio::test(start_paused = true)]
async fn the_lower_qos_counts() {
    let server = Server::new(Limits::default());
    let mut client = V3::connect(server.open(), "a").await;
    client.subscribe("x", 0).await;
    client.subscribe("y", 2).await;
    server.broker.publish(Message { qos: QoS::ExactlyOnce, ..Message::new("x", "") });
    server.broker.publish(Message { qos: QoS::AtMostOnce, ..Message::new("y", "") });
    assert_eq!(client.message().await.qos, qos(0));
    assert_eq!(client.message().await.qos, qos(0));
}

#[tokio::test(start_paused = true)]
async fn overlapping_subscriptions_get_one_message() {
    let server = Server::new(Limits::default());
    let mut client = V3::connect(server.open(), "a").await;
    for (filter, with_qos) in [("x/#", 0), ("x/+", 1), ("#", 0), ("x/y", 0)] {
        client.subscribe(filter, with_qos).await;
    }
    assert_eq!(server.broker.publish(Message::new("x/y", "one")), 1);
    assert_eq!(client.take().await.payload, "one");
    client.silent().await;
}

#[tokio::test(start_paused = true)]
async fn wildcards_do_not_see_dollar_topics() {
    let server = Server::new(Limits::default());
    let mut client = V3::connect(server.open(), "a").await;
    for filter in ["#", "+/x", "+/#"] {
        client.subscribe(filter, 1).await;
    }
    assert_eq!(server.broker.publish(Message { retain: true, ..Message::new("$internal/x", "kept") }), 0);
    client.subscribe("#", 1).await;
    client.silent().await;
    client.subscribe("$internal/+", 1).await;
    assert_eq!(client.take().await.payload, "kept");
    assert_eq!(server.broker.publish(Message::new("$internal/x", "")), 1);
}

#[tokio::test(start_paused = true)]
async fn retained_messages() {
    let server = Server::new(Limits::default());
    let mut client = V3::connect(server.open(), "a").await;
    let keep = |topic, payload, with_qos| Publish { retain: true, ..publish(topic, payload, with_qos, 1) };
    client.send(keep("r/1", "old", 1)).await;
    client.acked(1).await;
    client.send(keep("r/1", "new", 1)).await;
    client.acked(1).await;
    client.send(keep("r/2", "zero", 0)).await;
    client.send(keep("swallow/r", "never", 1)).await;
    client.acked(1).await;
    assert_eq!(server.broker.stats().retained, 2);

    client.subscribe("r/+", 1).await;
    let mut got = [client.message().await, client.message().await];
    got.sort_by_key(|message| message.topic.to_string());
    assert_eq!(got[0].payload, "new");
    assert_eq!((got[1].payload.clone(), got[1].qos), ("zero".into(), qos(0)));
    assert!(got.iter().all(|message| message.retain));

    // Live messages are not marked, and the empty one is delivered as well.
    client.send(keep("r/1", "", 1)).await;
    let mut live = None;
    for _ in 0..2 {
        match client.recv().await {
            Packet::Publish(message) => live = Some(message),
            other => assert_eq!(other, Packet::PublishAck { packet_id: id(1) }),
        }
    }
    let live = live.unwrap();
    assert!(!live.retain && live.payload.is_empty());
    let stats = server.broker.stats();
    assert_eq!((stats.retained, stats.retained_bytes), (1, 256 + 7));
    let mut late = V3::connect(server.open(), "late").await;
    late.subscribe("r/1", 1).await;
    late.silent().await;
}

#[tokio::test(start_paused = true)]
async fn unsubscribing_removes_one_subscription_of_one_client() {
    let server = Server::new(Limits::default());
    let mut one = V3::connect(server.open(), "one").await;
    let mut two = V3::connect(server.open(), "two").await;
    one.subscribe("x", 1).await;
    one.subscribe("y", 1).await;
    two.subscribe("x", 1).await;
    one.send(Packet::Unsubscribe { packet_id: id(1), topic_filters: vec!["x".into()] }).await;
    assert_eq!(one.recv().await, Packet::UnsubscribeAck { packet_id: id(1) });
    assert_eq!(server.broker.publish(Message::new("x", "")), 1);
    assert_eq!(server.broker.publish(Message::new("y", "")), 1);
    drop(one);
    server.left(1).await;
    assert_eq!(server.broker.publish(Message::new("x", "")), 1);
    assert_eq!(server.broker.publish(Message::new("y", "")), 0);
    assert_eq!(server.broker.stats().subscriptions, 1);
}

#[tokio::test(start_paused = true)]
async fn topics_from_inside_are_checked() {
    let server = Server::new(Limits::default());
    let mut client = V3::connect(server.open(), "a").await;
    client.subscribe("#", 1).await;
    for topic in ["", "a/+", "#"] {
        assert_eq!(server.broker.publish(Message::new(topic, "")), 0);
    }
    client.silent().await;
}

#[tokio::test(start_paused = true)]
async fn bad_packets_end_the_connection() {
    let server = Server::new(Limits::default());
    // A second CONNECT, one of a server's packets, and a publish to a wildcard.
    let mut client = V3::connect(server.open(), "a").await;
    client.send(connect3("a")).await;
    client.ended().await;
    let mut client = V3::connect(server.open(), "a").await;
    client.send(Packet::PingResponse).await;
    client.ended().await;
    let mut client = V3::connect(server.open(), "a").await;
    client.send(publish("a/#", "", 1, 1)).await;
    client.ended().await;
    // Reserved bits, an endless length, an unknown type.
    for bytes in [&[0x80, 2, 0, 1][..], &[0x30, 0xff, 0xff, 0xff, 0xff, 0xff], &[0xf0, 0], &[0x60, 2, 0, 1]] {
        let mut client = V3::connect(server.open(), "a").await;
        client.stream.write_all(bytes).await.unwrap();
        client.ended().await;
    }
    // Not MQTT at all, or not this version.
    for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"\x10\x0e\x00\x04MQTT\x06\x02\x00\x3c\x00\x02ab", &[0; 64], b"\xc0\x00"] {
        let mut stream = server.open();
        stream.write_all(bytes).await.unwrap();
        V3::new(stream).ended().await;
    }
    server.left(0).await;
    assert_eq!(server.broker.stats().sessions, 0);
}

#[tokio::test(start_paused = true)]
async fn packets_may_come_in_pieces() {
    let server = Server::new(Limits::default());
    let mut stream = server.open();
    let bytes = b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01a\x30\x05\x00\x01xhi\xc0\x00";
    for byte in bytes {
        stream.write_all(&[*byte]).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    let mut client = V3::new(stream);
    assert!(matches!(client.recv().await, Packet::ConnectAck(_)));
    assert_eq!(client.recv().await, Packet::PingResponse);
    assert_eq!(server.count("a publish x"), 1);
}

#[tokio::test(start_paused = true)]
async fn client_ids() {
    use rmqtt_codec::v3::ConnectAckReason;

    let server = Server::new(Limits::default());
    let mut one = V3::connect(server.open(), "").await;
    let mut two = V3::connect(server.open(), "").await;
    one.ping().await;
    two.ping().await;
    assert_eq!(server.broker.stats().sessions, 2);
    let code = V3::refused(server.open(), persistent3("")).await;
    assert_eq!(code, ConnectAckReason::IdentifierRejected);
    let code = V3::refused(server.open(), connect3(&"x".repeat(257))).await;
    assert_eq!(code, ConnectAckReason::IdentifierRejected);
    // User name without password is fine; a password without user name is not.
    let with_user = rmqtt_codec::v3::Connect { username: Some("?Platform=X".into()), ..connect3("user") };
    V3::connect_with(server.open(), with_user).await;
    let with_password = rmqtt_codec::v3::Connect { password: Some("x".into()), ..connect3("password") };
    assert_eq!(V3::refused(server.open(), with_password).await, ConnectAckReason::NotAuthorized);
}

/// Bytes that are almost MQTT end connections, but nothing worse.
#[tokio::test(start_paused = true)]
async fn noise_does_no_harm() {
    let server = Server::new(Limits { publish_rate: 1_000_000, publish_burst: 1_000_000, ..Limits::default() });
    let connects = [&b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01n"[..], b"\x10\x0e\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x01n"];
    let packets: [&[u8]; 12] = [
        b"\x30\x05\x00\x01xhi",
        b"\x32\x08\x00\x01x\x00\x01\x00hi",
        b"\x34\x08\x00\x01x\x00\x02\x00hi",
        b"\x30\x0a\x00\x01x\x03\x23\x00\x01hi",
        b"\x82\x06\x00\x01\x00\x01#\x01",
        b"\x82\x07\x00\x01\x00\x00\x01#\x01",
        b"\xa2\x06\x00\x02\x00\x00\x01#",
        b"\x40\x02\x00\x01",
        b"\x50\x02\x00\x01",
        b"\x62\x02\x00\x02",
        b"\x70\x02\x00\x01",
        b"\xc0\x00",
    ];
    let mut seed = 4711_u64;
    let mut random = move |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from(seed >> 33).unwrap() % below
    };
    for _ in 0..3_000 {
        let mut bytes = connects[random(2)].to_vec();
        let first = bytes.len();
        for _ in 0..random(8) {
            bytes.extend_from_slice(packets[random(packets.len())]);
        }
        for _ in 0..random(4) {
            let from = if random(4) == 0 { 0 } else { first.min(bytes.len() - 1) };
            let at = from + random(bytes.len() - from);
            bytes[at] = u8::try_from(random(256)).unwrap();
        }
        let mut stream = server.open();
        stream.write_all(&bytes).await.unwrap();
        drop(stream);
    }
    server.left(0).await;
    assert_eq!(server.count("internal error"), 0);
    assert!(server.count("n publish") > 100);
    let stats = server.broker.stats();
    assert!(stats.refused < 1_500, "{stats:?}");
    assert_eq!((stats.sessions - stats.offline_sessions, stats.subscriptions), (0, 0));
}
