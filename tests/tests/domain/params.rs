//! Params: what is shown, what is refused, order of deliveries, what is wanted of a node that is away.

use serde_json::{Value, json};
use shared::port::{
    Rules,
    table::{Key, TableId},
};
use tests::{Answer, Call, Cloud, LIGHT_PARAMS, User, light_config};

async fn light() -> (Cloud, User) {
    let cloud = Cloud::new();
    let user = cloud.user("a").await;
    cloud.light(&user, "n1").await;
    cloud.fleet.take();
    (cloud, user)
}

async fn set(cloud: &Cloud, user: &User, wanted: Value) -> Answer {
    cloud.call(Call::put("/v1/user/nodes/params?node_id=n1").by(&user.access).json(&wanted)).await
}

fn sent(payload: &str) -> Vec<(String, String)> {
    vec![("node/n1/params/remote".to_owned(), payload.to_owned())]
}

#[tokio::test]
async fn values_are_shown_as_reported_and_write_only_ones_never() {
    let (cloud, user) = light().await;
    let one = cloud.call(Call::get("/v1/user/nodes/params?nodeid=n1").by(&user.access)).await;
    assert_eq!(
        one.body,
        r#"{"Light":{"Brightness":25,"Lux":27.30000,"Name":"Lamp","Power":false},"RMUserAuth":{"UserTokenStatus":1},"Time":{}}"#
    );
    for uri in ["/v1/user/nodes?node_details=true", "/v1/user/nodes?node_id=n1", "/v1/user/nodes/params?node_id=n1"] {
        let answer = cloud.call(Call::get(uri).by(&user.access)).await;
        assert!(answer.status == 200 && !answer.body.contains("refresh-me") && answer.body.contains("27.30000"), "{}", answer.body);
    }
}

