//! The checklist of the contract (`mqtt-and-node.md` §11), item by item, as far as it needs no wire: items 2
//! to 6, 16, 21 and 22 stand in `tests/acceptance/mqtt/test_checklist.py`.

use serde_json::{Value, json};
use shared::{
    event::Event,
    node::presence::{Change, Order},
    port::table::{Key, TableId},
};
use tests::{Answer, Call, Cloud, LIGHT_PARAMS, NodeKey, User, light_config};

async fn light() -> (Cloud, User) {
    let cloud = Cloud::new();
    let user = cloud.user("a").await;
    cloud.light(&user, "n1").await;
    cloud.clock.pass(1);
    cloud.fleet.take();
    (cloud, user)
}

async fn set(cloud: &Cloud, user: &User, wanted: Value) -> Answer {
    cloud.call(Call::put("/v1/user/nodes/params?node_id=n1").by(&user.access).json(&wanted)).await
}

async fn bytes(cloud: &Cloud, suffix: &str, payload: &'static [u8]) {
    let event =
        Event::Message { client_id: Some("n1".into()), topic: format!("node/n1/{suffix}"), payload: payload.into(), at: 1_790_000_001_000 };
    node::on_event(&cloud.app, event).await.unwrap();
}

/// Messages that were not understood, and those on topics that nobody knows.
async fn odd(cloud: &Cloud) -> (i64, i64) {
    let record = cloud.ports().table.get(&Key::new(TableId::Nodes, "node#n1", "unparsable")).await.unwrap();
    let count = |field: &str| record.as_ref().and_then(|record| record.int(field)).unwrap_or_default();
    (count("count"), count("unknown"))
}

