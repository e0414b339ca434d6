//! What each operation asks of storage and of the broker, kept in `tests/snapshots/costs.txt` so that a
//! change which makes one dearer is seen in review (`UPDATE_EXPECT=1` writes it anew).

use expect_test::expect_file;
use serde_json::json;
use tests::{Call, Cloud, PASSWORD, User, light_config};

struct Ledger {
    cloud: Cloud,
    lines: Vec<String>,
}

impl Ledger {
    fn note(&mut self, operation: &str) {
        let (usage, published) = (self.cloud.meter.take(), self.cloud.fleet.take().len());
        let units = format!("{} RU, {} WU", usage.read_units(), usage.write_units());
        let publishes = if published == 0 { String::new() } else { format!(", {published} publish") };
        self.lines.push(format!("{operation:<44} {:<56} {units}\n", format!("{usage}{publishes}")));
    }

    async fn call(&mut self, operation: &str, call: Call) {
        let answer = self.cloud.call(call).await;
        assert!(answer.status < 400, "{operation}: {}", answer.body);
        self.note(operation);
    }
}

async fn nodes(cloud: &Cloud, user: &User, count: usize) {
    for number in 0..count {
        cloud.light(user, &format!("n{number:04}")).await;
    }
}

#[tokio::test]
async fn operations_cost_what_is_written_down() {
    let cloud = Cloud::new();
    let owner = cloud.user("owner").await;
    nodes(&cloud, &owner, 130).await;
    cloud.meter.take();
    cloud.fleet.take();
    let mut ledger = Ledger { cloud, lines: Vec::new() };
    let by = |call: Call| call.by(&owner.access);
    let name = json!({ "user_name": "owner@x.io", "password": PASSWORD });
    let fresh = json!({ "user_name": "fresh@x.io", "password": PASSWORD });
    ledger.call("sign up", Call::post("/v1/user2").json(&fresh)).await;
    let code = ledger.cloud.mail.code("fresh@x.io");
    ledger.call("confirm", Call::post("/v1/user2").json(&json!({ "user_name": "fresh@x.io", "verification_code": code }))).await;
    ledger.call("log in", Call::post("/v1/login2").json(&name)).await;
    ledger.call("refresh", Call::post("/v1/login2").json(&json!({ "refreshtoken": owner.refresh }))).await;
    ledger.call("log out", by(Call::post("/v1/logout2"))).await;
    let ask = "response_type=code&client_id=raincloud&redirect_uri=http://localhost/";
    let form = format!("{ask}&user_name=owner@x.io&password={PASSWORD}");
    let seen = ledger.cloud.respond(Call::post("/authorize").text(&form).into_request()).await;
    let location = seen.headers()["location"].to_str().unwrap().to_owned();
    let code = location.split_once("code=").unwrap().1;
    ledger.note("log in by a browser, up to the code");
    let form = format!("grant_type=authorization_code&client_id=raincloud&redirect_uri=http://localhost/&code={code}");
    ledger.call("redeem the code", Call::post("/token").text(&form)).await;
    ledger.call("show the user", by(Call::get("/v1/user2"))).await;
    ledger.call("list 10 nodes' ids", by(Call::get("/v1/user/nodes?num_records=10"))).await;
    ledger.call("list 10 nodes with details", by(Call::get("/v1/user/nodes?node_details=true&num_records=10"))).await;
    ledger.call("list a page of 100 nodes with details", by(Call::get("/v1/user/nodes?node_details=true"))).await;
    ledger.call("one node with details", by(Call::get("/v1/user/nodes?node_id=n0001"))).await;
    for what in ["config", "status", "params"] {
        ledger.call(&format!("a node's {what}"), by(Call::get(&format!("/v1/user/nodes/{what}?node_id=n0001")))).await;
    }
    let power = json!({ "Light": { "Power": true } });
    ledger.call("set a param, node online", by(Call::put("/v1/user/nodes/params?node_id=n0001").json(&power))).await;
    let many: Vec<_> = (0..25).map(|number| json!({ "node_id": format!("n{number:04}"), "payload": power })).collect();
    ledger.call("set a param of 25 nodes online", by(Call::put("/v1/user/nodes/params").json(&many.into()))).await;
    ledger.cloud.clock.pass(1);
    ledger.cloud.presence("n0001", false, 1).await.unwrap();
    ledger.note("node disconnects");
    ledger.call("set a param, node offline", by(Call::put("/v1/user/nodes/params?node_id=n0001").json(&power))).await;
    ledger.cloud.clock.pass(1);
    ledger.cloud.presence("n0001", true, 2).await.unwrap();
    ledger.note("node connects");
    ledger.cloud.subscribe("n0001").await.unwrap();
    ledger.note("node subscribes, a param is wanted");
    ledger.cloud.publish("n0001", "params/local", r#"{"Light":{"Power":true}}"#).await.unwrap();
    ledger.note("node reports a param");
    ledger.cloud.subscribe("n0001").await.unwrap();
    ledger.note("node subscribes, nothing is wanted");
    ledger.cloud.publish("n0001", "params/local/init", tests::LIGHT_PARAMS).await.unwrap();
    ledger.note("node reports all params after a boot");
    ledger.cloud.clock.pass(1);
    ledger.cloud.publish("n0001", "config", &light_config("n0001")).await.unwrap();
    ledger.note("node reports its config, unchanged");
    let add = json!({ "node_id": "n9999", "secret_key": "s", "operation": "add" });
    ledger.call("ask for a mapping", by(Call::put("/v1/user/nodes/mapping").json(&add))).await;
    let half = json!({ "node_id": "n9999", "user_id": owner.id, "secret_key": "s" }).to_string();
    ledger.cloud.publish("n9999", "user/mapping", &half).await.unwrap();
    ledger.note("node confirms a mapping");
    let remove = json!({ "node_id": "n9999", "operation": "remove" });
    ledger.call("remove a mapping", by(Call::put("/v1/user/nodes/mapping").json(&remove))).await;
    expect_file!["../snapshots/costs.txt"].assert_eq(&ledger.lines.concat());
}
