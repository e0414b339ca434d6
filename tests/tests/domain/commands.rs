//! Commands: what nodes get, what becomes of answers, who sees what; races between answers, timeouts, cancelling and overriding.

use serde_json::{Value, json};
use shared::{
    command::message,
    port::{
        clock::Clock as _,
        identity::Privilege,
        table::{Batch, Key, TableId, When, Write},
    },
};
use tests::{Answer, Call, Cloud, User};

const PATH: &str = "/v1/user/nodes/cmd";
const POLL: [u8; 9] = [1, 0, 3, 1, 0, 5, 2, 0, 0];
const PRIMARY: u8 = 2;

struct Lab {
    cloud: Cloud,
    owner: User,
}

/// What a node says to a command.
fn answer_of(request: &str, status: u8, cmd: u16, data: &[u8]) -> Vec<u8> {
    let id = [&[1, u8::try_from(request.len()).unwrap()], request.as_bytes()].concat();
    let cmd = cmd.to_le_bytes();
    let mut answer = [&id[..], &[3, 1, status, 5, 2, cmd[0], cmd[1]]].concat();
    for piece in data.chunks(255) {
        answer.extend([&[6, u8::try_from(piece.len()).unwrap()], piece].concat());
    }
    answer
}

impl Lab {
    /// With a light of the owner's that is online.
    async fn new() -> Self {
        let cloud = Cloud::new();
        let owner = cloud.user("owner").await;
        cloud.light(&owner, "n1").await;
        cloud.clock.pass(10);
        cloud.fleet.take();
        Self { cloud, owner }
    }

    async fn ask(&self, by: &User, body: Value) -> Answer {
        self.cloud.call(Call::post(PATH).by(&by.access).json(&body)).await
    }

    /// Asks this node alone, which may be away; returns the request's id.
    async fn give(&self, body: Value) -> String {
        let answer = self.ask(&self.owner, body).await;
        assert!([200, 207].contains(&answer.status), "{}", answer.body);
        serde_json::from_str::<Value>(&answer.body).unwrap()["request_id"].as_str().unwrap().to_owned()
    }

    async fn list(&self, by: &User, query: &str) -> Value {
        self.cloud.call(Call::get(&format!("{PATH}?{query}")).by(&by.access)).await.expect(200)
    }

    /// The only command of this request that the owner sees.
    async fn show(&self, request: &str) -> Value {
        let page = self.list(&self.owner, &format!("request_id={request}")).await;
        assert_eq!(page["total"], 1, "{page}");
        page["requests"][0].clone()
    }

    async fn status(&self, request: &str) -> String {
        self.show(request).await["status"].as_str().unwrap().to_owned()
    }

    async fn cancel(&self, query: &str) -> String {
        let told = self.cloud.call(Call::delete(&format!("{PATH}?{query}")).by(&self.owner.access)).await.expect(200);
        told["total_cancelled"].as_str().unwrap().to_owned()
    }

    /// The node says this, now.
    async fn say(&self, payload: &[u8]) {
        self.cloud.publish_bytes("n1", "from-node", payload, self.cloud.clock.now_ms()).await.unwrap();
    }

    /// After this time, in a new session.
    async fn later(&mut self, seconds: i64) {
        self.cloud.clock.pass(seconds);
        self.owner = self.cloud.log_in("owner@x.io").await;
    }

    async fn away(&self) {
        self.cloud.clock.pass(1);
        self.cloud.presence("n1", false, 1).await.unwrap();
    }

    /// What the node got since the last time.
    fn got(&self) -> Vec<Vec<u8>> {
        self.cloud.fleet.take_bytes().into_iter().map(|(_, payload)| payload.to_vec()).collect()
    }

    async fn poll(&self) -> Vec<Vec<u8>> {
        self.cloud.fleet.take();
        self.say(&POLL).await;
        self.got()
    }
}

fn order(cmd: u16) -> Value {
    json!({ "node_ids": ["n1"], "cmd": cmd, "data": { "a": 1 } })
}

