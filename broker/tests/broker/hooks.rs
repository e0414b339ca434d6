//! What hooks decide, and what happens when they fail.

use std::time::Duration;

use broker::{Limits, Message, Reason};
use rmqtt_codec::{
    types::Publish,
    v3::{self, Packet},
    v5,
};
use tokio::time::sleep;

use crate::{
    client::{V3, V5, connect3, connect5, id, publish, qos},
    server::Server,
};

#[tokio::test(start_paused = true)]
async fn refusals() {
    use v3::ConnectAckReason as Code;

    let server = Server::new(Limits::default());
    for (client_id, code, code5) in [
        ("stranger", Code::BadUserNameOrPassword, v5::ConnectAckReason::BadUserNameOrPassword),
        ("forbidden", Code::NotAuthorized, v5::ConnectAckReason::NotAuthorized),
        ("panics", Code::ServiceUnavailable, v5::ConnectAckReason::ServerUnavailable),
        ("lost", Code::ServiceUnavailable, v5::ConnectAckReason::ServerUnavailable),
    ] {
        assert_eq!(V3::refused(server.open(), connect3(client_id)).await, code);
        let (mut client, ack) = V5::try_connect(server.open(), connect5(client_id)).await;
        assert_eq!(ack.reason_code, code5);
        assert_eq!(client.next().await, None);
    }
    server.left(0).await;
    let stats = server.broker.stats();
    assert_eq!((stats.sessions, stats.accepted, stats.refused), (0, 0, 8));
    assert!(server.log().is_empty(), "no events for refused clients");
}

#[tokio::test(start_paused = true)]
async fn swallowed_publishes_are_acknowledged_and_not_routed() {
    let server = Server::new(Limits::default());
    let mut client = V3::connect(server.open(), "a").await;
    client.subscribe("swallow/#", 1).await;
    client.send(publish("swallow/x", "1", 1, 7)).await;
    client.acked(7).await;
    client.silent().await;
    assert_eq!(server.broker.publish(Message::new("swallow/x", "from inside")), 1);
    assert_eq!(client.take().await.payload, "from inside");
}

#[tokio::test(start_paused = true)]
async fn failed_publishes_are_never_acknowledged() {
    let server = Server::new(Limits::default());
    let mut watcher = V3::connect(server.open(), "watcher").await;
    watcher.subscribe("#", 1).await;
    let mut client = V3::connect(server.open(), "a").await;
    client.send(publish("x", "good", 1, 1)).await;
    client.send(publish("fail/x", "bad", 1, 2)).await;
    client.send(publish("x", "after", 1, 3)).await;
    client.acked(1).await;
    client.ended().await;
    server.logged("a disconnected: publish failed").await;
    assert_eq!(watcher.take().await.payload, "good");
    watcher.silent().await;

    let (mut client, _) = V5::connect(server.open(), connect5("b")).await;
    client.send(publish("fail/x", "bad", 1, 2)).await;
    assert_eq!(client.disconnected().await, v5::DisconnectReasonCode::ImplementationSpecificError);
}

#[tokio::test(start_paused = true)]
async fn denied_publishes_end_the_connection() {
    let server = Server::new(Limits::default());
    let mut watcher = V3::connect(server.open(), "watcher").await;
    watcher.subscribe("#", 1).await;
    for with_qos in 0..=2 {
        let mut client = V3::connect(server.open(), "a").await;
        client.send(publish("deny/x", "bad", with_qos, 2)).await;
        client.ended().await;
        server.left(1).await;
        let (mut client, _) = V5::connect(server.open(), connect5("a")).await;
        client.send(publish("deny/x", "bad", with_qos, 2)).await;
        assert_eq!(client.disconnected().await, v5::DisconnectReasonCode::NotAuthorized);
        server.left(1).await;
    }
    watcher.silent().await;
    assert_eq!(server.count("publish deny"), 0);
    assert_eq!(server.count("a disconnected: not authorized"), 6);
}