#[tokio::test]
async fn item_01_the_suffix_decides_whatever_the_rule() {
    let (cloud, user) = light().await;
    for (number, topic) in
        ["$aws/rules/esp_set_params/node/n1/params/local", "$aws/rules/x/node/n1/params/local", "node/n1/params/local"].iter().enumerate()
    {
        let payload = format!(r#"{{"Light":{{"Brightness":{number}}}}}"#);
        let at = 1_790_000_001_000 + i64::try_from(number).unwrap();
        let event = Event::Message { client_id: Some("n1".into()), topic: (*topic).to_owned(), payload: payload.into(), at };
        node::on_event(&cloud.app, event).await.unwrap();
        assert_eq!(cloud.params(&user, "n1").await["Light"]["Brightness"], number, "{topic}");
    }
    cloud.publish("n1", "never/heard/of", "{}").await.unwrap();
    assert_eq!(odd(&cloud).await, (0, 1), "acknowledged, and counted");
}

#[tokio::test]
async fn item_05_a_message_that_comes_again_changes_nothing() {
    let (cloud, user) = light().await;
    let at = 1_790_000_001_000;
    for (brightness, at) in [(1, at), (2, at + 1), (1, at), (2, at + 1)] {
        cloud.publish_at("n1", "params/local", &format!(r#"{{"Light":{{"Brightness":{brightness}}}}}"#), at).await.unwrap();
    }
    for _ in 0..2 {
        cloud.publish_at("n1", "config", &light_config("n1"), at).await.unwrap();
        let half = json!({ "node_id": "n1", "user_id": user.id, "secret_key": "s3cret" });
        cloud.publish_at("n1", "user/mapping", &half.to_string(), at).await.unwrap();
    }
    assert_eq!(cloud.params(&user, "n1").await["Light"]["Brightness"], 2);
    let mapped = cloud.call(Call::get("/v1/user/nodes/history").by(&user.access)).await.expect(200);
    assert_eq!(mapped["nodes"][0]["mapping_count"], 1);
}

#[tokio::test]
async fn item_07_the_end_of_an_update_may_come_before_the_config() {
    let cloud = Cloud::new();
    let user = cloud.user("a").await;
    cloud.map(&user, "n1").await;
    let status = r#"{"ota_job_id":"job-2291","status":"success","additional_info":"OTA Upgrade finished and verified","ts":1786500123}"#;
    cloud.publish("n1", "otastatus", status).await.unwrap();
    cloud.publish("n1", "config", &light_config("n1")).await.unwrap();
    cloud.publish("n1", "otastatus", status).await.unwrap();
    // Cut off where the firmware's buffer ends.
    cloud.publish("n1", "otastatus", &status[..100]).await.unwrap();
    assert_eq!((cloud.fleet.take(), odd(&cloud).await), (vec![], (0, 0)));
    let config = cloud.call(Call::get("/v1/user/nodes/config?node_id=n1").by(&user.access)).await.expect(200);
    assert_eq!(config["info"]["fw_version"], "1.0");
}

#[tokio::test]
async fn item_08_a_node_that_comes_back_says_nothing_of_itself() {
    let (cloud, user) = light().await;
    let before = cloud.call(Call::get("/v1/user/nodes?node_id=n1").by(&user.access)).await.expect(200)["node_details"][0].clone();
    cloud.presence("n1", false, 1).await.unwrap();
    cloud.clock.pass(86_400);
    cloud.presence("n1", true, 2).await.unwrap();
    cloud.subscribe("n1").await.unwrap();
    let user = cloud.log_in("a@x.io").await;
    let after = cloud.call(Call::get("/v1/user/nodes?node_id=n1").by(&user.access)).await.expect(200)["node_details"][0].clone();
    assert_eq!((&after["config"], &after["params"]), (&before["config"], &before["params"]));
    set(&cloud, &user, json!({ "Light": { "Brightness": 7 } })).await.expect(200);
    assert_eq!(cloud.fleet.take().len(), 1, "it is checked against the config of before");
}

#[tokio::test]
async fn item_09_a_poll_for_commands_is_answered_with_silence_while_none_waits() {
    let (cloud, _) = light().await;
    for poll in [&b"\x01\x00\x03\x01\x00\x05\x02\x00\x00"[..], b"\x03\x01\x00\x05\x02\x00\x00\x01\x00"] {
        bytes(&cloud, "from-node", poll).await;
    }
    assert_eq!((cloud.fleet.take(), odd(&cloud).await), (vec![], (0, 0)));
    bytes(&cloud, "from-node", b"\x01\x00\x03\x02\x00").await;
    bytes(&cloud, "from-node", b"{}").await;
    assert_eq!((cloud.fleet.take(), odd(&cloud).await), (vec![], (2, 0)), "junk is kept and counted");
}

#[tokio::test]
async fn item_10_an_answer_that_nobody_asked_for_changes_nothing() {
    let (cloud, user) = light().await;
    let before = cloud.params(&user, "n1").await;
    bytes(&cloud, "from-node", b"\x01\x05req01\x03\x01\x00\x05\x02\x01\x00\x06\x23{\"params\":{\"Light\":{\"Power\":true}}}").await;
    assert_eq!((cloud.fleet.take(), odd(&cloud).await), (vec![], (0, 0)), "understood and acknowledged");
    assert_eq!(cloud.params(&user, "n1").await, before);
}

#[tokio::test]
async fn item_11_a_node_of_a_group_reports_and_listens_on_the_groups_topics() {
    let (cloud, user) = light().await;
    let longest = "g".repeat(32);
    for (number, group) in ["g7Qx2", &longest].iter().enumerate() {
        cloud.clock.pass(1);
        cloud.publish("n1", &format!("params/local/{group}"), &format!(r#"{{"Light":{{"Brightness":{number}}}}}"#)).await.unwrap();
        assert_eq!(cloud.params(&user, "n1").await["Light"]["Brightness"], number, "{group}");
    }
    // No group can have these names.
    cloud.clock.pass(1);
    for group in [&format!("{longest}g")[..], "a/b", "ä", ""] {
        cloud.publish("n1", &format!("params/local/{group}"), r#"{"Light":{"Brightness":99}}"#).await.unwrap();
    }
    assert_eq!((cloud.params(&user, "n1").await["Light"]["Brightness"].clone(), odd(&cloud).await), (json!(1), (0, 4)));
    cloud.publish("n1", "direct/params/local/g7Qx2", "any text").await.unwrap();
    assert_eq!(odd(&cloud).await, (0, 4));
    // A report there settles what is wanted, and `init` stays what it is.
    cloud.presence("n1", false, 1).await.unwrap();
    set(&cloud, &user, json!({ "Light": { "Power": true, "Brightness": 5 } })).await.expect(200);
    cloud.clock.pass(1);
    cloud.publish("n1", "params/local/g7Qx2", r#"{"Light":{"Brightness":5}}"#).await.unwrap();
    cloud.publish("n1", "params/local/init", LIGHT_PARAMS).await.unwrap();
    cloud.fleet.take();
    let subscribed = |filter: &str| Event::Subscribed { client_id: "n1".into(), filter: format!("node/n1/{filter}") };
    node::on_event(&cloud.app, subscribed("params/remote/g7Qx2")).await.unwrap();
    assert_eq!(cloud.fleet.take(), [("node/n1/params/remote".to_owned(), r#"{"Light":{"Power":true}}"#.to_owned())]);
    cloud.fleet.listen_only_to("node/n1/params/remote/g7Qx2");
    node::on_event(&cloud.app, subscribed("params/remote/g7Qx2")).await.unwrap();
    assert_eq!(cloud.fleet.take(), [("node/n1/params/remote/g7Qx2".to_owned(), r#"{"Light":{"Power":true}}"#.to_owned())]);
    for other in ["otaurl", "to-node", "params/remote/a/b", "params/remote/+"] {
        node::on_event(&cloud.app, subscribed(other)).await.unwrap();
        assert_eq!(cloud.fleet.take(), [], "{other}");
    }
}

#[tokio::test]
async fn item_11_no_group_is_called_init() {
    let (cloud, user) = light().await;
    let group = json!({ "name": "GroupID", "type": "esp.param.group-id", "data_type": "string", "properties": ["read", "write"] });
    let config = json!({ "node_id": "n1", "services": [{ "name": "Groups", "type": "esp.service.groups", "params": [group] }] });
    cloud.publish("n1", "config", &config.to_string()).await.unwrap();
    for bad in ["init", "a/b", "a+", "#", &"g".repeat(33)] {
        set(&cloud, &user, json!({ "Groups": { "GroupID": bad } })).await.expect_failure(400, 100_012);
    }
    for good in ["g7Qx2", &"g".repeat(32), ""] {
        set(&cloud, &user, json!({ "Groups": { "GroupID": good } })).await.expect(200);
    }
}

#[tokio::test]
async fn item_12_json_of_nodes_is_understood_or_kept_never_guessed() {
    let (cloud, user) = light().await;
    let report = async |payload: &str| {
        cloud.clock.pass_ms(1);
        cloud.publish("n1", "params/local", payload).await.unwrap();
        let shown = cloud.call(Call::get("/v1/user/nodes/params?node_id=n1").by(&user.access)).await.body;
        (shown, odd(&cloud).await.0)
    };
    let rest = r#","RMUserAuth":{"UserTokenStatus":1},"Time":{}}"#;
    for (payload, light) in [
        (r#"{"Light":{"Lux":0.10000,"Brightness":3}}"#, r#"{"Light":{"Brightness":3,"Lux":0.10000,"Name":"Lamp","Power":false}"#),
        (r#"{"Light":{"Lux":1.00000,},}"#, r#"{"Light":{"Brightness":3,"Lux":1.00000,"Name":"Lamp","Power":false}"#),
        (r#"{"Light":{"Lux":nan,"Brightness":4}}"#, r#"{"Light":{"Brightness":4,"Lux":1.00000,"Name":"Lamp","Power":false}"#),
        (r#"{"Light":{"Lux":-inf,"Name":"Küche"}}"#, r#"{"Light":{"Brightness":4,"Lux":1.00000,"Name":"Küche","Power":false}"#),
    ] {
        assert_eq!(report(payload).await, (format!("{light}{rest}"), 0), "{payload}");
    }
    let before = cloud.call(Call::get("/v1/user/nodes/params?node_id=n1").by(&user.access)).await.body;
    for (count, payload) in
        [r#"{"Light":{"Name":"Bob"s lamp"}}"#, r#"{"Light":{"Power":true,"Brigh"#, r#"{"Light":{"Name":"a\q"}}"#].iter().enumerate()
    {
        assert_eq!(report(payload).await, (before.clone(), i64::try_from(count).unwrap() + 1), "{payload}");
    }
    let insights = r#"{"node_id":"n1","config_version":"2019-09-11","attributes":[{"name":"cmd-resp","value":"1"}],}"#;
    cloud.publish("n1", "config", insights).await.unwrap();
    let config = cloud.call(Call::get("/v1/user/nodes/config?node_id=n1").by(&user.access)).await.expect(200);
    assert_eq!(config["attributes"][0]["name"], "cmd-resp");
}

#[tokio::test]
async fn item_12_json_to_nodes_needs_no_unescaping() {
    let (cloud, user) = light().await;
    set(&cloud, &user, json!({ "Light": { "Name": "https://x/ü?a&b", "Brightness": 25 } })).await.expect(200);
    assert_eq!(cloud.fleet.take()[0].1, r#"{"Light":{"Name":"https://x/ü?a&b","Brightness":25}}"#);
}

#[tokio::test]
async fn item_13_what_a_node_cannot_unescape_is_refused() {
    let (cloud, user) = light().await;
    for name in ["a\"b", "a\\b", "a\nb"] {
        set(&cloud, &user, json!({ "Light": { "Name": name } })).await.expect_failure(400, 100_012);
    }
    assert_eq!(cloud.fleet.take(), []);
}

#[tokio::test]
async fn item_14_writes_are_held_against_the_config() {
    let (cloud, user) = light().await;
    let mut config: Value = serde_json::from_str(&light_config("n1")).unwrap();
    config["devices"][0]["params"][0]["valid_strs"] = json!(["Lamp"]);
    cloud.publish("n1", "config", &config.to_string()).await.unwrap();
    for (param, value) in [("Lux", json!(1)), ("Brightness", json!(101)), ("Brightness", json!(1.5)), ("Name", json!("Other"))] {
        set(&cloud, &user, json!({ "Light": { param: value } })).await.expect_failure(400, 100_012);
    }
    assert_eq!(cloud.fleet.take(), []);
    set(&cloud, &user, json!({ "Light": { "Name": "Lamp", "Brightness": 100 } })).await.expect(200);
}

#[tokio::test]
async fn item_15_what_is_only_written_is_never_shown() {
    let (cloud, user) = light().await;
    cloud.publish("n1", "params/local/g1", r#"{"RMUserAuth":{"UserToken":"refresh-me-too"}}"#).await.unwrap();
    for uri in ["/v1/user/nodes?node_details=true", "/v1/user/nodes?node_id=n1", "/v1/user/nodes/params?node_id=n1"] {
        let body = cloud.call(Call::get(uri).by(&user.access)).await.body;
        assert!(body.contains("UserTokenStatus") && !body.contains("refresh-me"), "{uri}: {body}");
    }
}

#[tokio::test]
async fn item_16_the_end_of_a_session_that_was_taken_over_does_not_count() {
    let (cloud, user) = light().await;
    let change = |connected: bool, session: u64, taken_over: bool, late: i64| {
        let order = Order { ms: 1_790_000_001_000 + late, version: session };
        let change = Change { connected, taken_over, session: session.to_string(), order };
        node::on_event(&cloud.app, Event::Presence { client_id: "n1".into(), change })
    };
    change(true, 2, false, 0).await.unwrap();
    change(false, 1, true, 5).await.unwrap();
    cloud.publish("n1", "params/local", r#"{"Connectivity":{"Connected":false}}"#).await.unwrap();
    let status = cloud.call(Call::get("/v1/user/nodes/status?node_id=n1").by(&user.access)).await.expect(200);
    assert_eq!(status["connectivity"]["connected"], true);
    change(false, 2, false, 9).await.unwrap();
    let status = cloud.call(Call::get("/v1/user/nodes/status?node_id=n1").by(&user.access)).await.expect(200);
    assert_eq!(status["connectivity"], json!({ "connected": false, "timestamp": 1_790_000_001_009_i64 }));
}

#[tokio::test]
async fn item_17_a_node_that_asks_for_firmware_hears_nothing_while_there_is_none() {
    let (cloud, _) = light().await;
    cloud.publish("n1", "otafetch", r#"{"node_id":"n1","fw_version":"1.4.2"}"#).await.unwrap();
    assert_eq!((cloud.fleet.take(), odd(&cloud).await), (vec![], (0, 0)));
}

#[tokio::test]
async fn item_18_what_a_claim_answers_fits_a_chips_reader() {
    let cloud = Cloud::new();
    let user = cloud.user("owner").await;
    let call = |path: &str, body: Value| cloud.call(Call::post(path).by(&user.access).json(&body));
    let told = call("/claim/initiate", json!({ "mac_addr": "240AC4AABBCC", "platform": "esp32s3" })).await.expect(200);
    let csr = NodeKey::new().csr(told["node_id"].as_str().unwrap());
    let answer = call("/claim/verify", json!({ "csr": csr, "send_mqtt_host": true })).await;
    let certificate = answer.expect(200)["certificate"].as_str().unwrap().to_owned();
    assert!(certificate.starts_with("-----BEGIN CERTIFICATE-----\n") && !certificate.contains('\r'));
    // The only escape that a chip undoes.
    assert!(answer.body.len() < 3072 && answer.body.replace("\\n", "").chars().all(|char| char != '\\'), "{}", answer.body);
}

#[tokio::test]
async fn item_19_a_signed_challenge_maps_a_node() {
    let cloud = Cloud::new();
    let user = cloud.user("owner").await;
    let key = cloud.key("n1").await;
    let call = |path: &str, body: Value| cloud.call(Call::post(path).by(&user.access).json(&body));
    let told = call("/v1/user/nodes/mapping/initiate", json!({})).await.expect(200);
    let answer = |signed: &str| json!({ "request_id": told["request_id"], "node_id": "n1", "challenge_response": signed });
    let challenge = told["challenge"].as_str().unwrap();
    let another = NodeKey::new().sign(challenge);
    call("/v1/user/nodes/mapping/verify", answer(&another)).await.expect_failure(400, 103_031);
    // ECDSA in DER and hexadecimal digits; RSA-PSS with every salt is tried in `shared::node::public_key`.
    call("/v1/user/nodes/mapping/verify", answer(&key.sign(challenge))).await.expect(200);
    assert_eq!(cloud.call(Call::get("/v1/user/nodes").by(&user.access)).await.expect(200)["nodes"], json!(["n1"]));
}

#[tokio::test]
async fn item_20_a_factory_reset_takes_the_node_from_all_users() {
    let (cloud, user) = light().await;
    let guest = cloud.user("g").await;
    cloud.share(&guest, "n1").await;
    cloud.publish("n1", "user/mapping", r#"{"node_id":"n1","user_id":"esp-rmaker","secret_key":"failed","reset":true}"#).await.unwrap();
    for user in [user, guest] {
        assert_eq!(cloud.call(Call::get("/v1/user/nodes").by(&user.access)).await.expect(200)["nodes"], json!([]));
    }
}

#[tokio::test]
async fn alerts_and_time_series_are_acknowledged_and_change_nothing() {
    let (cloud, user) = light().await;
    let before = cloud.params(&user, "n1").await;
    for (suffix, payload) in [
        ("alert", r#"{"esp.alert.str":"Bob"s lamp leaks"}"#),
        ("alert", r#"{"Light":{"Power":true}}"#),
        ("tsdata", r#"{"ts_data_version":"2021-09-13","ts_data":[]}"#),
        ("simple_tsdata", r#"{"name":"Light.Lux","dt":"float","t":1786500123,"v":1.0}"#),
        ("diagnostics/from-node", "\u{2}\0\0"),
    ] {
        cloud.publish("n1", suffix, payload).await.unwrap();
    }
    assert_eq!((cloud.params(&user, "n1").await, cloud.fleet.take(), odd(&cloud).await), (before, vec![], (0, 0)));
    cloud.publish("n1", "alert", r#"{"esp.alert.str":"cut o"#).await.unwrap();
    assert_eq!(odd(&cloud).await, (1, 0));
}
