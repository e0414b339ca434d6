//! What only MQTT 5 has.

use std::{
    num::{NonZeroU16, NonZeroU32},
    time::Duration,
};

use broker::{Limits, Message, Properties};
use rmqtt_codec::{
    types::Publish,
    v5::{
        Auth, Connect, ConnectAckReason, DisconnectReasonCode, Packet, PublishAck, PublishAckReason, PublishProperties, RetainHandling,
        SubscribeAckReason, SubscriptionOptions, Unsubscribe, UnsubscribeAckReason,
    },
};
use tokio::time::sleep;

use crate::{
    client::{V3, V5, connect5, id, publish, qos},
    server::Server,
};

fn with_properties(publish: Publish, properties: PublishProperties) -> Publish {
    Publish { properties: Some(properties), ..publish }
}

fn ack(packet_id: NonZeroU16) -> Packet {
    Packet::PublishAck(PublishAck { packet_id, ..PublishAck::default() })
}

#[tokio::test(start_paused = true)]
async fn properties_pass_through() {
    let server = Server::new(Limits::default());
    let (mut client, _) = V5::connect(server.open(), connect5("a")).await;
    assert_eq!(client.subscribe("x", 1).await, SubscribeAckReason::GrantedQos1);
    let mut old = V3::connect(server.open(), "old").await;
    old.subscribe("x", 1).await;
    let properties = PublishProperties {
        correlation_data: Some("c".into()),
        content_type: Some("t".into()),
        user_properties: vec![("a".into(), "1".into()), ("a".into(), "2".into())],
        is_utf8_payload: true,
        response_topic: Some("r".into()),
        ..PublishProperties::default()
    };
    client.send(with_properties(publish("x", "p", 1, 1), properties.clone())).await;
    let (mut got, mut acked) = (None, false);
    for _ in 0..2 {
        match client.recv().await {
            Packet::Publish(message) => got = Some(message),
            Packet::PublishAck(ack) => acked = ack.reason_code == PublishAckReason::Success,
            other => panic!("{other:?}"),
        }
    }
    assert!(acked);
    assert_eq!(got.unwrap().properties, Some(properties));
    assert_eq!(old.take().await.payload, "p");

    // From inside as well.
    let inside = Properties { response_topic: Some("here".into()), ..Properties::default() };
    server.broker.publish(Message { properties: Some(Box::new(inside)), ..Message::new("x", "") });
    assert_eq!(client.message().await.properties.unwrap().response_topic.as_deref(), Some("here"));
}

#[tokio::test(start_paused = true)]
async fn subscription_options_and_identifiers() {
    let server = Server::new(Limits::default());
    let (mut client, _) = V5::connect(server.open(), connect5("a")).await;
    let plain = SubscriptionOptions { qos: qos(1), ..SubscriptionOptions::default() };
    client.subscribe_with("x/y", SubscriptionOptions { no_local: true, ..plain }, 1).await;
    client.subscribe_with("x/+", SubscriptionOptions { retain_as_published: true, ..plain }, 2).await;
    client.subscribe_with("#", plain, 0).await;
    server.broker.publish(Message { retain: true, ..Message::new("x/y", "1") });
    let message = client.message().await;
    let mut ids = message.properties.unwrap().subscription_ids;
    ids.sort();
    assert_eq!(ids, [1, 2].map(|id| NonZeroU32::new(id).unwrap()));
    assert!(message.retain);
    server.broker.publish(Message { retain: true, ..Message::new("z", "2") });
    assert!(!client.message().await.retain);
    client.send(publish("x/y", "own", 1, 1)).await;
    let mut got = None;
    while got.is_none() {
        if let Packet::Publish(message) = client.recv().await {
            got = message.properties;
        }
    }
    assert_eq!(got.unwrap().subscription_ids, [NonZeroU32::new(2).unwrap()]);

    let (mut client, _) = V5::connect(server.open(), connect5("b")).await;
    let handling = |retain_handling| SubscriptionOptions { retain_handling, ..plain };
    client.subscribe_with("z", handling(RetainHandling::NoAtSubscribe), 0).await;
    client.subscribe_with("z", handling(RetainHandling::AtSubscribeNew), 0).await;
    client.silent().await;
    client.subscribe_with("z", handling(RetainHandling::AtSubscribe), 7).await;
    let message = client.message().await;
    assert!(message.retain);
    assert_eq!(message.properties.unwrap().subscription_ids.len(), 1);
    client.subscribe_with("x/y", handling(RetainHandling::AtSubscribeNew), 0).await;
    assert_eq!(client.message().await.payload, "1");
}

