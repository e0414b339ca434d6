//! What each operation asks of storage and of the broker, kept in `tests/snapshots/costs.txt` so that a
//! change which makes one dearer is seen in review (`UPDATE_EXPECT=1` writes it anew). It is the same on both
//! engines; a call is one request to `DynamoDB`, but where the line says how many more there are.

#![expect(clippy::unwrap_used, reason = "a test that meets an error is to fail")]

use std::sync::Arc;

use data_encoding::{HEXLOWER, HEXUPPER};
use expect_test::expect_file;
use ring::hmac;
use serde_json::json;
use shared::claim::secret;
use shared::port::{Rules, federation::Providers};
use tests::{
    Call, Cloud, NodeKey, PASSWORD, User,
    emulator::{Base, loader},
    light_config,
    ports::Clock,
    wire::Wire,
};

struct Ledger {
    cloud: Cloud,
    /// Where there is one: `SQLite` has none.
    wire: Option<Wire>,
    lines: Vec<Line>,
}

struct Line {
    text: String,
    calls: u64,
    requests: u64,
}

impl Ledger {
    fn note(&mut self, operation: &str) {
        let (usage, published) = (self.cloud.meter.take(), self.cloud.fleet.take().len());
        let units = format!("{} RU, {} WU", usage.read_units(), usage.write_units());
        let publishes = if published == 0 { String::new() } else { format!(", {published} publish") };
        let text = format!("{operation:<44} {:<56} {units}", format!("{usage}{publishes}"));
        let requests = self.wire.as_ref().map_or(0, |wire| wire.take().len() as u64);
        self.lines.push(Line { text, calls: usage.calls(), requests });
    }

    /// What was done up to here is no operation.
    fn forget(&mut self) {
        self.note("");
        self.lines.pop();
    }

    async fn call(&mut self, operation: &str, call: Call) {
        let answer = self.cloud.call(call).await;
        assert!(answer.status < 400, "{operation}: {}", answer.body);
        self.note(operation);
    }
}

async fn self_claim(ledger: &mut Ledger) {
    let secret = "000102030405060708090a0b0c0d0e0f";
    secret::add(ledger.cloud.ports(), &[("240AC4AABBCC".parse().unwrap(), secret.parse().unwrap())]).await.unwrap();
    ledger.note("register a chip's secret");
    let chip = json!({ "mac_addr": "240AC4AABBCC", "platform": "esp32s3" });
    let told = ledger.cloud.call(Call::post("/claim/initiate").json(&chip)).await.expect(200);
    ledger.note("a chip asks for a challenge");
    let key = hmac::Key::new(hmac::HMAC_SHA512, &HEXLOWER.decode(secret.as_bytes()).unwrap());
    let response = HEXUPPER.encode(hmac::sign(&key, told["challenge"].as_str().unwrap().as_bytes()).as_ref());
    let body = json!({ "auth_id": told["auth_id"], "challenge_response": response, "csr": NodeKey::new().csr("240AC4AABBCC") });
    ledger.call("a chip proves its secret", Call::post("/claim/verify").json(&body)).await;
}