#[tokio::test(start_paused = true)]
async fn denied_filters_fail_alone() {
    let server = Server::new(Limits::default());
    let mut client = V3::connect(server.open(), "a").await;
    let topic_filters = ["ok", "deny/x", "bad/#/filter", "also/ok"].map(|filter| (filter.into(), qos(1))).to_vec();
    client.send(Packet::Subscribe { packet_id: id(5), topic_filters }).await;
    let granted = v3::SubscribeReturnCode::Success(qos(1));
    let failed = v3::SubscribeReturnCode::Failure;
    let status = vec![granted, failed, failed, granted];
    assert_eq!(client.recv().await, Packet::SubscribeAck { packet_id: id(5), status });
    client.ping().await;
    assert_eq!(server.log()[1..], ["a subscribed ok", "a subscribed also/ok"]);

    let (mut client, _) = V5::connect(server.open(), connect5("b")).await;
    assert_eq!(client.subscribe("deny/x", 1).await, v5::SubscribeAckReason::NotAuthorized);
    assert_eq!(client.subscribe("$share/g/deny/x", 1).await, v5::SubscribeAckReason::NotAuthorized);
    assert_eq!(client.subscribe("a/#/b", 1).await, v5::SubscribeAckReason::TopicFilterInvalid);
    assert_eq!(client.subscribe("a/#", 1).await, v5::SubscribeAckReason::GrantedQos1);
}

#[tokio::test(start_paused = true)]
async fn a_panic_ends_one_connection_only() {
    let server = Server::new(Limits::default());
    let mut other = V3::connect(server.open(), "other").await;
    other.subscribe("x", 1).await;
    for topic in ["panic/may", "panic/call", "panic/poll"] {
        let mut client = V3::connect(server.open(), "a").await;
        client.send(publish(topic, "", 1, 1)).await;
        client.ended().await;
        server.left(1).await;
    }
    for filter in ["panic/x", "event/panic"] {
        let mut client = V3::connect(server.open(), "a").await;
        client.send(Packet::Subscribe { packet_id: id(1), topic_filters: vec![(filter.into(), qos(1))] }).await;
        while client.next().await.is_some() {}
        server.left(1).await;
    }
    assert_eq!(server.count("a disconnected: internal error"), 5);
    let stats = server.broker.stats();
    assert_eq!((stats.sessions, stats.subscriptions), (1, 1));
    assert!(!server.broker.disconnect("a", Reason::Administrative));
    assert_eq!(server.broker.publish(Message::new("x", "still here")), 1);
    assert_eq!(other.take().await.payload, "still here");
}

#[tokio::test(start_paused = true)]
async fn hooks_run_side_by_side_and_answers_keep_the_order() {
    let server = Server::new(Limits { receive_max: 5, ..Limits::default() });
    let mut client = V3::connect(server.open(), "a").await;
    client.send(publish("gate/1", "", 1, 1)).await;
    client.send(publish("x/2", "", 1, 2)).await;
    client.send(publish("gate/3", "", 1, 3)).await;
    client.send(publish("x/4", "", 0, 0)).await;
    client.send(publish("x/5", "", 2, 5)).await;
    client.send(publish("x/6", "", 1, 6)).await;
    sleep(Duration::from_secs(1)).await;
    let started: Vec<_> = server.log().into_iter().filter(|line| line.contains("publish")).collect();
    let expected = ["gate/1", "x/2", "gate/3", "x/4", "x/5"].map(|topic| format!("a publish {topic}"));
    assert_eq!(started, expected, "in order, and no more than the window");
    client.silent().await;

    server.script.gate.add_permits(1);
    client.acked(1).await;
    client.acked(2).await;
    client.silent().await;
    server.script.gate.add_permits(1);
    client.acked(3).await;
    assert_eq!(client.recv().await, Packet::PublishReceived { packet_id: id(5) });
    client.acked(6).await;
}

#[tokio::test(start_paused = true)]
async fn a_retransmission_of_a_running_publish_is_not_a_second_one() {
    for with_qos in 1..=2 {
        let server = Server::new(Limits { receive_max: 2, ..Limits::default() });
        let mut client = V3::connect(server.open(), "a").await;
        client.send(publish("gate/1", "x", with_qos, 1)).await;
        for _ in 0..30 {
            sleep(Duration::from_secs(1)).await;
            client.send(Publish { dup: true, ..publish("gate/1", "x", with_qos, 1) }).await;
            client.ping().await;
        }
        assert_eq!(server.count("a publish"), 1);
        server.script.gate.add_permits(9);
        let ack = client.recv().await;
        match with_qos {
            1 => assert_eq!(ack, Packet::PublishAck { packet_id: id(1) }),
            _ => assert_eq!(ack, Packet::PublishReceived { packet_id: id(1) }),
        }
        client.silent().await;

        // When the first one is acknowledged, QoS 1 knows nothing of it any more; QoS 2 does until it is released.
        client.send(Publish { dup: true, ..publish("gate/1", "x", with_qos, 1) }).await;
        assert_eq!(client.recv().await, ack);
        assert_eq!(server.count("a publish"), if with_qos == 1 { 2 } else { 1 });
    }
}

