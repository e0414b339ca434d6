//! What a node signed and a user brought: to the byte, in time, and never over what is newer.

use serde_json::{Value, json};
use shared::{access::Grant, node::certificate::revoke};
use tests::{Answer, Call, Cloud, LIGHT_PARAMS, NodeKey, User, light_config};

const NOW: i64 = 1_790_000_000;

struct World {
    cloud: Cloud,
    user: User,
    key: NodeKey,
}

impl World {
    async fn new() -> Self {
        let cloud = Cloud::new();
        let user = cloud.user("a").await;
        let key = cloud.key("n1").await;
        cloud.map(&user, "n1").await;
        Self { cloud, user, key }
    }

    fn signed(&self, payload: &str) -> Value {
        json!({ "node_payload": payload, "signature": self.key.sign(payload) })
    }

    async fn post(&self, action: &str, body: &Value) -> Answer {
        let call = Call::post(&format!("/v1/user/nodes/n1/proxy/{action}"));
        self.cloud.call(call.by(&self.user.access).json(body)).await
    }

    async fn bring(&self, action: &str, data: &str, timestamp: i64) -> Answer {
        self.post(action, &self.signed(&format!(r#"{{"data":{data},"timestamp":{timestamp}}}"#))).await
    }

    async fn light(&self) -> Value {
        self.cloud.params(&self.user, "n1").await["Light"].clone()
    }
}

#[tokio::test]
async fn what_the_node_signed_counts_as_if_it_had_sent_it() {
    let world = World::new().await;
    world.bring("config", &light_config("n1"), NOW).await.expect(200);
    let config = world.cloud.call(Call::get("/v1/user/nodes/config?node_id=n1").by(&world.user.access)).await.expect(200);
    assert_eq!(config, serde_json::from_str::<Value>(&light_config("n1")).unwrap());
    world.bring("initparams", LIGHT_PARAMS, NOW).await.expect(200);
    world.cloud.clock.pass(2);
    let answer = world.bring("params", r#"{"Light":{"Power":true,"Lux":1.50000}}"#, NOW + 2).await.expect(200);
    assert_eq!(answer["status"], "success");
    assert_eq!(world.light().await, json!({ "Name": "Lamp", "Power": true, "Brightness": 25, "Lux": 1.5 }));
    let raw = world.cloud.call(Call::get("/v1/user/nodes/params?node_id=n1").by(&world.user.access)).await.body;
    assert!(raw.contains("1.50000"), "the node's very digits: {raw}");
}

#[tokio::test]
async fn a_message_brought_late_or_again_undoes_nothing() {
    let world = World::new().await;
    world.bring("config", &light_config("n1"), NOW).await.expect(200);
    world.cloud.clock.pass(10);
    let on = r#"{"Light":{"Power":true}}"#;
    world.bring("params", on, NOW + 10).await.expect(200);
    world.cloud.clock.pass(10);
    world.bring("params", r#"{"Light":{"Power":false}}"#, NOW + 20).await.expect(200);
    world.bring("params", on, NOW + 10).await.expect(200);
    assert_eq!(world.light().await["Power"], false);
    world.cloud.clock.pass(2);
    world.cloud.publish("n1", "params/local", on).await.unwrap();
    world.bring("params", r#"{"Light":{"Power":false}}"#, NOW + 20).await.expect(200);
    assert_eq!(world.light().await["Power"], true, "what came by MQTT since is newer");
}

#[tokio::test]
async fn what_is_not_signed_to_the_byte_and_in_time_changes_nothing() {
    let world = World::new().await;
    world.bring("config", &light_config("n1"), NOW).await.expect(200);
    let payload = r#"{"data":{"Light":{"Lux":27.30000}},"timestamp":1790000000}"#;
    let good = world.signed(payload);
    let other = NodeKey::new();
    for (body, code) in [
        (json!({ "node_payload": payload.replace("27.30000", "27.3"), "signature": good["signature"] }), 103_047),
        (json!({ "node_payload": payload.replace(':', ": "), "signature": good["signature"] }), 103_047),
        (json!({ "node_payload": payload, "signature": other.sign(payload) }), 103_047),
        (json!({ "node_payload": payload, "signature": "00" }), 103_047),
        (json!({ "node_payload": payload, "signature": "no hex" }), 103_048),
        (json!({ "node_payload": payload, "signature": "" }), 103_046),
        (json!({ "node_payload": payload }), 103_046),
        (json!({ "signature": good["signature"] }), 100_006),
        (json!({ "node_payload": { "data": {} }, "signature": good["signature"] }), 100_006),
        (world.signed("no JSON"), 100_006),
        (world.signed(r#"{"data":{}}"#), 103_062),
        (world.signed(r#"{"data":{},"timestamp":"now"}"#), 100_006),
        (world.signed(r#"{"timestamp":1790000000}"#), 103_063),
        (world.signed(r#"{"data":null,"timestamp":1790000000}"#), 103_063),
        (world.signed(r#"{"data":[],"timestamp":1790000000}"#), 100_006),
        (world.signed(r#"{"data":{},"timestamp":9223372036854775807}"#), 103_049),
        (world.signed(r#"{"data":{},"timestamp":-9223372036854775808}"#), 103_049),
    ] {
        world.post("params", &body).await.expect_failure(400, code);
    }
    for (timestamp, code) in [(NOW - 301, Some(103_049)), (NOW - 300, None), (NOW + 5, None), (NOW + 6, Some(103_049))] {
        let answer = world.bring("params", "{}", timestamp).await;
        match code {
            Some(code) => drop(answer.expect_failure(400, code)),
            None => drop(answer.expect(200)),
        }
    }
    world.bring("config", r#"{"node_id":"n2"}"#, NOW).await.expect_failure(400, 100_006);
    let large = format!(r#"{{"Light":{{"Name":"{}"}}}}"#, "x".repeat(450_000));
    world.bring("params", &large, NOW).await.expect_failure(400, 100_006);
    world.post("alert", &good).await.expect_failure(400, 103_052);
    let shown = world.cloud.call(Call::get("/v1/user/nodes/params?node_id=n1").by(&world.user.access)).await;
    shown.expect_failure(400, 102_006);
    world.post("params", &good).await.expect(200);
}

#[tokio::test]
async fn only_users_of_the_node_bring_its_messages_and_not_after_it_was_revoked() {
    let world = World::new().await;
    let good = world.signed(r#"{"data":{},"timestamp":1790000000}"#);
    let stranger = world.cloud.user("b").await;
    for node in ["n1", "n2", "n%2F1", "%ff"] {
        let call = Call::post(&format!("/v1/user/nodes/{node}/proxy/params")).by(&stranger.access).json(&good);
        world.cloud.call(call).await.expect_failure(400, 103_020);
    }
    world.cloud.share(&stranger, "n1").await;
    let call = || Call::post("/v1/user/nodes/n1/proxy/params").by(&stranger.access).json(&good);
    world.cloud.call(call()).await.expect(200);
    revoke(world.cloud.ports(), &Grant::trusted_because("a test", "n1".parse().unwrap())).await.unwrap();
    world.cloud.call(call()).await.expect_failure(400, 103_047);
}