#[tokio::test]
async fn what_the_config_does_not_declare_is_not_shown() {
    let (cloud, user) = light().await;
    cloud.publish("n1", "params/local", r#"{"Light":{"Secret":"x"},"Other":{"Token":"y"}}"#).await.unwrap();
    let shown = cloud.params(&user, "n1").await;
    assert!(shown["Light"].get("Secret").is_none() && shown.get("Other").is_none(), "{shown}");
}

#[tokio::test]
async fn a_late_or_repeated_report_undoes_nothing() {
    let (cloud, user) = light().await;
    let now = 1_790_000_100_000;
    cloud.clock.pass(200);
    for (brightness, at) in [(1, now), (3, now + 2), (2, now + 1), (3, now + 2), (1, now)] {
        cloud.publish_at("n1", "params/local", &format!(r#"{{"Light":{{"Brightness":{brightness}}}}}"#), at).await.unwrap();
    }
    assert_eq!(cloud.params(&user, "n1").await["Light"]["Brightness"], 3);
}

#[tokio::test]
async fn params_that_a_new_config_lacks_are_forgotten() {
    let (cloud, user) = light().await;
    cloud.clock.pass(1);
    cloud
        .publish("n1", "config", r#"{"node_id":"n1","devices":[{"name":"Light","params":[{"name":"Power","properties":["read"]}]}]}"#)
        .await
        .unwrap();
    cloud.clock.pass(1);
    cloud.publish("n1", "config", &light_config("n1")).await.unwrap();
    assert_eq!(cloud.params(&user, "n1").await, json!({ "Light": { "Power": false }, "RMUserAuth": {}, "Time": {} }));
}

#[tokio::test]
async fn a_node_online_gets_what_is_set_byte_for_byte() {
    let (cloud, user) = light().await;
    set(&cloud, &user, json!({ "Light": { "Name": "Küche / oben & unten", "Brightness": 70 } })).await.expect(200);
    assert_eq!(cloud.fleet.take(), sent(r#"{"Light":{"Name":"Küche / oben & unten","Brightness":70}}"#));
    assert_eq!(cloud.params(&user, "n1").await["Light"]["Brightness"], 25, "what is shown is what the node reports");
}

#[tokio::test]
async fn what_does_not_fit_is_refused_and_nothing_is_sent() {
    let (cloud, user) = light().await;
    let why = set(&cloud, &user, json!({ "Light": { "Power": true, "Brightness": 101 } })).await.expect_failure(400, 100_012);
    assert_eq!(why, "Light.Brightness takes at most 100");
    for bad in [
        json!([]),
        json!("on"),
        json!(null),
        json!({}),
        json!({ "Light": { "Lux": 1.0 } }),
        json!({ "RMUserAuth": { "UserTokenStatus": 1 } }),
    ] {
        assert_eq!(set(&cloud, &user, bad).await.status, 400);
    }
    assert_eq!(cloud.fleet.take(), []);
}

#[tokio::test]
async fn a_list_is_answered_entry_by_entry() {
    let (cloud, user) = light().await;
    cloud.light(&user, "n2").await;
    cloud.light(&cloud.user("b").await, "n3").await;
    cloud.fleet.take();
    let entry = |node: &str, brightness: i64| json!({ "node_id": node, "payload": { "Light": { "Brightness": brightness } } });
    let put = |body: Value| cloud.call(Call::put("/v1/user/nodes/params").by(&user.access).json(&body));
    let odd = json!({ "node_id": "n5", "payload": true });
    let answer = put(json!([entry("n3", 3), entry("n2", 101), entry("n/4", 4), odd, entry("n1", 1)])).await.expect(207);
    let outcome = |index: usize| {
        (answer[index]["node_id"].as_str().unwrap(), answer[index]["status"].as_str().unwrap(), answer[index]["error_code"].as_u64())
    };
    let failed = |node: &'static str, code: u64| (node, "failure", Some(code));
    let expected = [failed("n3", 100_010), failed("n2", 100_012), failed("n/4", 100_010), failed("n5", 100_006), ("n1", "success", None)];
    assert_eq!([0, 1, 2, 3, 4].map(outcome), expected);
    assert_eq!(cloud.fleet.take(), sent(r#"{"Light":{"Brightness":1}}"#));
    for bad in [
        json!([]),
        json!([entry("n1", 1), entry("n1", 2)]),
        json!((0..26).map(|number| entry(&format!("m{number}"), 1)).collect::<Vec<_>>()),
        json!([{ "node_id": "n1" }]),
        json!({ "Light": {} }),
    ] {
        put(bad).await.expect_failure(400, 100_006);
    }
    assert_eq!(cloud.fleet.take(), []);
}

#[tokio::test]
async fn a_node_that_was_away_gets_what_is_still_wanted() {
    let (cloud, user) = light().await;
    cloud.clock.pass(1);
    cloud.presence("n1", false, 1).await.unwrap();
    set(&cloud, &user, json!({ "Light": { "Power": true, "Brightness": 1 } })).await.expect(200);
    cloud.clock.pass(100);
    set(&cloud, &user, json!({ "Light": { "Brightness": 2 } })).await.expect(200);
    cloud.fleet.take();
    cloud.presence("n1", true, 2).await.unwrap();
    cloud.subscribe("n1").await.unwrap();
    assert_eq!(cloud.fleet.take(), sent(r#"{"Light":{"Brightness":2,"Power":true}}"#));
    // A boot's report says nothing of what is wanted, a change of the param itself settles it.
    cloud.publish("n1", "params/local/init", LIGHT_PARAMS).await.unwrap();
    cloud.clock.pass(1);
    cloud.publish("n1", "params/local", r#"{"Light":{"Brightness":2}}"#).await.unwrap();
    cloud.subscribe("n1").await.unwrap();
    assert_eq!(cloud.fleet.take(), sent(r#"{"Light":{"Power":true}}"#));
    // Each value has its own time.
    cloud.clock.pass(499);
    cloud.subscribe("n1").await.unwrap();
    assert_eq!(cloud.fleet.take(), []);
}

#[tokio::test]
async fn a_report_from_before_the_wish_does_not_settle_it() {
    let (cloud, user) = light().await;
    let before = 1_790_000_000_000 - 5000;
    cloud.presence("n1", false, 1).await.unwrap();
    cloud.clock.pass(1);
    cloud.presence("n1", false, 2).await.unwrap();
    set(&cloud, &user, json!({ "Light": { "Power": true } })).await.expect(200);
    cloud.fleet.take();
    cloud.publish_at("n1", "params/local", r#"{"Light":{"Power":false}}"#, before).await.unwrap();
    cloud.subscribe("n1").await.unwrap();
    assert_eq!(cloud.fleet.take(), sent(r#"{"Light":{"Power":true}}"#));
}

#[tokio::test]
async fn an_owner_may_have_nothing_kept() {
    let cloud = Cloud::with_rules(Rules { desired_seconds: 0, ..Rules::default() });
    let user = cloud.user("a").await;
    cloud.light(&user, "n1").await;
    cloud.clock.pass(1);
    cloud.presence("n1", false, 1).await.unwrap();
    set(&cloud, &user, json!({ "Light": { "Power": true } })).await.expect(200);
    cloud.fleet.take();
    cloud.subscribe("n1").await.unwrap();
    assert_eq!(cloud.fleet.take(), []);
}

#[tokio::test]
async fn a_boot_with_many_params_is_stored_whole() {
    let (cloud, user) = light().await;
    let specs: Vec<_> =
        (0..130).map(|number| json!({ "name": format!("P{number}"), "data_type": "int", "properties": ["read"] })).collect();
    cloud.clock.pass(1);
    cloud.publish("n1", "config", &json!({ "node_id": "n1", "devices": [{ "name": "D", "params": specs }] }).to_string()).await.unwrap();
    let values: serde_json::Map<String, Value> = (0..130).map(|number| (format!("P{number}"), number.into())).collect();
    cloud.publish("n1", "params/local/init", &json!({ "D": values }).to_string()).await.unwrap();
    assert_eq!(cloud.params(&user, "n1").await["D"], Value::Object(values));
}

#[tokio::test]
async fn what_cannot_be_understood_is_kept_and_counted() {
    let (cloud, user) = light().await;
    for (suffix, payload) in [
        ("config", r#"{"node_id":"n1","devices":[{"name":"L"#),
        ("config", r#"{"node_id":"n2","devices":[]}"#),
        ("params/local", r#"{"Light":{"Name":"Bob"s lamp"}}"#),
        ("params/local", r#"{"Light":{"Lux":na}}"#),
        ("user/mapping", "hello"),
    ] {
        cloud.publish("n1", suffix, payload).await.unwrap();
    }
    let record = cloud.ports().table.get(&Key::new(TableId::Nodes, "node#n1", "unparsable")).await.unwrap().unwrap();
    assert_eq!((record.int("count"), record.str("suffix"), record.bytes("payload")), (Some(5), Some("user/mapping"), Some(&b"hello"[..])));
    assert_eq!(cloud.params(&user, "n1").await["Light"]["Name"], "Lamp");
}

#[tokio::test]
async fn a_record_that_is_full_stops_growing_without_stopping_the_node() {
    let (cloud, user) = light().await;
    let long = "x".repeat(100_000);
    for number in 0..5 {
        cloud.publish("n1", "params/local", &format!(r#"{{"D":{{"P{number}":"{long}"}}}}"#)).await.unwrap();
    }
    assert_eq!(cloud.params(&user, "n1").await["Light"]["Power"], false);
}

#[tokio::test]
async fn a_node_speaks_for_itself_alone() {
    let (cloud, user) = light().await;
    let event = shared::event::Event::Message {
        client_id: Some("n2".to_owned()),
        topic: "node/n1/params/local".to_owned(),
        payload: r#"{"Light":{"Power":true}}"#.into(),
        at: 1_790_000_100_000,
    };
    node::on_event(&cloud.app, event).await.unwrap();
    assert_eq!(cloud.params(&user, "n1").await["Light"]["Power"], false);
}

#[tokio::test]
async fn a_node_that_has_not_subscribed_yet_gets_what_is_set_when_it_does() {
    let (cloud, user) = light().await;
    cloud.fleet.set_deaf(true);
    set(&cloud, &user, json!({ "Light": { "Power": true } })).await.expect(200);
    cloud.fleet.set_deaf(false);
    cloud.subscribe("n1").await.unwrap();
    assert_eq!(cloud.fleet.take(), sent(r#"{"Light":{"Power":true}}"#));
}

#[tokio::test]
async fn what_a_user_wanted_goes_with_the_users_right() {
    let (cloud, user) = light().await;
    cloud.clock.pass(1);
    cloud.presence("n1", false, 1).await.unwrap();
    let wish = json!({ "Light": { "Power": true }, "RMUserAuth": { "UserToken": "mine" } });
    set(&cloud, &user, wish).await.expect(200);
    cloud.map(&cloud.user("b").await, "n1").await;
    cloud.fleet.take();
    cloud.subscribe("n1").await.unwrap();
    assert_eq!(cloud.fleet.take(), []);
    let record = cloud.ports().table.get(&Key::new(TableId::Nodes, "node#n1", "params")).await.unwrap().unwrap();
    assert!(!record.fields.keys().any(|name| name.starts_with("d/")), "what is over is forgotten");
}

#[tokio::test]
async fn of_two_wishes_at_the_same_moment_the_later_counts() {
    let (cloud, user) = light().await;
    cloud.clock.pass(1);
    cloud.presence("n1", false, 1).await.unwrap();
    for brightness in [1, 2, 3] {
        set(&cloud, &user, json!({ "Light": { "Brightness": brightness } })).await.expect(200);
    }
    cloud.fleet.take();
    cloud.subscribe("n1").await.unwrap();
    assert_eq!(cloud.fleet.take(), sent(r#"{"Light":{"Brightness":3}}"#));
}

#[tokio::test]
async fn a_clock_that_was_ahead_does_not_shut_out_what_follows() {
    let (cloud, user) = light().await;
    cloud.clock.pass(1800);
    cloud.publish("n1", "config", &light_config("n1")).await.unwrap();
    cloud.publish("n1", "params/local", r#"{"Light":{"Brightness":1}}"#).await.unwrap();
    cloud.clock.pass(-1800);
    cloud.publish("n1", "params/local", r#"{"Light":{"Brightness":2}}"#).await.unwrap();
    assert_eq!(cloud.params(&user, "n1").await["Light"]["Brightness"], 2);
    // A wish for a param that was reported in that future.
    cloud.presence("n1", false, 1).await.unwrap();
    set(&cloud, &user, json!({ "Light": { "Brightness": 3 } })).await.expect(200);
    cloud.fleet.take();
    cloud.subscribe("n1").await.unwrap();
    assert_eq!(cloud.fleet.take(), sent(r#"{"Light":{"Brightness":3}}"#));
    cloud.publish("n1", "config", r#"{"node_id":"n1"}"#).await.unwrap();
    cloud.call(Call::get("/v1/user/nodes/params?node_id=n1").by(&user.access)).await.expect_failure(400, 102_006);
}

#[tokio::test]
async fn more_than_a_message_holds_is_refused() {
    let (cloud, user) = light().await;
    let long = json!({ "Light": { "Name": "x".repeat(120_000) } });
    set(&cloud, &user, long).await.expect_failure(400, 100_012);
    assert_eq!(cloud.fleet.take(), []);
}

#[tokio::test]
async fn what_is_nested_too_deeply_is_not_taken() {
    let (cloud, user) = light().await;
    let deep = format!(r#"{{"Light":{{"Name":{}{}}}}}"#, "[".repeat(50_000), "]".repeat(50_000));
    cloud.publish("n1", "params/local", &deep).await.unwrap();
    assert_eq!(cloud.params(&user, "n1").await["Light"]["Name"], "Lamp");
}

#[tokio::test]
async fn a_node_in_a_group_reports_there() {
    let (cloud, user) = light().await;
    cloud.clock.pass(1);
    cloud.publish("n1", "params/local/g7Qx2", r#"{"Light":{"Power":true}}"#).await.unwrap();
    assert_eq!(cloud.params(&user, "n1").await["Light"]["Power"], true);
    cloud.publish("n1", "params/local/a/b", r#"{"Light":{"Power":false}}"#).await.unwrap();
    assert_eq!(cloud.params(&user, "n1").await["Light"]["Power"], true);
}

#[tokio::test]
async fn operations_on_schedules_wait_one_after_the_other() {
    let (cloud, user) = light().await;
    cloud.clock.pass(1);
    let schedules = json!({ "name": "Schedules", "type": "esp.param.schedules", "data_type": "array", "properties": ["read", "write"], "bounds": { "max": 10 } });
    let config = json!({ "node_id": "n1", "services": [{ "name": "Schedule", "params": [schedules] }] });
    cloud.publish("n1", "config", &config.to_string()).await.unwrap();
    cloud.presence("n1", false, 1).await.unwrap();
    for id in ["A", "B"] {
        set(&cloud, &user, json!({ "Schedule": { "Schedules": [{ "id": id, "operation": "add" }] } })).await.expect(200);
    }
    cloud.fleet.take();
    cloud.subscribe("n1").await.unwrap();
    assert_eq!(cloud.fleet.take(), sent(r#"{"Schedule":{"Schedules":[{"id":"A","operation":"add"},{"id":"B","operation":"add"}]}}"#));
}