#[tokio::test(start_paused = true)]
async fn unsubscribe_codes() {
    let server = Server::new(Limits::default());
    let (mut client, _) = V5::connect(server.open(), connect5("a")).await;
    client.subscribe("x", 1).await;
    let topic_filters = vec!["x".into(), "y".into()];
    client.send(Packet::Unsubscribe(Unsubscribe { packet_id: id(3), user_properties: vec![], topic_filters })).await;
    let Packet::UnsubscribeAck(ack) = client.recv().await else { panic!("no UNSUBACK") };
    assert_eq!(ack.status, [UnsubscribeAckReason::Success, UnsubscribeAckReason::NoSubscriptionExisted]);
}

#[tokio::test(start_paused = true)]
async fn shared_subscriptions_take_turns() {
    let server = Server::new(Limits::default());
    let mut clients = Vec::new();
    for name in ["a", "b", "c"] {
        let (mut client, _) = V5::connect(server.open(), connect5(name)).await;
        client.subscribe("$share/g/x/+", 0).await;
        client.subscribe("$share/other/x/+", 0).await;
        clients.push(client);
    }
    server.broker.publish(Message { retain: true, ..Message::new("x/1", "") });
    for _ in 0..29 {
        assert_eq!(server.broker.publish(Message::new("x/1", "")), 2);
    }
    for client in &mut clients {
        for _ in 0..20 {
            client.message().await;
        }
        client.silent().await;
    }
    // Those who left get nothing.
    drop(clients.pop());
    server.left(2).await;
    for _ in 0..10 {
        assert_eq!(server.broker.publish(Message::new("x/1", "")), 2);
    }
    for client in &mut clients {
        for _ in 0..10 {
            client.message().await;
        }
        client.silent().await;
    }
    // No-local makes no sense here.
    let no_local = SubscriptionOptions { no_local: true, ..SubscriptionOptions::default() };
    let packet = rmqtt_codec::v5::Subscribe {
        packet_id: id(1),
        id: None,
        user_properties: vec![],
        topic_filters: vec![("$share/g/x".into(), no_local)],
    };
    clients[0].send(packet).await;
    assert_eq!(clients[0].disconnected().await, DisconnectReasonCode::ProtocolError);
    drop(clients);
    server.left(0).await;
    assert_eq!(server.broker.stats().subscriptions, 0);
}

#[tokio::test(start_paused = true)]
async fn a_shared_subscription_prefers_the_connected() {
    let server = Server::new(Limits::default());
    let lasting = Connect { session_expiry_interval_secs: 100, ..connect5("gone") };
    let (mut gone, _) = V5::connect(server.open(), lasting).await;
    gone.subscribe("$share/g/x", 1).await;
    let (mut here, _) = V5::connect(server.open(), connect5("here")).await;
    here.subscribe("$share/g/x", 1).await;
    drop(gone);
    server.left(1).await;
    for _ in 0..4 {
        server.broker.publish(Message::new("x", ""));
        here.message().await;
    }
    drop(here);
    server.left(0).await;
    assert_eq!(server.broker.publish(Message::new("x", "")), 1);
}

#[tokio::test(start_paused = true)]
async fn topic_aliases_of_the_client() {
    let server = Server::new(Limits { topic_aliases: 2, ..Limits::default() });
    let (mut client, ack) = V5::connect(server.open(), connect5("a")).await;
    assert_eq!(ack.topic_alias_max, 2);
    client.subscribe("#", 0).await;
    let alias = |alias| PublishProperties { topic_alias: NonZeroU16::new(alias), ..PublishProperties::default() };
    for (topic, with, expected) in [("x", 1, "x"), ("", 1, "x"), ("y", 1, "y"), ("", 1, "y"), ("z", 2, "z")] {
        client.send(with_properties(publish(topic, "", 0, 0), alias(with))).await;
        let message = client.message().await;
        assert_eq!(message.topic, expected);
        assert_eq!(message.properties.unwrap().topic_alias, None);
    }
    client.send(with_properties(publish("x", "", 0, 0), alias(3))).await;
    assert_eq!(client.disconnected().await, DisconnectReasonCode::TopicAliasInvalid);
    // They end with the connection.
    let (mut client, _) = V5::connect(server.open(), connect5("a")).await;
    client.send(with_properties(publish("", "", 0, 0), alias(1))).await;
    assert_eq!(client.disconnected().await, DisconnectReasonCode::TopicAliasInvalid);
    let (mut client, _) = V5::connect(server.open(), connect5("a")).await;
    client.send(publish("", "", 0, 0)).await;
    assert_eq!(client.disconnected().await, DisconnectReasonCode::TopicNameInvalid);
}

