//! Sessions that outlive their connection.

use std::time::Duration;

use broker::{Limits, Message, QoS};
use rmqtt_codec::v3::Packet;
use tokio::time::sleep;

use crate::{
    client::{V3, V5, connect3, connect5, id, persistent3, publish},
    server::Server,
};

/// Connects, subscribes and leaves.
async fn leave_session(server: &Server, client_id: &str, filter: &str) {
    let before = server.broker.stats().connections;
    let (mut client, _) = V3::connect_with(server.open(), persistent3(client_id)).await;
    client.subscribe(filter, 2).await;
    client.send(Packet::Disconnect).await;
    client.ended().await;
    server.left(before).await;
}

#[tokio::test(start_paused = true)]
async fn messages_wait_for_the_client() {
    let server = Server::new(Limits::default());
    leave_session(&server, "a", "x").await;
    let stats = server.broker.stats();
    assert_eq!((stats.connections, stats.sessions, stats.offline_sessions), (0, 1, 1));
    assert_eq!(server.broker.publish(Message { qos: QoS::AtMostOnce, ..Message::new("x", "lost") }), 0);
    let mut other = V3::connect(server.open(), "b").await;
    for n in 1..=3 {
        other.send(publish("x", &n.to_string(), 1, n)).await;
        other.acked(n).await;
    }
    assert_eq!(server.broker.stats().queued_bytes, 3 * (256 + 2));
    let (mut client, present) = V3::connect_with(server.open(), persistent3("a")).await;
    assert!(present);
    for n in 1..=3 {
        assert_eq!(client.take().await.payload, n.to_string());
    }
    client.ping().await;
    let stats = server.broker.stats();
    assert_eq!((stats.offline_sessions, stats.queued_bytes), (0, 0));

    // A clean session forgets all of it.
    drop(client);
    server.left(1).await;
    server.broker.publish(Message::new("x", "forgotten"));
    let (mut client, present) = V3::connect_with(server.open(), connect3("a")).await;
    assert!(!present);
    client.silent().await;
    let stats = server.broker.stats();
    assert_eq!((stats.subscriptions, stats.offline_sessions, stats.queued_bytes), (0, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn what_was_not_acknowledged_is_sent_again() {
    let server = Server::new(Limits::default());
    let (mut client, _) = V3::connect_with(server.open(), persistent3("a")).await;
    client.subscribe("x", 2).await;
    for (payload, qos) in [("1", QoS::AtLeastOnce), ("2", QoS::ExactlyOnce), ("3", QoS::ExactlyOnce)] {
        server.broker.publish(Message { qos, ..Message::new("x", payload) });
    }
    let ids = [client.message().await, client.message().await, client.message().await].map(|message| message.packet_id.unwrap());
    client.send(Packet::PublishReceived { packet_id: ids[2] }).await;
    assert_eq!(client.recv().await, Packet::PublishRelease { packet_id: ids[2] });
    drop(client);
    server.left(0).await;
    server.broker.publish(Message::new("x", "4"));

    let (mut client, present) = V3::connect_with(server.open(), persistent3("a")).await;
    assert!(present);
    for (packet_id, payload) in ids.into_iter().zip(["1", "2"]) {
        let message = client.message().await;
        assert_eq!((message.packet_id, message.dup, &message.payload[..]), (Some(packet_id), true, payload.as_bytes()));
    }
    assert_eq!(client.recv().await, Packet::PublishRelease { packet_id: ids[2] });
    let message = client.message().await;
    assert!(!message.dup && !ids.contains(&message.packet_id.unwrap()));
    client.send(Packet::PublishAck { packet_id: ids[0] }).await;
    for packet_id in [ids[1], ids[2]] {
        client.send(Packet::PublishComplete { packet_id }).await;
    }
    client.send(Packet::PublishAck { packet_id: message.packet_id.unwrap() }).await;
    client.ping().await;
    assert_eq!(server.broker.stats().queued_bytes, 0);
}

#[tokio::test(start_paused = true)]
async fn a_publish_with_qos_2_is_taken_once_across_connections() {
    let server = Server::new(Limits::default());
    let (mut client, _) = V3::connect_with(server.open(), persistent3("a")).await;
    client.send(publish("x", "1", 2, 5)).await;
    assert_eq!(client.recv().await, Packet::PublishReceived { packet_id: id(5) });
    // This one is on its way when the connection is lost.
    client.send(publish("gate/x", "2", 2, 6)).await;
    server.logged("a publish gate/x").await;
    drop(client);
    server.script.gate.add_permits(1);
    server.left(0).await;
    let (mut client, _) = V3::connect_with(server.open(), persistent3("a")).await;
    for (topic, packet_id) in [("x", 5), ("gate/x", 6)] {
        client.send(rmqtt_codec::types::Publish { dup: true, ..publish(topic, "", 2, packet_id) }).await;
        assert_eq!(client.recv().await, Packet::PublishReceived { packet_id: id(packet_id) });
    }
    assert_eq!(server.count("a publish"), 2);
}

#[tokio::test(start_paused = true)]
async fn none_is_kept_if_none_may_be() {
    let server = Server::new(Limits { offline_sessions: 0, ..Limits::default() });
    leave_session(&server, "a", "x").await;
    assert_eq!(server.broker.stats().sessions, 0);
    assert_eq!(server.broker.publish(Message::new("x", "")), 0);
}

#[tokio::test(start_paused = true)]
async fn sessions_expire() {
    let server = Server::new(Limits { session_expiry: Duration::from_secs(100), ..Limits::default() });
    leave_session(&server, "a", "x").await;
    sleep(Duration::from_secs(99)).await;
    assert_eq!(server.broker.publish(Message::new("x", "")), 1);
    sleep(Duration::from_secs(2)).await;
    let stats = server.broker.stats();
    assert_eq!((stats.sessions, stats.offline_sessions, stats.subscriptions, stats.queued_bytes), (0, 0, 0, 0));

    // Coming back in time stops the clock; it begins anew with the next end.
    leave_session(&server, "a", "x").await;
    sleep(Duration::from_mins(1)).await;
    leave_session(&server, "a", "x").await;
    sleep(Duration::from_mins(1)).await;
    assert_eq!(server.broker.stats().offline_sessions, 1);
    sleep(Duration::from_secs(41)).await;
    assert_eq!(server.broker.stats().sessions, 0);
}

#[tokio::test(start_paused = true)]
async fn expiry_asked_for_with_mqtt_5() {
    use rmqtt_codec::v5::{Connect, Disconnect, DisconnectReasonCode};

    let server = Server::new(Limits { session_expiry_max: Duration::from_secs(50), ..Limits::default() });
    let asking = |secs| Connect { clean_start: false, session_expiry_interval_secs: secs, ..connect5("a") };
    let (client, ack) = V5::connect(server.open(), asking(10)).await;
    assert_eq!(ack.session_expiry_interval_secs, None);
    drop(client);
    server.left(0).await;
    sleep(Duration::from_secs(9)).await;
    let (mut client, ack) = V5::connect(server.open(), asking(1000)).await;
    assert!(ack.session_present);
    assert_eq!(ack.session_expiry_interval_secs, Some(50));
    let bye = |secs| Disconnect { session_expiry_interval_secs: Some(secs), ..Disconnect::new(DisconnectReasonCode::NormalDisconnection) };
    client.send(bye(5)).await;
    assert_eq!(client.next().await, None);
    server.left(0).await;
    sleep(Duration::from_secs(6)).await;
    assert_eq!(server.broker.stats().sessions, 0);
    // A session that ends with the connection cannot be kept in the end.
    let (mut client, ack) = V5::connect(server.open(), asking(0)).await;
    assert!(!ack.session_present);
    client.send(bye(5)).await;
    assert_eq!(client.disconnected().await, DisconnectReasonCode::ProtocolError);
}

#[tokio::test(start_paused = true)]
async fn an_offline_queue_keeps_the_newest() {
    let server = Server::new(Limits { queued_messages: 3, queued_bytes: 1000, ..Limits::default() });
    leave_session(&server, "a", "x").await;
    for n in 0..10 {
        assert_eq!(server.broker.publish(Message::new("x", n.to_string())), 1);
    }
    let stats = server.broker.stats();
    assert_eq!((stats.messages_dropped, stats.queued_bytes), (7, 3 * (256 + 2)));
    // A big one displaces several small ones, one that is too big is not taken.
    assert_eq!(server.broker.publish(Message::new("x", "a".repeat(400))), 1);
    assert_eq!(server.broker.stats().queued_bytes, 256 + 2 + 256 + 401);
    assert_eq!(server.broker.publish(Message::new("x", "b".repeat(1000))), 0);
    assert_eq!(server.broker.stats().queued_bytes, 0);
    for n in 0..4 {
        server.broker.publish(Message::new("x", n.to_string()));
    }
    let (mut client, _) = V3::connect_with(server.open(), persistent3("a")).await;
    for n in 1..4 {
        assert_eq!(client.take().await.payload, n.to_string());
    }
    client.silent().await;
}

#[tokio::test(start_paused = true)]
async fn bytes_of_all_queues_are_limited() {
    let server = Server::new(Limits { queued_bytes_total: 5 * (256 + 10), queued_bytes_share: 0, ..Limits::default() });
    leave_session(&server, "a", "x").await;
    leave_session(&server, "b", "x").await;
    for _ in 0..10 {
        server.broker.publish(Message::new("x", "123456789"));
    }
    assert_eq!(server.broker.stats().queued_bytes, 5 * (256 + 10));
}

#[tokio::test(start_paused = true)]
async fn the_number_of_offline_sessions_is_limited() {
    let server = Server::new(Limits { offline_sessions: 3, ..Limits::default() });
    for n in 0..5 {
        leave_session(&server, &format!("c{n}"), &format!("x/{n}")).await;
        sleep(Duration::from_secs(1)).await;
    }
    let stats = server.broker.stats();
    assert_eq!((stats.sessions, stats.offline_sessions, stats.subscriptions), (3, 3, 3));
    for n in 0..5 {
        assert_eq!(server.broker.publish(Message::new(format!("x/{n}"), "")), usize::from(n >= 2));
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_is_about_to_be_continued_does_not_stand_for_another() {
    let limits = Limits { offline_sessions: 2, ..Limits::default() };
    let server = Server::with_event_time(limits, Duration::from_secs(1));
    leave_session(&server, "c0", "x/0").await;
    leave_session(&server, "c1", "x/1").await;
    let (mut third, _) = V3::connect_with(server.open(), persistent3("c2")).await;
    third.subscribe("x/2", 1).await;
    sleep(Duration::from_secs(2)).await;
    // The first to expire is busy with its Connected event while the third one leaves.
    let mut first = V3::new(server.open());
    first.send(persistent3("c0")).await;
    sleep(Duration::from_millis(500)).await;
    third.send(Packet::Disconnect).await;
    third.ended().await;
    assert_eq!(server.broker.stats().offline_sessions, 2);
    assert_eq!(server.broker.publish(Message::new("x/1", "")), 0);
    assert!(matches!(first.recv().await, Packet::ConnectAck(ack) if ack.session_present));
    assert_eq!(server.broker.stats().offline_sessions, 1);
}