#[tokio::test(start_paused = true)]
async fn a_packet_id_in_use_is_not_taken_for_another_message() {
    let server = Server::new(Limits::default());
    let mut client = V3::connect(server.open(), "a").await;
    client.send(publish("gate/1", "x", 1, 1)).await;
    client.send(publish("gate/2", "y", 1, 1)).await;
    sleep(Duration::from_secs(1)).await;
    server.script.gate.add_permits(2);
    while client.next().await.is_some() {}
    server.logged("a disconnected: protocol error").await;
}

#[tokio::test(start_paused = true)]
async fn a_retransmission_in_a_new_clean_session_is_an_ordinary_publish() {
    let server = Server::new(Limits::default());
    let mut client = V3::connect(server.open(), "a").await;
    client.subscribe("x", 1).await;
    client.send(Publish { dup: true, ..publish("x", "late", 1, 4711) }).await;
    client.acked(4711).await;
    let message = client.take().await;
    assert_eq!((&message.payload[..], message.dup), (&b"late"[..], false));
}

#[tokio::test(start_paused = true)]
async fn subscribe_and_unsubscribe_may_be_sent_again() {
    let server = Server::new(Limits { subscriptions: 1, ..Limits::default() });
    let mut client = V3::connect(server.open(), "a").await;
    for _ in 0..5 {
        assert_eq!(client.subscribe("x", 1).await, v3::SubscribeReturnCode::Success(qos(1)));
    }
    assert_eq!(server.broker.stats().subscriptions, 1);
    assert_eq!(server.broker.publish(Message::new("x", "once")), 1);
    assert_eq!(client.take().await.payload, "once");
    client.silent().await;
    for _ in 0..3 {
        client.send(Packet::Unsubscribe { packet_id: id(3), topic_filters: vec!["x".into()] }).await;
        assert_eq!(client.recv().await, Packet::UnsubscribeAck { packet_id: id(3) });
    }
    assert_eq!(server.broker.stats().subscriptions, 0);
    assert_eq!(server.count("a unsubscribed x"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_slow_event_does_not_stop_reading_and_order_is_kept() {
    let server = Server::new(Limits::default());
    let mut client = V3::connect(server.open(), "gated").await;
    client.subscribe("a", 1).await;
    client.subscribe("b", 1).await;
    client.ping().await;
    client.send(publish("a", "1", 1, 1)).await;
    let (mut acked, mut got) = (false, false);
    for _ in 0..2 {
        match client.recv().await {
            Packet::PublishAck { .. } => acked = true,
            Packet::Publish(_) => got = true,
            other => panic!("{other:?}"),
        }
    }
    assert!(acked && got);
    client.send(Packet::Disconnect).await;
    client.ended().await;
    sleep(Duration::from_secs(5)).await;
    assert_eq!(server.count("disconnected"), 0);
    server.script.gate.add_permits(2);
    server.left(0).await;
    let events: Vec<_> = server.log().into_iter().filter(|line| line.starts_with("gated")).collect();
    let expected = ["connected", "publish a", "subscribed a", "subscribed b", "disconnected: client disconnected"];
    assert_eq!(events, expected.map(|event| format!("gated {event}")));
}

#[tokio::test(start_paused = true)]
async fn hooks_that_have_begun_are_awaited_and_routed_after_the_end() {
    let server = Server::new(Limits::default());
    let mut watcher = V3::connect(server.open(), "watcher").await;
    watcher.subscribe("gate/#", 1).await;
    let mut client = V3::connect(server.open(), "a").await;
    client.send(publish("gate/1", "stored", 1, 1)).await;
    server.logged("a publish gate/1").await;
    drop(client);
    sleep(Duration::from_secs(5)).await;
    assert_eq!(server.count("disconnected"), 0);
    server.script.gate.add_permits(1);
    assert_eq!(watcher.take().await.payload, "stored");
    server.logged("a disconnected: connection lost").await;
}