fn with(mut order: Value, field: &str, value: impl Into<Value>) -> Value {
    order[field] = value.into();
    order
}

#[tokio::test]
async fn a_command_reaches_the_node_to_the_byte_and_its_answer_the_user() {
    let lab = Lab::new().await;
    let data = json!({ "params": { "Light": { "Power": true } } });
    let told = lab.ask(&lab.owner, json!({ "node_ids": ["n1"], "cmd": 1, "data": data })).await.expect(200);
    let request = told["request_id"].as_str().unwrap();
    assert_eq!((told["status"].as_str(), request.len()), (Some("success"), 22));
    let sent = message::request(request, PRIMARY, 1, br#"{"params":{"Light":{"Power":true}}}"#);
    assert_eq!(lab.cloud.fleet.take_bytes(), [("node/n1/to-node".to_owned(), sent.into())]);
    assert_eq!(lab.status(request).await, "in_progress");

    lab.cloud.clock.pass(3);
    lab.say(&answer_of(request, 0, 1, br#"{"status":"success","params":{"Light":{"Power":true,"Lux":1.50000}}}"#)).await;
    let asked = 1_790_000_010;
    let expected = json!({
        "request_id": request, "node_id": "n1", "cmd": 1, "status": "success", "device_status": 0,
        "status_description": "The node has done it", "request_data": data,
        "response_data": { "status": "success", "params": { "Light": { "Power": true, "Lux": 1.5 } } },
        "user_name": "owner@x.io", "request_timestamp": asked, "response_timestamp": asked + 3, "expiration_timestamp": asked + 30,
    });
    assert_eq!(lab.show(request).await, expected);
    let one = lab.cloud.call(Call::get(&format!("{PATH}?request_id={request}&node_id=n1")).by(&lab.owner.access)).await;
    assert!(one.body.contains("1.50000"), "as the node wrote it: {}", one.body);
    let params = lab.cloud.params(&lab.owner, "n1").await;
    assert_eq!((&params["Light"]["Power"], &params["Light"]["Brightness"]), (&json!(true), &json!(25)), "as if it had reported them");
}

#[tokio::test]
async fn a_node_that_is_away_gets_what_waits_in_order_when_it_asks() {
    let mut lab = Lab::new().await;
    lab.away().await;
    let told = lab.ask(&lab.owner, with(order(0x1000), "timeout", 60)).await.expect(207);
    let response = json!({ "status": "success", "error_code": 131_112, "description": "Node is offline, responses may be delayed" });
    assert_eq!(told["responses"], json!([{ "node_ids": ["n1"], "response": response }]));
    let first = told["request_id"].as_str().unwrap().to_owned();
    let second = lab.give(order(0x1001)).await;
    let third = lab.give(with(order(0x1002), "timeout", -1)).await;
    assert_eq!((lab.got(), lab.status(&first).await.as_str()), (vec![], "requested"));
    let sent = |id: &str, cmd| message::request(id, PRIMARY, cmd, br#"{"a":1}"#);
    let (one, three) = (sent(&first, 0x1000), sent(&third, 0x1002));
    assert_eq!(lab.poll().await, [one.clone(), sent(&second, 0x1001), three.clone()]);
    assert_eq!(lab.status(&first).await, "in_progress");
    lab.cloud.clock.pass(30);
    assert_eq!(lab.poll().await, [one.clone(), three.clone()], "again, as long as it is not answered or timed out");
    assert_eq!(lab.status(&second).await, "timed_out");
    lab.say(&answer_of(&first, 0, 0x1000, b"")).await;
    assert_eq!(lab.poll().await, std::slice::from_ref(&three));
    lab.later(86_400 * 300).await;
    assert_eq!(lab.poll().await, [three], "without a limit");
    assert_eq!(lab.list(&lab.owner, &format!("request_id={first}")).await["requests"], json!([]), "not kept for ever");
    lab.say(&answer_of(&third, 0, 0x1002, b"")).await;
    assert_eq!((lab.poll().await, lab.status(&third).await.as_str()), (vec![], "success"));
    lab.later(86_400 * 30).await;
    assert_eq!(lab.list(&lab.owner, "status=success").await["requests"], json!([]));
}

#[tokio::test]
async fn a_node_that_is_connected_and_does_not_listen_yet_gets_it_when_it_asks() {
    let lab = Lab::new().await;
    lab.cloud.fleet.set_deaf(true);
    let told = lab.ask(&lab.owner, order(7)).await.expect(207);
    lab.cloud.fleet.set_deaf(false);
    assert_eq!(lab.poll().await, [message::request(told["request_id"].as_str().unwrap(), PRIMARY, 7, br#"{"a":1}"#)]);
}

#[tokio::test]
async fn a_node_that_comes_back_meanwhile_misses_nothing() {
    let lab = Lab::new().await;
    for session in 2..12 {
        lab.away().await;
        let back = async {
            lab.cloud.presence("n1", true, session).await.unwrap();
            lab.say(&POLL).await;
        };
        let (request, ()) = tokio::join!(lab.give(order(7)), back);
        assert!(lab.got().contains(&message::request(&request, PRIMARY, 7, br#"{"a":1}"#)), "of session {session}");
        assert_eq!(lab.cancel("node_id=n1").await, "1");
        lab.cloud.clock.pass(1);
        lab.cloud.presence("n1", false, session).await.unwrap();
    }
}

#[tokio::test]
async fn what_cannot_be_asked_is_refused_with_its_number() {
    let lab = Lab::new().await;
    let many: Vec<_> = (0..26).map(|number| format!("n{number}")).collect();
    for (body, code) in [
        (json!({}), 131_102),
        (with(order(1), "node_ids", json!([])), 131_102),
        (with(order(1), "node_ids", json!(many)), 131_103),
        (with(order(1), "node_ids", json!(["n1", "n1"])), 131_104),
        (with(order(1), "node_ids", json!(["n/1"])), 126_003),
        (with(order(1), "data", Value::Null), 131_105),
        (with(order(1), "data", "on"), 131_106),
        (with(order(1), "cmd", 65_536), 131_107),
        (with(order(1), "cmd", Value::Null), 131_107),
        (with(order(1), "data", json!({ "x": "y".repeat(65_536) })), 131_111),
        (with(order(1), "is_base64", true), 131_114),
        (with(order(1), "timeout", 0), 131_115),
        (with(order(1), "timeout", 2_592_001), 131_115),
        (with(order(1), "cmd", "1"), 100_006),
    ] {
        lab.ask(&lab.owner, body).await.expect_failure(400, code);
    }
    let stranger = lab.cloud.user("stranger").await;
    lab.ask(&stranger, order(1)).await.expect_failure(400, 100_010);
    lab.cloud.map(&lab.owner, "mute").await;
    lab.ask(&lab.owner, with(order(1), "node_ids", json!(["mute"]))).await.expect_failure(400, 131_113);
    for (query, code) in [
        ("", 131_003),
        ("cmd_id=1", 131_011),
        ("start_time=5", 131_003),
        ("node_id=n1&end_time=5", 131_013),
        ("node_id=n1&start_time=6&end_time=5", 131_012),
        ("node_id=n1&start_time=x", 131_012),
        ("node_id=n1&cmd_id=65536", 131_015),
        ("node_id=n/1", 126_003),
        ("node_id=n2", 126_003),
        ("status=done", 100_012),
        ("node_id=n1&start_id=***", 105_043),
    ] {
        lab.cloud.call(Call::get(&format!("{PATH}?{query}")).by(&lab.owner.access)).await.expect_failure(400, code);
    }
    lab.cloud.call(Call::delete(PATH).by(&lab.owner.access)).await.expect_failure(400, 131_003);
    assert!(lab.got().is_empty());
}

#[tokio::test]
async fn of_several_nodes_each_has_its_own_outcome() {
    let lab = Lab::new().await;
    lab.cloud.light(&lab.owner, "n2").await;
    lab.cloud.map(&lab.owner, "mute").await;
    lab.away().await;
    lab.cloud.fleet.take();
    let told = lab.ask(&lab.owner, with(order(7), "node_ids", json!(["other", "n1", "mute", "n2", "another"]))).await.expect(207);
    let told_of = |index: usize| {
        let one = &told["responses"][index];
        (one["node_ids"].clone(), one["response"]["status"].clone(), one["response"]["error_code"].as_u64().unwrap())
    };
    assert_eq!(told_of(0), (json!(["other", "another"]), json!("failure"), 100_010));
    assert_eq!(told_of(1), (json!(["n1"]), json!("success"), 131_112));
    assert_eq!(told_of(2), (json!(["mute"]), json!("failure"), 131_113));
    assert_eq!((told["responses"].as_array().unwrap().len(), lab.got().len()), (3, 1));
    let request = told["request_id"].as_str().unwrap();
    let page = lab.list(&lab.owner, &format!("request_id={request}&num_records=1")).await;
    let next = lab.list(&lab.owner, &format!("request_id={request}&num_records=1&start_id={}", page["next_id"].as_str().unwrap())).await;
    assert_eq!([&page["requests"][0]["node_id"], &next["requests"][0]["node_id"]], ["n2", "n1"]);
    assert_eq!((page["requests"][0]["status"].as_str(), next["requests"][0]["status"].as_str()), (Some("in_progress"), Some("requested")));
    assert_eq!(next.get("next_id"), None);
}

#[tokio::test]
async fn each_asks_in_the_role_that_they_have_when_it_is_sent() {
    let lab = Lab::new().await;
    let guest = lab.cloud.user("guest").await;
    lab.cloud.share(&guest, "n1").await;
    let role = |message: &[u8]| message[26];
    lab.ask(&guest, order(7)).await.expect(200);
    assert_eq!(lab.got().iter().map(|sent| role(sent)).collect::<Vec<_>>(), [0x04]);
    let place = |user: &User, fields: Vec<(&str, shared::port::table::Value)>| {
        let key = Key::new(TableId::Access, format!("user#{}", user.id), "node#n1");
        Batch::of(Write::put(key, fields, When::Always)).unwrap()
    };
    let sub_role = vec![("role", "secondary".into()), ("sub_role", 4.into()), ("mapped_at", 1.into())];
    lab.cloud.ports().table.write(place(&guest, sub_role)).await.unwrap();
    let admin = lab.cloud.admin("admin", Privilege::Admin).await;
    let asked = lab.cloud.call(Call::post("/v1/admin/nodes/cmd").by(&admin.access).json(&order(8))).await.expect(200);
    assert_eq!(lab.poll().await.iter().map(|sent| role(sent)).collect::<Vec<_>>(), [0x84, 0x01]);

    // Who has the node no more asks nothing of it any more.
    let key = Key::new(TableId::Access, format!("user#{}", guest.id), "node#n1");
    lab.cloud.ports().table.write(Batch::of(Write::Delete { key, when: When::Always }).unwrap()).await.unwrap();
    assert_eq!(lab.poll().await.iter().map(|sent| role(sent)).collect::<Vec<_>>(), [0x01]);
    let of_node = lab.list(&lab.owner, "node_id=n1").await;
    assert_eq!((&of_node["total"], &of_node["requests"][0]["status"]), (&json!(1), &json!("cancelled")));

    // What those who administer ask is for them alone.
    let request = asked["request_id"].as_str().unwrap();
    lab.say(&answer_of(request, 0, 8, b"{}")).await;
    assert_eq!(lab.list(&admin, &format!("request_id={request}")).await["total"], 0);
    for query in [format!("request_id={request}"), "node_id=n1".to_owned(), "status=success".to_owned()] {
        let seen = lab.cloud.call(Call::get(&format!("/v1/admin/nodes/cmd?{query}")).by(&admin.access)).await.expect(200);
        assert_eq!((&seen["total"], &seen["requests"][0]["request_id"]), (&json!(1), &json!(request)), "{query}");
    }
}

#[tokio::test]
async fn guests_see_their_own_and_a_new_owner_nothing_from_before() {
    let lab = Lab::new().await;
    let guest = lab.cloud.user("guest").await;
    lab.cloud.share(&guest, "n1").await;
    let own = lab.give(order(1)).await;
    lab.ask(&guest, order(2)).await.expect(200);
    let seen = |page: Value| page["requests"].as_array().unwrap().iter().map(|one| one["cmd"].as_i64().unwrap()).collect::<Vec<_>>();
    assert_eq!(seen(lab.list(&lab.owner, "node_id=n1").await), [2, 1]);
    assert_eq!(seen(lab.list(&guest, "node_id=n1").await), [2]);
    for query in [format!("request_id={own}"), format!("request_id={own}&node_id=n1"), "status=requested".to_owned()] {
        assert_eq!(lab.list(&guest, &query).await["total"], 0, "{query}");
    }
    let heir = lab.cloud.user("heir").await;
    lab.cloud.map(&heir, "n1").await;
    assert_eq!(seen(lab.list(&heir, "node_id=n1").await), [0; 0]);
    assert_eq!(lab.list(&lab.owner, "status=in_progress").await["total"], 0, "who has the node no more sees no more of it");
    assert_eq!(lab.poll().await, [] as [Vec<u8>; 0]);
}

#[tokio::test]
async fn lists_are_narrowed_and_come_in_pages() {
    let lab = Lab::new().await;
    for cmd in [1, 2, 1, 2, 1] {
        lab.give(order(cmd)).await;
        lab.cloud.clock.pass(10);
    }
    let times = |page: &Value| {
        page["requests"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["request_timestamp"].as_i64().unwrap() - 1_790_000_010)
            .collect::<Vec<_>>()
    };
    for (query, expected) in [
        ("node_id=n1", vec![40, 30, 20, 10, 0]),
        ("node_id=n1&desc_order=false", vec![0, 10, 20, 30, 40]),
        ("node_id=n1&cmd_id=1", vec![40, 20, 0]),
        ("node_id=n1&status=in_progress", vec![40, 30]),
        ("status=timed_out", vec![20, 10, 0]),
        ("status=timed_out&desc_order=False", vec![0, 10, 20]),
        ("node_id=n1&start_time=1790000020&end_time=1790000040", vec![30, 20, 10]),
        ("node_id=n1&start_time=1790000035", vec![40, 30]),
    ] {
        assert_eq!(times(&lab.list(&lab.owner, query).await), expected, "{query}");
        let (mut found, mut start) = (Vec::new(), String::new());
        loop {
            let page = lab.list(&lab.owner, &format!("{query}&num_records=2&start_id={start}")).await;
            found.extend(times(&page));
            let Some(next) = page["next_id"].as_str() else { break };
            next.clone_into(&mut start);
        }
        assert_eq!(found, expected, "{query}, in pages");
    }
}

#[tokio::test]
async fn what_is_open_is_cancelled_by_request_node_or_command() {
    let lab = Lab::new().await;
    lab.cloud.light(&lab.owner, "n2").await;
    let request = lab.give(with(order(1), "node_ids", json!(["n1", "n2"]))).await;
    let (second, third) = (lab.give(order(2)).await, lab.give(order(2)).await);
    lab.say(&answer_of(&second, 0, 2, b"")).await;
    assert_eq!(lab.cancel("cmd_id=2").await, "1", "what is answered stays so");
    assert_eq!((lab.status(&second).await.as_str(), lab.status(&third).await.as_str()), ("success", "cancelled"));
    assert_eq!((lab.cancel("node_id=n2").await.as_str(), lab.cancel(&format!("request_id={request}")).await.as_str()), ("1", "1"));
    assert_eq!((lab.cancel("node_id=n1").await.as_str(), lab.poll().await), ("0", vec![]));
    let fourth = lab.give(order(1)).await;
    let guest = lab.cloud.user("guest").await;
    lab.cloud.share(&guest, "n1").await;
    let told = lab.cloud.call(Call::delete(&format!("{PATH}?request_id={fourth}&node_id=n1")).by(&guest.access)).await.expect(200);
    assert_eq!((told["total_cancelled"].as_str(), lab.status(&fourth).await.as_str()), (Some("0"), "in_progress"));
    lab.cloud.clock.pass(30);
    assert_eq!((lab.cancel("node_id=n1").await.as_str(), lab.status(&fourth).await.as_str()), ("0", "timed_out"));
}

#[tokio::test]
async fn a_newer_command_overrides_those_of_its_number_if_it_says_so() {
    let mut lab = Lab::new().await;
    lab.away().await;
    let (old, other) = (lab.give(with(order(1), "timeout", -1)).await, lab.give(order(2)).await);
    let beside = lab.give(order(1)).await;
    assert_eq!(lab.status(&old).await, "requested");
    let new = lab.give(with(order(1), "override", true)).await;
    let mut statuses = Vec::new();
    for request in [&old, &other, &beside, &new] {
        statuses.push(lab.status(request).await);
    }
    assert_eq!(statuses, ["overridden", "requested", "overridden", "requested"]);
    assert_eq!(lab.poll().await.len(), 2);
    lab.later(86_400 * 30 + 30).await;
    assert_eq!(lab.list(&lab.owner, "status=overridden").await["total"], 0, "nor is one that had no limit kept for ever");
}

#[tokio::test]
async fn binary_data_go_and_come_as_base64() {
    let lab = Lab::new().await;
    let request = lab.give(json!({ "node_ids": ["n1"], "cmd": 9, "data": "AP8=", "is_base64": true })).await;
    assert_eq!(lab.got(), [message::request(&request, PRIMARY, 9, &[0, 255])]);
    lab.say(&answer_of(&request, 1, 9, &[7; 600])).await;
    let shown = lab.show(&request).await;
    assert_eq!((&shown["request_data"], &shown["is_base64"], &shown["status"]), (&json!("AP8="), &json!(true), &json!("failure")));
    assert_eq!((shown["response_data"].as_str().unwrap().len(), shown["device_status"].as_i64()), (800, Some(1)));
    let request = lab.give(order(9)).await;
    lab.say(&answer_of(&request, 0, 9, b"no JSON")).await;
    let shown = lab.show(&request).await;
    assert_eq!((shown["response_data"].as_str(), shown["response_data_error"].is_string()), (Some("bm8gSlNPTg=="), true));
}

#[tokio::test]
async fn what_nodes_refuse_is_told_and_what_belongs_to_nothing_does_nothing() {
    let lab = Lab::new().await;
    let request = lab.give(order(1)).await;
    let own = b"\x01\x05node1\x02\x01\x08\x03\x01\x00\x05\x02\x01\x10\x06\x07{\"a\":1}";
    for odd in [&own[..], b"\x01\x00\x03\x01\x02\x05\x02\x01\x00", &answer_of("unknown", 0, 1, b"{}"), &answer_of("a/b", 0, 1, b"{}")] {
        lab.say(odd).await;
    }
    let of_another = answer_of(&request, 0, 1, br#"{"params":{"Light":{"Power":true}}}"#);
    lab.cloud.publish_bytes("n2", "from-node", &of_another, 1_790_000_010_000).await.unwrap();
    assert_eq!(lab.status(&request).await, "in_progress");
    for (status, says) in [(2, "understand"), (3, "role"), (4, "no such"), (200, "did not")] {
        let request = lab.give(order(1)).await;
        lab.say(&answer_of(&request, status, 1, b"")).await;
        let shown = lab.show(&request).await;
        assert_eq!((shown["status"].as_str(), shown["device_status"].as_u64()), (Some("failure"), Some(status.into())));
        assert!(shown["status_description"].as_str().unwrap().contains(says) && shown.get("response_data").is_none(), "{shown}");
    }
}

const LIT: &[u8] = br#"{"status":"success","params":{"Light":{"Brightness":70}}}"#;

#[tokio::test]
async fn what_arrives_before_the_timeout_counts_and_what_arrives_after_it_is_late() {
    let lab = Lab::new().await;
    for (after_ms, status) in [(29_999, "success"), (30_000, "timed_out")] {
        let (request, asked) = (lab.give(order(1)).await, lab.cloud.clock.now_ms());
        lab.cloud.clock.pass(40);
        assert_eq!(lab.status(&request).await, "timed_out");
        lab.cloud.publish_bytes("n1", "from-node", &answer_of(&request, 0, 1, LIT), asked + after_ms).await.unwrap();
        let shown = lab.show(&request).await;
        assert_eq!(
            (shown["status"].as_str(), shown["device_status"].as_i64(), shown["response_data"]["status"].as_str()),
            (Some(status), Some(0), Some("success"))
        );
        assert_eq!(lab.cloud.params(&lab.owner, "n1").await["Light"]["Brightness"], 70, "it is so, late or not");
        lab.cloud.publish("n1", "params/local", r#"{"Light":{"Brightness":5}}"#).await.unwrap();
        lab.say(&answer_of(&request, 1, 1, LIT)).await;
        assert_eq!(lab.show(&request).await, shown, "the first answer counts");
        assert_eq!(lab.cloud.params(&lab.owner, "n1").await["Light"]["Brightness"], 5, "and nothing is set twice");
        lab.cloud.clock.pass(1);
    }
}

#[tokio::test]
async fn of_an_answer_and_a_cancel_or_an_override_one_is_first() {
    let lab = Lab::new().await;
    let mut seen = [0, 0];
    for round in 0..24 {
        let request = lab.give(with(order(1), "timeout", -1)).await;
        let answer = answer_of(&request, 0, 1, br#"{"x":1}"#);
        let change = async {
            for _ in 0..round % 7 {
                tokio::task::yield_now().await;
            }
            if round % 2 == 0 {
                lab.cancel(&format!("request_id={request}")).await
            } else {
                lab.give(with(order(1), "override", true)).await
            }
        };
        let twice = async {
            tokio::join!(lab.say(&answer), lab.say(&answer));
        };
        let told = match round / 2 % 4 {
            0 => {
                let told = change.await;
                twice.await;
                told
            }
            1 => {
                twice.await;
                change.await
            }
            _ => tokio::join!(change, twice).0,
        };
        let shown = lab.show(&request).await;
        let answered = shown["status"] == "success";
        seen[usize::from(answered)] += 1;
        let ended = if round % 2 == 0 { "cancelled" } else { "overridden" };
        assert!(answered || shown["status"] == ended, "{shown}");
        assert_eq!((&shown["response_data"], &shown["device_status"]), (&json!({ "x": 1 }), &json!(0)), "noted in any case");
        assert!(round % 2 == 1 || told == if answered { "0" } else { "1" }, "{told}: {shown}");
        lab.cancel("node_id=n1").await;
        assert_eq!(lab.poll().await, [] as [Vec<u8>; 0], "nothing waits any more");
        lab.cloud.clock.pass(1);
    }
    assert!(seen.iter().all(|times| *times > 0), "both come first at times: {seen:?}");
}

#[tokio::test]
async fn what_is_cancelled_before_it_was_sent_is_never_sent() {
    let lab = Lab::new().await;
    for round in 0..20 {
        lab.away().await;
        let request = lab.give(order(7)).await;
        let query = format!("request_id={request}");
        let cancel = async {
            for _ in 0..round % 5 {
                tokio::task::yield_now().await;
            }
            lab.cancel(&query).await
        };
        let (cancelled, sent) = tokio::join!(cancel, lab.poll());
        assert_eq!((cancelled.as_str(), lab.status(&request).await.as_str()), ("1", "cancelled"), "sent or not: {sent:?}");
        assert_eq!(lab.poll().await, [] as [Vec<u8>; 0]);
    }
}

#[tokio::test]
async fn a_poll_sends_the_oldest_first_however_much_waits() {
    let lab = Lab::new().await;
    lab.away().await;
    let mut expected = Vec::new();
    for cmd in 0..70 {
        let request = lab.give(with(order(cmd), "timeout", -1)).await;
        expected.push(message::request(&request, PRIMARY, cmd, br#"{"a":1}"#));
    }
    assert_eq!(lab.poll().await, expected);
}