async fn commands(ledger: &mut Ledger, owner: &User) {
    const PATH: &str = "/v1/user/nodes/cmd";
    const POLL: &str = "\u{1}\0\u{3}\u{1}\0\u{5}\u{2}\0\0";
    ledger.cloud.publish("n0002", "from-node", POLL).await.unwrap();
    ledger.note("node asks for commands, none waits");
    let by = |call: Call| call.by(&owner.access);
    let order =
        |nodes: &[String]| by(Call::post(PATH).json(&json!({ "node_ids": nodes, "cmd": 1, "data": { "params": {} }, "timeout": 60 })));
    let node = "n0002".to_owned();
    let told = ledger.cloud.call(order(std::slice::from_ref(&node))).await.expect(200);
    ledger.note("ask a node online to do something");
    let request = told["request_id"].as_str().unwrap();
    let answer = |data: &str| {
        format!("\u{1}\u{16}{request}\u{3}\u{1}\0\u{5}\u{2}\u{1}\0\u{6}{}{data}", char::from(u8::try_from(data.len()).unwrap()))
    };
    ledger.cloud.publish(&node, "from-node", &answer(r#"{"params":{"Light":{"Power":true}}}"#)).await.unwrap();
    ledger.note("node answers that it has set a param");
    ledger.cloud.publish(&node, "from-node", &answer("{}")).await.unwrap();
    ledger.note("node answers again");
    let many: Vec<_> = (30..55).map(|number| format!("n{number:04}")).collect();
    let told = ledger.cloud.call(order(&many)).await.expect(200);
    ledger.note("ask 25 nodes online to do something");
    let page = format!("{PATH}?num_records=25&request_id={}", told["request_id"].as_str().unwrap());
    ledger.call("what became of it at 25 nodes", by(Call::get(&page))).await;
    ledger.cloud.presence(&node, false, 3).await.unwrap();
    ledger.forget();
    ledger.call("ask a node offline to do something", order(std::slice::from_ref(&node))).await;
    ledger.cloud.publish(&node, "from-node", POLL).await.unwrap();
    ledger.note("node asks for commands, one waits");
    ledger.call("a page of a node's commands", by(Call::get(&format!("{PATH}?node_id={node}")))).await;
    ledger.call("cancel a node's command, 27 looked at", by(Call::delete(&format!("{PATH}?node_id={node}")))).await;
}

async fn nodes(cloud: &Cloud, user: &User, count: usize) {
    for number in 0..count {
        cloud.light(user, &format!("n{number:04}")).await;
    }
}

async fn accounts(ledger: &mut Ledger, owner: &User) {
    let by = |call: Call| call.by(&owner.access);
    let name = json!({ "user_name": "owner@x.io", "password": PASSWORD });
    let fresh = json!({ "user_name": "fresh@x.io", "password": PASSWORD });
    ledger.call("sign up", Call::post("/v1/user2").json(&fresh)).await;
    let code = ledger.cloud.mail.code("fresh@x.io");
    ledger.call("confirm", Call::post("/v1/user2").json(&json!({ "user_name": "fresh@x.io", "verification_code": code }))).await;
    ledger.call("log in", Call::post("/v1/login2").json(&name)).await;
    ledger.call("refresh", Call::post("/v1/login2").json(&json!({ "refreshtoken": owner.refresh }))).await;
    let asked = ledger.cloud.call(Call::post("/v1/login2").json(&json!({ "user_name": "fresh@x.io" }))).await.expect(200);
    ledger.note("have a code for logging in sent");
    let code = ledger.cloud.mail.code("fresh@x.io");
    let by_code = json!({ "user_name": "fresh@x.io", "session": asked["session"], "verification_code": code });
    ledger.call("log in by code", Call::post("/v1/login2").json(&by_code)).await;
    ledger.call("ask for a new password", Call::put("/v1/forgotpassword2").json(&json!({ "user_name": "fresh@x.io" }))).await;
    let change = json!({ "password": PASSWORD, "newpassword": PASSWORD });
    ledger.call("change the password, 1 other session", by(Call::put("/v1/password2").json(&change))).await;
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
    let data = json!({ "timeZone": { "value": "Europe/Berlin" } });
    ledger.call("change custom data", by(Call::put("/v1/user/custom_data").json(&data))).await;
    ledger.call("show custom data", by(Call::get("/v1/user/custom_data"))).await;
}

async fn sharing(ledger: &mut Ledger, owner: &User) {
    const SHARING: &str = "/v1/user/nodes/sharing";
    let guest = ledger.cloud.user("guest").await;
    ledger.forget();
    let (by, nodes) =
        (|call: Call| call.by(&owner.access), |count: u32| (0..count).map(|number| format!("n{number:04}")).collect::<Vec<_>>());
    let offer = |nodes: &[String]| by(Call::put(SHARING).json(&json!({ "nodes": nodes, "user_name": "guest@x.io" })));
    for (count, what) in [(1, "1 node"), (100, "100 nodes")] {
        let nodes = nodes(count);
        let told = ledger.cloud.call(offer(&nodes)).await.expect(200);
        ledger.note(&format!("offer {what}"));
        ledger.call("list offers received, 1", Call::get(&format!("{SHARING}/requests")).by(&guest.access)).await;
        let accept = json!({ "accept": true, "request_id": told["request_id"] });
        ledger.call(&format!("accept {what}"), Call::put(&format!("{SHARING}/requests")).by(&guest.access).json(&accept)).await;
        ledger.call(&format!("offer {what} to who has them"), offer(&nodes)).await;
        ledger.call(&format!("who has {what}"), by(Call::get(&format!("{SHARING}?num_records={count}")))).await;
        let query = format!("{SHARING}?nodes={}&user_name=guest@x.io", nodes.join(","));
        ledger.call(&format!("revoke {what}"), by(Call::delete(&query))).await;
    }
    ledger.call("who has one node", by(Call::get(&format!("{SHARING}?node_id=n0001")))).await;
}

/// What it costs more where somebody listens.
async fn listened(ledger: &mut Ledger, owner: &User) {
    ledger.cloud.events.listen();
    let add = json!({ "node_id": "n9997", "secret_key": "s", "operation": "add" });
    ledger.cloud.call(Call::put("/v1/user/nodes/mapping").by(&owner.access).json(&add)).await.expect(200);
    ledger.forget();
    let half = json!({ "node_id": "n9997", "user_id": owner.id, "secret_key": "s" }).to_string();
    ledger.cloud.publish("n9997", "user/mapping", &half).await.unwrap();
    ledger.note("node confirms a mapping, somebody listens");
    let remove = json!({ "node_id": "n9997", "operation": "remove" });
    ledger.call("remove a mapping, somebody listens", Call::put("/v1/user/nodes/mapping").by(&owner.access).json(&remove)).await;
    assert_eq!(ledger.cloud.events.take().len(), 2);
}

/// Offers groups, which the other accepts.
async fn share(ledger: &mut Ledger, user: &User, other: &User, groups: &[&String], note: bool) {
    let path = "/v1/user/node_group/sharing";
    let offer = json!({ "groups": groups, "user_name": "lodger@x.io" });
    let told = ledger.cloud.call(Call::put(path).by(&user.access).json(&offer)).await.expect(200);
    if note {
        ledger.note("offer a home");
    }
    let accept = json!({ "accept": true, "request_id": told["request_id"] });
    ledger.cloud.call(Call::put(path).by(&other.access).json(&accept)).await.expect(200);
    if note {
        ledger.note("accept a home");
    }
}

/// Homes of 10, 100 and 1,000 nodes, and lists of 1, 10 and 100 groups.
async fn groups(ledger: &mut Ledger) {
    let user = ledger.cloud.user("settler").await;
    let by = |call: Call| call.by(&user.access);
    let all: Vec<_> = (0..1000).map(|number| format!("g{number:04}")).collect();
    for node in &all {
        ledger.cloud.map(&user, node).await;
    }
    ledger.forget();
    let path = "/v1/user/node_group";
    let home = json!({ "group_name": "Home", "type": "home", "mutually_exclusive": true });
    let first = ledger.cloud.group(&user, home).await;
    ledger.note("make a home");
    let second = json!({ "group_name": "Second", "type": "home", "mutually_exclusive": true });
    let second = ledger.cloud.group(&user, second).await;
    ledger.forget();
    let room = |name: &str| json!({ "group_name": name, "parent_group_id": first });
    let hall = ledger.cloud.group(&user, room("Hall")).await;
    ledger.note("make a room");
    let change = |group: &str, operation: &str, nodes: &[String]| {
        let body = json!({ "operation": operation, "nodes": nodes });
        Call::put(&format!("{path}?group_id={group}")).by(&user.access).json(&body)
    };
    ledger.call("add a node to a home", change(&first, "add", &all[..1])).await;
    ledger.call("add it to a room", change(&hall, "add", &all[..1])).await;
    ledger.call("move it to another home", change(&second, "add", &all[..1])).await;
    ledger.call("take it out", change(&second, "remove", &all[..1])).await;
    ledger.call("rename a home", by(Call::put(&format!("{path}?group_id={first}")).json(&json!({ "group_name": "House" })))).await;
    let lodger = ledger.cloud.user("lodger").await;
    ledger.forget();
    share(ledger, &user, &lodger, &[&first], true).await;
    let mut shown = 0;
    for count in [10, 100, 1000] {
        for some in all[shown..count].chunks(100) {
            let answer = ledger.cloud.call(change(&first, "add", some)).await;
            assert_eq!(answer.status, 200);
        }
        if count == 100 {
            ledger.note("add 90 nodes to a home");
        }
        ledger.forget();
        shown = count;
        for (what, query) in [("", ""), ("'s ids", "&node_list=true"), ("'s details", "&node_details=true")] {
            let call = by(Call::get(&format!("{path}?group_id={first}&num_records={count}{query}")));
            ledger.call(&format!("a home of {count} nodes{}", what.replace("'s", ":")), call).await;
        }
        for (what, query) in [("ids", ""), ("details", "&node_details=true")] {
            let call = Call::get(&format!("/v1/user/nodes?num_records=100{query}")).by(&lodger.access);
            ledger.call(&format!("its guest lists a page of them: {what}"), call).await;
        }
    }
    ledger.cloud.light(&user, &all[0]).await;
    ledger.forget();
    let on = json!({ "Light": { "Power": true } });
    ledger.call("its guest sets a param", Call::put("/v1/user/nodes/params?node_id=g0000").by(&lodger.access).json(&on)).await;
    ledger.call("who has a home", by(Call::get(&format!("{path}/sharing?group_id={first}")))).await;
    ledger.call("take a home from a guest", by(Call::delete(&format!("{path}/sharing?groups={first}&user_name=lodger@x.io")))).await;
    ledger.call("a home by its name", by(Call::get(&format!("{path}?group_name=House")))).await;
    ledger.call("a room, with those inside", by(Call::get(&format!("{path}?group_id={hall}&sub_groups=true")))).await;
    ledger.call("remove a home of 1000 nodes with a room", by(Call::delete(&format!("{path}?group_id={first}")))).await;
    ledger.call("remove an empty home", by(Call::delete(&format!("{path}?group_id={second}")))).await;
    let mut made: Vec<String> = Vec::new();
    for count in [1, 10, 100] {
        for node in &all[made.len()..count] {
            let home = ledger.cloud.group(&user, json!({ "group_name": format!("Home {node}"), "nodes": [node] })).await;
            ledger.cloud.group(&user, json!({ "group_name": "Hall", "parent_group_id": home })).await;
            share(ledger, &user, &lodger, &[&home], false).await;
            made.push(home);
        }
        ledger.forget();
        let call = Call::get("/v1/user/nodes?num_records=100").by(&lodger.access);
        ledger.call(&format!("the guest of {count} homes lists nodes"), call).await;
        for (what, query) in [("", ""), (", node ids and rooms", "&node_list=true&sub_groups=true")] {
            let call = by(Call::get(&format!("{path}?num_records={count}{query}")));
            ledger.call(&format!("list {count} homes{what}"), call).await;
        }
    }
    let remove = json!({ "node_id": all[0], "operation": "remove" });
    ledger.call("remove a mapping, node in a home", by(Call::put("/v1/user/nodes/mapping").json(&remove))).await;
}

async fn operations(cloud: Cloud, wire: Option<Wire>) -> Vec<Line> {
    let owner = cloud.user("owner").await;
    cloud.log_in("owner@x.io").await;
    nodes(&cloud, &owner, 130).await;
    let mut ledger = Ledger { cloud, wire, lines: Vec::new() };
    ledger.forget();
    let by = |call: Call| call.by(&owner.access);
    accounts(&mut ledger, &owner).await;
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
    let details = json!({ "tags": ["room:attic"], "metadata": { "k": 1 } });
    ledger.call("tag a node", by(Call::put("/v1/user/nodes?node_id=n9999").json(&details))).await;
    ledger.call("take a tag away", by(Call::delete("/v1/user/nodes?node_id=n9999").json(&json!({ "tags": ["room:attic"] })))).await;
    ledger.call("list ids by tag, 100 nodes looked at", by(Call::get("/v1/user/nodes?tags=a:b"))).await;
    ledger.call("list 100 nodes' status alone", by(Call::get("/v1/user/nodes?node_details=true&config=false&params=false"))).await;
    ledger.call("a page of 25 nodes had", by(Call::get("/v1/user/nodes/history"))).await;
    let remove = json!({ "node_id": "n9999", "operation": "remove" });
    ledger.call("remove a mapping", by(Call::put("/v1/user/nodes/mapping").json(&remove))).await;
    let key = ledger.cloud.key("n9998").await;
    ledger.forget();
    let told = ledger.cloud.call(by(Call::post("/v1/user/nodes/mapping/initiate"))).await.expect(200);
    ledger.note("ask for a challenge");
    let signature = key.sign(told["challenge"].as_str().unwrap());
    let answer = json!({ "request_id": told["request_id"], "node_id": "n9998", "challenge_response": signature });
    ledger.call("map by a signed challenge", by(Call::post("/v1/user/nodes/mapping/verify").json(&answer))).await;
    let payload = r#"{"data":{"Light":{"Power":true}},"timestamp":1790000002}"#;
    let signed = json!({ "node_payload": payload, "signature": key.sign(payload) });
    ledger.call("bring a param that a node signed", by(Call::post("/v1/user/nodes/n9998/proxy/params").json(&signed))).await;
    let chip = json!({ "mac_addr": "240AC4AABBCC", "platform": "esp32s3" });
    let told = ledger.cloud.call(by(Call::post("/claim/initiate").json(&chip))).await.expect(200);
    ledger.note("claim: an id");
    ledger.call("claim: the same id again", by(Call::post("/claim/initiate").json(&chip))).await;
    let csr = json!({ "csr": key.csr(told["node_id"].as_str().unwrap()) });
    ledger.call("claim: a certificate, the CA's first", by(Call::post("/claim/verify").json(&csr))).await;
    ledger.call("claim: the same certificate again", by(Call::post("/claim/verify").json(&csr))).await;
    let csr = json!({ "csr": NodeKey::new().csr(told["node_id"].as_str().unwrap()) });
    ledger.call("claim: a certificate in place of another", by(Call::post("/claim/verify").json(&csr))).await;
    self_claim(&mut ledger).await;
    sharing(&mut ledger, &owner).await;
    ledger.call("delete a node", by(Call::delete("/v1/user/nodes/n0001"))).await;
    commands(&mut ledger, &owner).await;
    ledger.cloud.publish("n0002", "alert", r#"{"esp.alert.str":"leak"}"#).await.unwrap();
    ledger.note("node alerts");
    listened(&mut ledger, &owner).await;
    groups(&mut ledger).await;
    ledger.lines
}

#[tokio::test]
async fn operations_cost_what_is_written_down() {
    let (clock, wire) = (Arc::new(Clock::default()), Wire::default());
    let base = Base::by(loader().http_client(wire.clone())).await;
    let in_dynamodb = Cloud::over(base.table_at(clock.clone()), clock, Rules::default(), Providers::default());
    let (sqlite, dynamodb) = tokio::join!(operations(Cloud::new(), None), operations(in_dynamodb, Some(wire)));
    assert_eq!(sqlite.len(), dynamodb.len());
    let lines = sqlite.iter().zip(&dynamodb).map(|(local, remote)| {
        assert_eq!(local.text, remote.text);
        match remote.requests - remote.calls {
            0 => format!("{}\n", local.text),
            more => format!("{}, {more} more to DynamoDB\n", local.text),
        }
    });
    let seen: String = lines.collect();
    expect_file!["../snapshots/costs.txt"].assert_eq(&seen);
}
