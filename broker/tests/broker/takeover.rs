//! Two connections with the same client id.

use std::{collections::HashSet, time::Duration};

use broker::{Limits, Message};
use rmqtt_codec::{v3::Packet, v5};
use tokio::time::{Instant, sleep};

use crate::{
    client::{V3, V5, connect3, connect5, persistent3, publish},
    server::Server,
};

#[tokio::test(start_paused = true)]
async fn the_old_one_ends_before_the_new_one_begins() {
    let server = Server::with_event_time(Limits::default(), Duration::from_secs(3));
    let (mut old, _) = V5::connect(server.open(), connect5("a")).await;
    let mut new = V3::connect(server.open(), "a").await;
    assert_eq!(old.disconnected().await, v5::DisconnectReasonCode::SessionTakenOver);
    new.send(Packet::Disconnect).await;
    new.ended().await;
    server.left(0).await;
    let events = ["connected", "then", "disconnected: taken over", "then", "connected", "then"];
    let events = events.into_iter().chain(["disconnected: client disconnected", "then"]);
    assert_eq!(server.log(), events.map(|event| format!("a {event}")).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn running_hooks_of_the_old_one_finish_first() {
    let server = Server::new(Limits::default());
    let mut old = V3::connect(server.open(), "a").await;
    old.send(publish("gate/x", "", 1, 1)).await;
    server.logged("a publish gate/x").await;
    let new = tokio::spawn({
        let stream = server.open();
        async move { V3::connect(stream, "a").await }
    });
    sleep(Duration::from_secs(10)).await;
    assert!(!new.is_finished());
    server.script.gate.add_permits(1);
    new.await.unwrap().ping().await;
    let expected = ["a connected", "a publish gate/x", "done gate/x", "a disconnected: taken over", "a connected"];
    assert_eq!(server.log(), expected);
}

#[tokio::test(start_paused = true)]
async fn an_old_one_that_does_not_end_is_not_waited_for_forever() {
    let server = Server::new(Limits::default());
    let mut old = V3::connect(server.open(), "a").await;
    old.send(publish("gate/x", "", 1, 1)).await;
    server.logged("a publish gate/x").await;
    let mut new = V3::new(server.open());
    let began = Instant::now();
    new.send(connect3("a")).await;
    sleep(Duration::from_secs(15)).await;
    let Packet::ConnectAck(ack) = new.recv().await else { panic!("no CONNACK") };
    assert_eq!(ack.return_code, rmqtt_codec::v3::ConnectAckReason::ServiceUnavailable);
    assert!(began.elapsed() >= Duration::from_secs(30));
    new.ended().await;
    server.script.gate.add_permits(1);
    server.left(0).await;
    assert_eq!(server.broker.stats().sessions, 0);
    V3::connect(server.open(), "a").await.ping().await;
}

#[tokio::test(start_paused = true)]
async fn of_many_at_once_the_last_one_stays() {
    let server = Server::with_event_time(Limits::default(), Duration::from_millis(10));
    let mut streams = Vec::new();
    for _ in 0..100 {
        let mut client = V3::new(server.open());
        client.send(connect3("a")).await;
        streams.push(client);
    }
    server.left(1).await;
    let mut last = streams.pop().unwrap();
    assert!(matches!(last.recv().await, Packet::ConnectAck(_)));
    last.ping().await;
    for mut client in streams {
        while client.next().await.is_some() {}
    }
    let stats = server.broker.stats();
    assert_eq!((stats.connections, stats.sessions), (1, 1));
    let log = server.log();
    let mut pairs = log.chunks(2);
    assert!(pairs.all(|pair| pair[1] == "a then"), "no two events at the same time: {log:#?}");
    assert_eq!(server.count("a connected"), server.count("a disconnected: taken over") + 1);
}

/// Acknowledged messages are never lost, however often the subscriber comes back. Runs on several threads, in real time.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_lost_in_churn() {
    const MESSAGES: u32 = 1_500;
    const TAKEOVERS: u32 = 300;

    let limits = Limits { publish_rate: 100_000, publish_burst: 100_000, queued_messages: 10_000, ..Limits::default() };
    let server = Server::new(limits);
    let (mut first, _) = V3::connect_with(server.open(), persistent3("sub")).await;
    first.subscribe("x", 1).await;

    let publisher = tokio::spawn({
        let stream = server.open();
        async move {
            let mut client = V3::connect(stream, "pub").await;
            for n in 0..MESSAGES {
                let packet_id = u16::try_from(n % 60_000 + 1).unwrap();
                client.send(publish("x", &n.to_string(), 1, packet_id)).await;
                client.acked(packet_id).await;
                if n % 10 == 0 {
                    sleep(Duration::from_millis(1)).await;
                }
            }
        }
    });
    let mut got = HashSet::new();
    let mut old = first;
    for n in 0..TAKEOVERS {
        let (mut client, present) = V3::connect_with(server.open(), persistent3("sub")).await;
        assert!(present);
        // Some take what there is, some only look at it, some do nothing.
        if n % 3 < 2 {
            while let Ok(packet) = tokio::time::timeout(Duration::from_millis(2), client.next()).await {
                let Some(Packet::Publish(message)) = packet else { break };
                if n % 3 == 0 {
                    got.insert(message.payload.clone());
                    client.send(Packet::PublishAck { packet_id: message.packet_id.unwrap() }).await;
                }
            }
        }
        drop(std::mem::replace(&mut old, client));
    }
    publisher.await.unwrap();
    let (mut client, present) = V3::connect_with(server.open(), persistent3("sub")).await;
    assert!(present);
    while got.len() < MESSAGES as usize {
        got.insert(client.take().await.payload);
    }
    server.left(1).await;
    assert_eq!(server.count("sub connected"), server.count("sub disconnected") + 1);
}

#[tokio::test(start_paused = true)]
async fn a_taken_over_session_keeps_its_subscriptions() {
    let server = Server::new(Limits::default());
    let (mut old, _) = V3::connect_with(server.open(), persistent3("a")).await;
    old.subscribe("x", 1).await;
    let (mut new, present) = V3::connect_with(server.open(), persistent3("a")).await;
    assert!(present);
    server.broker.publish(Message::new("x", "1"));
    assert_eq!(new.take().await.payload, "1");
    let (mut clean, present) = V3::connect_with(server.open(), connect3("a")).await;
    assert!(!present);
    assert_eq!(server.broker.publish(Message::new("x", "2")), 0);
    clean.silent().await;
}