#[tokio::test(start_paused = true)]
async fn topic_aliases_of_the_broker() {
    let server = Server::new(Limits::default());
    let (mut client, _) = V5::connect(server.open(), Connect { topic_alias_max: 1, ..connect5("a") }).await;
    client.subscribe("#", 0).await;
    for topic in ["x", "x", "y", "x"] {
        server.broker.publish(Message::new(topic, ""));
    }
    let mut got = Vec::new();
    for _ in 0..4 {
        let message = client.message().await;
        got.push((message.topic.to_string(), message.properties.unwrap().topic_alias.map_or(0, NonZeroU16::get)));
    }
    assert_eq!(got, [("x", 1), ("", 1), ("y", 0), ("", 1)].map(|(topic, alias)| (topic.to_owned(), alias)));
}

#[tokio::test(start_paused = true)]
async fn messages_expire_in_queues_and_as_retained() {
    let server = Server::new(Limits::default());
    let lasting = Connect { session_expiry_interval_secs: 1000, clean_start: false, ..connect5("a") };
    let (mut client, _) = V5::connect(server.open(), lasting.clone()).await;
    client.subscribe("x", 1).await;
    drop(client);
    server.left(0).await;
    let expiring = |topic: &'static str, secs| Message {
        properties: Some(Box::new(Properties { expiry_secs: Some(secs), ..Properties::default() })),
        ..Message::new(topic, secs.to_string())
    };
    server.broker.publish(expiring("x", 10));
    server.broker.publish(expiring("x", 30));
    server.broker.publish(Message { retain: true, ..expiring("r", 10) });
    server.broker.publish(Message { retain: true, ..expiring("r/s", 30) });
    sleep(Duration::from_secs(20)).await;
    let (mut client, _) = V5::connect(server.open(), lasting).await;
    let message = client.message().await;
    assert_eq!(message.payload, "30");
    let left = message.properties.unwrap().message_expiry_interval.unwrap().get();
    assert!((9..=10).contains(&left), "{left}");
    client.send(ack(message.packet_id.unwrap())).await;
    client.silent().await;
    assert_eq!(server.broker.stats().queued_bytes, 0);
    client.subscribe("r/#", 1).await;
    assert_eq!(client.message().await.payload, "30");
    client.silent().await;
}

#[tokio::test(start_paused = true)]
async fn limits_of_the_client() {
    let server = Server::new(Limits::default());
    let connect = Connect { receive_max: NonZeroU16::new(2), max_packet_size: NonZeroU32::new(50), ..connect5("a") };
    let (mut client, _) = V5::connect(server.open(), connect).await;
    client.subscribe("x", 1).await;
    for payload in ["1".to_owned(), "-".repeat(60), "2".to_owned(), "3".to_owned()] {
        server.broker.publish(Message::new("x", payload));
    }
    let first = client.message().await;
    assert_eq!(first.payload, "1");
    assert_eq!(client.message().await.payload, "2", "what is too big is left out");
    client.silent().await;
    client.send(ack(first.packet_id.unwrap())).await;
    assert_eq!(client.message().await.payload, "3");
    // The smallest one there is does no harm.
    let tiny = Connect { max_packet_size: NonZeroU32::new(1), ..connect5("b") };
    let (mut client, _) = V5::connect(server.open(), tiny).await;
    client.subscribe("x", 1).await;
    server.broker.publish(Message::new("x", ""));
    client.silent().await;
}

#[tokio::test(start_paused = true)]
async fn assigned_client_ids() {
    let server = Server::new(Limits::default());
    let (_one, first) = V5::connect(server.open(), connect5("")).await;
    let (_two, second) = V5::connect(server.open(), connect5("")).await;
    let first = first.assigned_client_id.unwrap();
    assert!(!first.is_empty() && Some(&first) != second.assigned_client_id.as_ref());
    server.logged(&format!("{first} connected")).await;
}

#[tokio::test(start_paused = true)]
async fn extended_authentication_is_refused() {
    let server = Server::new(Limits::default());
    let connect = Connect { auth_method: Some("x".into()), ..connect5("a") };
    let (_, ack) = V5::try_connect(server.open(), connect).await;
    assert_eq!(ack.reason_code, ConnectAckReason::BadAuthenticationMethod);
    let (mut client, _) = V5::connect(server.open(), connect5("a")).await;
    client.send(Auth::default()).await;
    assert_eq!(client.disconnected().await, DisconnectReasonCode::ProtocolError);
}
