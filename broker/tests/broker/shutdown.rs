//! Ends that come from the embedding program.

use std::time::Duration;

use broker::{Limits, Message, Reason};
use rmqtt_codec::v5;
use tokio::{
    io::duplex,
    time::{Instant, sleep},
};

use crate::{
    client::{V3, V5, connect5, persistent3, publish},
    server::{REMOTE, Server},
};

#[tokio::test(start_paused = true)]
async fn shutdown_waits_for_hooks_and_tells_clients() {
    let server = Server::with_event_time(Limits::default(), Duration::from_secs(2));
    let mut old = V3::connect(server.open(), "old").await;
    let (mut new, _) = V5::connect(server.open(), connect5("new")).await;
    let half_open = server.open();
    old.send(publish("gate/a", "x", 1, 1)).await;
    server.logged("old publish gate/a").await;

    let began = Instant::now();
    let shutdown = tokio::spawn({
        let broker = server.broker.clone();
        async move { broker.shutdown(Duration::from_mins(1)).await }
    });
    assert_eq!(new.disconnected().await, v5::DisconnectReasonCode::ServerShuttingDown);
    old.ended().await;
    server.logged("new disconnected: server shutting down").await;
    sleep(Duration::from_secs(10)).await;
    assert!(!shutdown.is_finished());
    server.script.gate.add_permits(1);
    shutdown.await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    let log = server.log();
    assert_eq!(log[log.len() - 3..], ["done gate/a", "old disconnected: server shutting down", "old then"]);
    assert_eq!(server.broker.stats().connections, 0);

    V3::new(server.open()).ended().await;
    drop(half_open);
}

#[tokio::test(start_paused = true)]
async fn shutdown_ends_in_time_whatever_hooks_do() {
    let server = Server::new(Limits::default());
    let mut client = V3::connect(server.open(), "a").await;
    client.send(publish("gate/a", "x", 1, 1)).await;
    server.logged("a publish gate/a").await;
    let began = Instant::now();
    server.broker.shutdown(Duration::from_secs(5)).await;
    assert!(began.elapsed() < Duration::from_secs(6));
}

#[tokio::test(start_paused = true)]
async fn disconnect_from_inside() {
    let server = Server::new(Limits::default());
    assert!(!server.broker.disconnect("a", Reason::Administrative));
    let mut client = V3::connect(server.open(), "a").await;
    assert!(server.broker.disconnect("a", Reason::Administrative));
    client.ended().await;
    server.logged("a disconnected: administrative action").await;
    server.left(0).await;
    assert!(!server.broker.disconnect("a", Reason::Administrative));
    assert_eq!(server.broker.stats().sessions, 0);

    let (mut client, _) = V5::connect(server.open(), connect5("b")).await;
    assert!(server.broker.disconnect("b", Reason::NotAuthorized));
    assert_eq!(client.disconnected().await, v5::DisconnectReasonCode::NotAuthorized);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_connection_task_cleans_up() {
    let server = Server::new(Limits::default());
    let (ours, theirs) = duplex(4096);
    let broker = server.broker.clone();
    let task = tokio::spawn(async move { broker.serve(theirs, REMOTE, None).await });
    let (mut client, _) = V3::connect_with(ours, persistent3("a")).await;
    client.subscribe("x", 1).await;
    task.abort();
    server.logged("a disconnected: connection lost").await;
    server.left(0).await;
    assert_eq!(server.broker.publish(Message::new("x", "kept")), 1);
    let (mut client, present) = V3::connect_with(server.open(), persistent3("a")).await;
    assert!(present);
    assert_eq!(client.take().await.payload, "kept");
}

#[tokio::test(start_paused = true)]
async fn a_broker_without_handles_leaves_nothing_running() {
    let server = Server::new(Limits::default());
    let (mut client, _) = V3::connect_with(server.open(), persistent3("a")).await;
    client.send(rmqtt_codec::v3::Packet::Disconnect).await;
    client.ended().await;
    server.left(0).await;
    let alive = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    assert_eq!(alive(), 1, "the timers");
    drop(server);
    sleep(Duration::from_secs(1)).await;
    assert_eq!(alive(), 0);
}
