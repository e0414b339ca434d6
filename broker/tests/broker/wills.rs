//! Wills.

use std::time::Duration;

use broker::{Limits, Reason};
use rmqtt_codec::{v3, v5};
use tokio::time::{Instant, sleep};

use crate::{
    client::{V3, V5, connect3, connect5, id, qos},
    server::Server,
};

fn with_will3(client_id: &str, topic: &str) -> v3::Connect {
    let message = client_id.to_owned().into();
    let will = v3::LastWill { qos: qos(1), retain: false, topic: topic.into(), message };
    v3::Connect { last_will: Some(will), ..connect3(client_id) }
}

fn with_will5(client_id: &str, delay: u32, expiry: u32) -> v5::Connect {
    let will = v5::LastWill {
        qos: qos(1),
        retain: false,
        topic: "will/x".into(),
        message: client_id.to_owned().into(),
        will_delay_interval_sec: Some(delay),
        correlation_data: None,
        message_expiry_interval: None,
        content_type: Some("text/plain".into()),
        user_properties: vec![("a".into(), "b".into())],
        is_utf8_payload: Some(true),
        response_topic: None,
    };
    v5::Connect { last_will: Some(will), session_expiry_interval_secs: expiry, clean_start: false, ..connect5(client_id) }
}

async fn watcher(server: &Server) -> V3 {
    let mut watcher = V3::connect(server.open(), "watcher").await;
    watcher.subscribe("will/#", 1).await;
    watcher.subscribe("swallow/#", 1).await;
    watcher
}

#[tokio::test(start_paused = true)]
async fn published_unless_the_client_leaves_in_order() {
    let server = Server::new(Limits::default());
    let mut watcher = watcher(&server).await;

    let (mut client, _) = V3::connect_with(server.open(), with_will3("orderly", "will/x")).await;
    client.send(v3::Packet::Disconnect).await;
    client.ended().await;
    server.left(1).await;
    watcher.silent().await;

    let (client, _) = V3::connect_with(server.open(), with_will3("lost-stream", "will/x")).await;
    drop(client);
    assert_eq!(watcher.take().await.payload, "lost-stream");

    let (mut client, _) = V3::connect_with(server.open(), with_will3("error", "will/x")).await;
    client.send(v3::Packet::PingResponse).await;
    assert_eq!(watcher.take().await.payload, "error");

    let _kicked = V3::connect_with(server.open(), with_will3("kicked", "will/x")).await;
    server.broker.disconnect("kicked", Reason::Administrative);
    assert_eq!(watcher.take().await.payload, "kicked");

    let _old = V3::connect_with(server.open(), with_will3("twice", "will/x")).await;
    let _new = V3::connect_with(server.open(), connect3("twice")).await;
    assert_eq!(watcher.take().await.payload, "twice");

    // The hook sees it, and decides; before it sees the end.
    let (client, _) = V3::connect_with(server.open(), with_will3("swallowed", "swallow/x")).await;
    drop(client);
    server.logged("swallowed disconnected: connection lost").await;
    let log = server.log();
    let at = |line: &str| log.iter().position(|have| have == line).unwrap();
    assert!(at("swallowed publish swallow/x") < at("swallowed disconnected: connection lost"));
    watcher.silent().await;
}

#[tokio::test(start_paused = true)]
async fn published_when_the_keep_alive_ends() {
    let server = Server::new(Limits::default());
    let (mut watcher, _) = V3::connect_with(server.open(), v3::Connect { keep_alive: 1000, ..connect3("watcher") }).await;
    watcher.subscribe("will/#", 1).await;
    let began = Instant::now();
    let (mut client, _) = V3::connect_with(server.open(), v3::Connect { keep_alive: 10, ..with_will3("quiet", "will/x") }).await;
    assert_eq!(watcher.take().await.payload, "quiet");
    let took = began.elapsed();
    assert!(took >= Duration::from_secs(15) && took < Duration::from_secs(16), "{took:?}");
    client.ended().await;
    server.logged("quiet disconnected: keep-alive timeout").await;
}

#[tokio::test(start_paused = true)]
async fn refused_if_not_permitted() {
    let server = Server::new(Limits::default());
    let code = V3::refused(server.open(), with_will3("a", "deny/x")).await;
    assert_eq!(code, v3::ConnectAckReason::NotAuthorized);
    for topic in ["a/+", "panic/may"] {
        V3::refused(server.open(), with_will3("a", topic)).await;
    }
    assert!(server.log().is_empty());
    assert_eq!(server.broker.stats().sessions, 0);
}

