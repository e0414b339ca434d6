//! The function's Lambda binaries as processes behind a Runtime API, over the local AWS emulator, with the tables
//! that the function may use and no other, and with the sample of every trigger.

#![expect(clippy::unwrap_used, reason = "a test that meets an error is to fail")]

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use shared::{
    node::certificate::Fingerprint,
    port::{
        identity::Privilege,
        table::{Key, Query, Record, TableId},
    },
};
use tests::{
    Call, NodeKey, PASSWORD,
    emulator::{self, Base, variable},
    listener::Listener,
    runtime_api::{Function, get, request, sample},
};

async fn events(base: &Base) -> Function {
    Function::start(env!("CARGO_BIN_EXE_node-events"), &base.variables(node::TABLES)).await
}

async fn stored(base: &Base, node: &str, sort: &str) -> Option<Record> {
    base.table().get(&Key::new(TableId::Nodes, format!("node#{node}"), sort)).await.unwrap()
}

#[tokio::test]
async fn every_trigger_is_handled() {
    let base = Base::new().await;
    let mut function = events(&base).await;
    for name in ["rule-params-local.json", "presence-connected.json", "subscribed.json", "presence-taken-over.json"] {
        assert_eq!(function.invoke(sample(name)).await, Ok(Value::Null), "{name}");
    }
    let params = stored(&base, "n1", "params").await.unwrap();
    assert_eq!((params.json("p/Light/Lux"), params.fields["p/Light/Lux"].at), (Some("27.30000"), Some(1_790_000_001_000)));
    let presence = stored(&base, "n1", "presence").await.unwrap();
    assert_eq!((presence.bool("connected"), presence.int("at")), (Some(true), Some(1_790_000_002_000)));
    for name in ["presence-disconnected.json", "rule-will.json"] {
        assert_eq!(function.invoke(sample(name)).await, Ok(Value::Null), "{name}");
    }
    let params = stored(&base, "n1", "params").await.unwrap();
    assert_eq!(params.json("p/Connectivity/Connected"), Some("false"));
    let presence = stored(&base, "n1", "presence").await.unwrap();
    assert_eq!((presence.bool("connected"), presence.int("at")), (Some(false), Some(1_790_000_009_000)));
}

#[tokio::test]
async fn what_waits_in_the_queue_is_handled_and_the_rest_is_told() {
    let base = Base::new().await;
    let mut function = events(&base).await;
    let (batch, answer) =
        (sample("queue-node.json"), json!({ "batchItemFailures": [{ "itemIdentifier": "059f36b4-87a3-44ab-83d2-661975720004" }] }));
    // Once more it changes nothing.
    let mut before = None;
    for _ in 0..2 {
        assert_eq!(function.invoke(batch.clone()).await, Ok(answer.clone()));
        let params = stored(&base, "n2", "params").await.unwrap();
        assert_eq!((params.json("p/Light/Power"), params.fields["p/Light/Power"].at), (Some("true"), Some(1_790_000_002_000)));
        assert_eq!((params.json("p/Light/Brightness"), params.fields["p/Light/Brightness"].at), (Some("7"), Some(1_790_000_004_000)));
        let presence = stored(&base, "n2", "presence").await.unwrap();
        assert_eq!((presence.bool("connected"), presence.int("at")), (Some(true), Some(1_790_000_005_000)));
        let fields = (params.fields, presence.fields);
        assert_eq!(before.get_or_insert_with(|| fields.clone()), &fields);
    }
}

#[tokio::test]
async fn what_is_no_trigger_is_an_error() {
    let base = Base::new().await;
    let mut function = events(&base).await;
    let nowhere = json!({ "topic": "node/n1/config", "clientId": "n1", "base64OriginalPayload": "e30=" });
    for bad in [json!({}), json!({ "payload": "***", "topic": "node/n1/config", "client": "n1", "ts": 1 }), nowhere] {
        let failure = function.invoke(bad).await.unwrap_err();
        assert!(failure["errorMessage"].is_string(), "{failure}");
    }
    // The process goes on.
    assert!(function.invoke(sample("presence-connected.json")).await.is_ok());
}