#[tokio::test(start_paused = true)]
async fn delayed() {
    let server = Server::new(Limits::default());
    let mut watcher = watcher(&server).await;

    // After the delay, with its properties; the session is still there.
    let (client, _) = V5::connect(server.open(), with_will5("a", 5, 20)).await;
    let began = Instant::now();
    drop(client);
    assert_eq!(watcher.take().await.payload, "a");
    assert_eq!(began.elapsed().as_secs(), 5);
    assert_eq!(server.broker.stats().offline_sessions, 1);

    // With the end of the session, if that is earlier.
    let (client, ack) = V5::connect(server.open(), with_will5("a", 50, 8)).await;
    assert!(ack.session_present);
    let began = Instant::now();
    drop(client);
    assert_eq!(watcher.take().await.payload, "a");
    assert_eq!(began.elapsed().as_secs(), 8);
    let (client, ack) = V5::connect(server.open(), with_will5("a", 50, 0)).await;
    assert!(!ack.session_present);
    let began = Instant::now();
    drop(client);
    assert_eq!(watcher.take().await.payload, "a");
    assert_eq!(began.elapsed().as_secs(), 0);

    // Not at all, if the client comes back before.
    let (client, _) = V5::connect(server.open(), with_will5("b", 5, 20)).await;
    drop(client);
    server.logged("b disconnected: connection lost").await;
    sleep(Duration::from_secs(4)).await;
    let (mut client, ack) = V5::connect(server.open(), v5::Connect { clean_start: false, ..connect5("b") }).await;
    assert!(ack.session_present);
    sleep(Duration::from_secs(2)).await;
    watcher.silent().await;
    client.send(v5::Packet::Disconnect(v5::Disconnect::new(v5::DisconnectReasonCode::NormalDisconnection))).await;

    // At once, if the client begins anew.
    let (client, _) = V5::connect(server.open(), with_will5("c", 30, 60)).await;
    drop(client);
    server.logged("c disconnected: connection lost").await;
    let began = Instant::now();
    let (_client, ack) = V5::connect(server.open(), connect5("c")).await;
    assert!(!ack.session_present);
    assert_eq!(watcher.take().await.payload, "c");
    assert!(began.elapsed() < Duration::from_secs(1));

    // If the client leaves and asks for it.
    let (mut client, _) = V5::connect(server.open(), with_will5("d", 0, 0)).await;
    let bye = v5::Disconnect::new(v5::DisconnectReasonCode::DisconnectWithWillMessage);
    client.send(v5::Packet::Disconnect(bye)).await;
    assert_eq!(watcher.take().await.payload, "d");
    server.logged("d disconnected: client disconnected with will").await;
}

#[tokio::test(start_paused = true)]
async fn handled_before_the_next_connection_is_accepted() {
    let server = Server::new(Limits::default());
    // The hook of the will takes until the gate opens. It is due because the client begins anew, because of its delay,
    // and because its session ends.
    for (client_id, delay, expiry, wait) in [("anew", 30, 60, 1), ("delay", 5, 60, 6), ("expiry", 50, 5, 6)] {
        let connect = with_will5(client_id, delay, expiry);
        let will = connect.last_will.map(|will| v5::LastWill { topic: "gate/will".into(), ..will });
        let (client, _) = V5::connect(server.open(), v5::Connect { last_will: will, ..connect }).await;
        drop(client);
        sleep(Duration::from_secs(wait)).await;
        let mut next = V5::new(server.open());
        next.send(connect5(client_id)).await;
        server.logged(&format!("{client_id} publish gate/will")).await;
        next.silent().await;
        server.script.gate.add_permits(1);
        assert!(matches!(next.recv().await, v5::Packet::ConnectAck(_)), "{client_id}");
        next.send(v5::Packet::Disconnect(v5::Disconnect::new(v5::DisconnectReasonCode::NormalDisconnection))).await;
        server.left(0).await;
    }
    assert_eq!((server.count("done gate/will"), server.broker.stats().sessions), (3, 0));
}

#[tokio::test(start_paused = true)]
async fn due_while_the_connection_still_ends() {
    // Each event takes longer than the will waits.
    let server = Server::with_event_time(Limits::default(), Duration::from_secs(10));
    let (client, _) = V5::connect(server.open(), with_will5("a", 5, 100)).await;
    drop(client);
    server.left(0).await;
    server.logged("done will/x").await;
    assert_eq!((server.count("a publish will/x"), server.broker.stats().offline_sessions), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn keep_their_properties() {
    let server = Server::new(Limits::default());
    let (mut watcher, _) = V5::connect(server.open(), connect5("watcher")).await;
    watcher.subscribe("will/#", 1).await;
    let (client, _) = V5::connect(server.open(), with_will5("a", 0, 0)).await;
    drop(client);
    let message = watcher.message().await;
    let properties = message.properties.unwrap();
    assert_eq!(properties.content_type.as_deref(), Some("text/plain"));
    assert_eq!(properties.user_properties, [("a".into(), "b".into())]);
    assert!(properties.is_utf8_payload);
    watcher.send(v5::Packet::PublishAck(v5::PublishAck { packet_id: id(1), ..v5::PublishAck::default() })).await;
}