/// An access token as the user function gives it.
async fn token(base: &Base) -> String {
    let ports = base.ports();
    let name = "a@x.io".parse().unwrap();
    ports.identity.make(&name, &PASSWORD.parse().unwrap(), Privilege::None).await.unwrap();
    ports.identity.sign_in(&name, PASSWORD).await.unwrap().access
}

#[tokio::test]
async fn a_user_claims_a_node_behind_the_api() {
    let (base, policy) = (Base::new().await, emulator::policy().await);
    let mut variables = base.variables(node::TABLES);
    variables.push(variable("RAINCLOUD_NODE_POLICY", &policy));
    let mut function = Function::start(env!("CARGO_BIN_EXE_node-api"), &variables).await;
    assert_eq!(function.invoke(get("/v1/user/nodes")).await.unwrap()["statusCode"], 401);
    assert_eq!(function.invoke(get("/v1/nothing")).await.unwrap()["statusCode"], 404);

    let token = token(&base).await;
    let mut call = async |path: &str, body: Value| {
        let answer = function.invoke(request(&Call::post(path).json(&body), &json!({ "authorization": token }))).await.unwrap();
        assert_eq!(answer["statusCode"], 200, "{answer}");
        serde_json::from_str::<Value>(answer["body"].as_str().unwrap()).unwrap()
    };
    let told = call("/claim/initiate", json!({ "mac_addr": "240AC4AABBCC", "platform": "esp32s3" })).await;
    let id = told["node_id"].as_str().unwrap();
    let csr = json!({ "csr": NodeKey::new().csr(id), "send_mqtt_host": true });
    let first = call("/claim/verify", csr.clone()).await;
    assert_eq!(call("/claim/verify", csr).await, first);
    assert!(first["mqtt_host"].as_str().unwrap().contains(".iot."));

    // AWS IoT knows it by our fingerprint, as this node's.
    let certificate = pem::parse(first["certificate"].as_str().unwrap()).unwrap();
    let fingerprint = Fingerprint::of(certificate.contents()).to_string();
    let iot = aws_sdk_iot::Client::new(&emulator::config().await);
    let known = iot.describe_certificate().certificate_id(fingerprint).send().await.unwrap().certificate_description.unwrap();
    assert_eq!(known.status.unwrap().as_str(), "ACTIVE");
    let things = iot.list_principal_things().principal(known.certificate_arn.unwrap()).send().await.unwrap().things.unwrap();
    assert_eq!(things, [id]);
}

#[tokio::test]
async fn a_mapping_is_told_at_once() {
    let (base, mut listener) = (Base::new().await, Listener::new().await);
    let mut variables = base.variables(node::TABLES);
    variables.push(variable("RAINCLOUD_EVENTS_TOPIC", &listener.topic));
    let token = token(&base).await;
    let user = base.ports().identity.verify(&token).await.unwrap().user_id;
    let mut api = Function::start(env!("CARGO_BIN_EXE_node-api"), &variables).await;
    let ask = Call::put("/v1/user/nodes/mapping").json(&json!({ "node_id": "n5", "secret_key": "s", "operation": "add" }));
    assert_eq!(api.invoke(request(&ask, &json!({ "authorization": token }))).await.unwrap()["statusCode"], 200);
    let half = json!({ "node_id": "n5", "user_id": user.as_str(), "secret_key": "s" }).to_string();
    let topic = "$aws/rules/esp_user_node_mapping/node/n5/user/mapping";
    let message = json!({ "payload": STANDARD.encode(half), "topic": topic, "client": "n5", "ts": 1_790_000_001_000_i64 });
    let mut events = Function::start(env!("CARGO_BIN_EXE_node-events"), &variables).await;
    assert_eq!(events.invoke(message).await, Ok(Value::Null));
    let told = listener.next().await;
    assert_eq!(told["MessageAttributes"]["event_type"]["Value"], "rmaker.event.user_node_added");
    let envelope: Value = serde_json::from_str(told["Message"].as_str().unwrap()).unwrap();
    assert_eq!((&envelope["node_id"], &envelope["user_ids"]), (&json!("n5"), &json!([user.as_str()])));
    let left = base.table().query(Query::prefix(TableId::Access, "outbox", "", 1)).await.unwrap();
    assert!(left.records.is_empty());
}
