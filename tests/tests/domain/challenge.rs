//! Mapping by challenge: what the node signed, whose, once, in time; and nodes that were never online.

use futures_util::future::join;
use serde_json::{Value, json};
use shared::{
    access::Grant,
    mapping::initiate::{DEFAULT_SECONDS, MAX_SECONDS},
    node::certificate::{NewCertificate, register, revoke},
};
use tests::{Answer, Call, Cloud, NodeKey, User};

struct Challenge {
    request: String,
    text: String,
}

async fn initiate(cloud: &Cloud, user: &User, body: Value) -> Answer {
    cloud.call(Call::post("/v1/user/nodes/mapping/initiate").by(&user.access).json(&body)).await
}

async fn challenge(cloud: &Cloud, user: &User) -> Challenge {
    let answer = initiate(cloud, user, json!({})).await.expect(200);
    let text = |key: &str| answer[key].as_str().unwrap().to_owned();
    Challenge { request: text("request_id"), text: text("challenge") }
}

fn answer(challenge: &Challenge, node: &str, key: &NodeKey) -> Value {
    json!({ "request_id": challenge.request, "node_id": node, "challenge_response": key.sign(&challenge.text) })
}

async fn verify(cloud: &Cloud, user: &User, body: &Value) -> Answer {
    cloud.call(Call::post("/v1/user/nodes/mapping/verify").by(&user.access).json(body)).await
}

async fn map(cloud: &Cloud, user: &User, node: &str, key: &NodeKey) {
    let challenge = challenge(cloud, user).await;
    verify(cloud, user, &answer(&challenge, node, key)).await.expect(200);
}

async fn poll(cloud: &Cloud, user: &User, request: &str) -> Value {
    let call = Call::get(&format!("/v1/user/nodes/mapping?request_id={request}")).by(&user.access);
    cloud.call(call).await.expect(200)["request_status"].clone()
}

async fn nodes(cloud: &Cloud, user: &User) -> Value {
    cloud.call(Call::get("/v1/user/nodes").by(&user.access)).await.expect(200)["nodes"].clone()
}

fn itself(node: &str) -> Grant<shared::access::role::Itself> {
    Grant::trusted_because("a test", node.parse().unwrap())
}

#[tokio::test]
async fn a_signed_challenge_maps_the_node_at_once_and_once() {
    let cloud = Cloud::new();
    let user = cloud.user("a").await;
    let key = cloud.key("n1").await;
    let challenge = challenge(&cloud, &user).await;
    assert!(challenge.text.is_ascii() && challenge.text.len() == 44);
    assert_eq!(poll(&cloud, &user, &challenge.request).await, "requested");
    let body = answer(&challenge, "n1", &key);
    assert_eq!(verify(&cloud, &user, &body).await.expect(200)["status"], "success");
    assert_eq!(nodes(&cloud, &user).await, json!(["n1"]));
    assert_eq!(poll(&cloud, &user, &challenge.request).await, "confirmed");
    verify(&cloud, &user, &body).await.expect_failure(400, 103_033);
    let remove = json!({ "node_id": "n1", "operation": "remove" });
    cloud.call(Call::put("/v1/user/nodes/mapping").by(&user.access).json(&remove)).await.expect(200);
    verify(&cloud, &user, &body).await.expect_failure(400, 103_033);
    assert_eq!(nodes(&cloud, &user).await, json!([]), "the answer is worth nothing a second time");
}

#[tokio::test]
async fn whoever_did_not_sign_this_challenge_is_refused() {
    let cloud = Cloud::new();
    let (user, other) = (cloud.user("a").await, cloud.user("b").await);
    let (key, evil) = (cloud.key("n1").await, cloud.key("n2").await);
    let (own, others) = (challenge(&cloud, &user).await, challenge(&cloud, &other).await);
    let refused = |body: Value, code| {
        let (cloud, user) = (&cloud, &user);
        async move { verify(cloud, user, &body).await.expect_failure(400, code) }
    };
    // Another node's key, another user's request and challenge, a node that nobody knows, the digits of nothing.
    refused(answer(&own, "n1", &evil), 103_031).await;
    refused(answer(&others, "n1", &key), 103_018).await;
    let mixed = Challenge { request: own.request.clone(), text: others.text.clone() };
    refused(answer(&mixed, "n1", &key), 103_031).await;
    refused(answer(&own, "n3", &key), 100_015).await;
    refused(json!({ "request_id": own.request, "node_id": "n1", "challenge_response": "xyz" }), 103_031).await;
    assert_eq!((nodes(&cloud, &user).await, nodes(&cloud, &other).await), (json!([]), json!([])));
    // Until it was answered too often, the right answer counts.
    refused(answer(&own, "n1", &evil), 103_031).await;
    refused(answer(&own, "n1", &key), 103_034).await;
    assert_eq!(poll(&cloud, &user, &own.request).await, "discarded");
    map(&cloud, &user, "n1", &key).await;
    assert_eq!(nodes(&cloud, &user).await, json!(["n1"]));
}

#[tokio::test]
async fn strange_requests_change_nothing() {
    let cloud = Cloud::new();
    let user = cloud.user("a").await;
    let key = cloud.key("n1").await;
    let challenge = challenge(&cloud, &user).await;
    let good = answer(&challenge, "n1", &key);
    let with = |name: &str, value: Value| {
        let mut body = good.clone();
        body[name] = value;
        body
    };
    for (name, value, code) in [
        ("request_id", Value::Null, 103_016),
        ("request_id", json!("a/b"), 103_018),
        ("request_id", json!("unknown"), 103_018),
        ("request_id", json!(7), 100_006),
        ("node_id", json!(""), 100_009),
        ("node_id", json!("n+1"), 103_005),
        ("challenge_response", Value::Null, 103_031),
        ("challenge_response", json!([1]), 100_006),
        ("group_id", json!("g1"), 108_023),
        ("metadata", json!("text"), 100_006),
        ("metadata", json!({ "k": "x".repeat(17 * 1024) }), 100_036),
        ("tags", json!((0..51).map(|number| format!("t:{number}")).collect::<Vec<_>>()), 105_046),
        ("tags", json!(["a"]), 105_046),
    ] {
        verify(&cloud, &user, &with(name, value)).await.expect_failure(400, code);
    }
    for (body, code) in [
        (json!({ "timeout": -1 }), 103_029),
        (json!({ "timeout": 100 * 366 * 86_400 + 1_i64 }), 103_029),
        (json!({ "timeout": "soon" }), 100_006),
        (json!({ "group_id": "g1" }), 108_023),
    ] {
        initiate(&cloud, &user, body).await.expect_failure(400, code);
    }
    let secret = json!({ "node_id": "n1", "secret_key": "s", "operation": "add", "group_id": "g1" });
    cloud.call(Call::put("/v1/user/nodes/mapping").by(&user.access).json(&secret)).await.expect_failure(400, 108_023);
    // A request by secret is not one by challenge.
    let secret = json!({ "node_id": "n1", "secret_key": "s", "operation": "add" });
    let by_secret = cloud.call(Call::put("/v1/user/nodes/mapping").by(&user.access).json(&secret)).await.expect(200);
    verify(&cloud, &user, &with("request_id", by_secret["request_id"].clone())).await.expect_failure(400, 103_018);
    assert_eq!(nodes(&cloud, &user).await, json!([]));
    let mut gifts = with("tags", json!(["a:b"]));
    gifts["metadata"] = json!({ "k": 1.50 });
    verify(&cloud, &user, &gifts).await.expect(200);
    let shown = cloud.call(Call::get("/v1/user/nodes?node_id=n1").by(&user.access)).await.expect(200)["node_details"][0].clone();
    assert_eq!((&shown["tags"], &shown["metadata"]), (&json!(["a:b"]), &json!({ "k": 1.5 })));
}

#[tokio::test]
async fn a_challenge_waits_only_so_long() {
    let cloud = Cloud::new();
    let key = cloud.key("n1").await;
    for (asked, seconds) in
        [(Value::Null, DEFAULT_SECONDS), (json!(10), 10), (json!(0), MAX_SECONDS), (json!(3_153_600_000_i64), MAX_SECONDS)]
    {
        let user = cloud.user(&format!("u{seconds}-{asked}")).await;
        let told = initiate(&cloud, &user, json!({ "timeout": asked })).await.expect(200);
        let challenge =
            Challenge { request: told["request_id"].as_str().unwrap().to_owned(), text: told["challenge"].as_str().unwrap().to_owned() };
        let name = format!("u{seconds}-{asked}@x.io");
        cloud.clock.pass(seconds - 1);
        let user = cloud.log_in(&name).await;
        assert_eq!(poll(&cloud, &user, &challenge.request).await, "requested");
        cloud.clock.pass(1);
        let user = cloud.log_in(&name).await;
        assert_eq!(poll(&cloud, &user, &challenge.request).await, "timedout");
        verify(&cloud, &user, &answer(&challenge, "n1", &key)).await.expect_failure(400, 103_011);
        cloud.clock.pass(86_400);
        let user = cloud.log_in(&name).await;
        verify(&cloud, &user, &answer(&challenge, "n1", &key)).await.expect_failure(400, 103_018);
    }
}

#[tokio::test]
async fn a_revoked_certificate_and_a_former_key_sign_nothing() {
    let cloud = Cloud::new();
    let user = cloud.user("a").await;
    let former = cloud.key("n1").await;
    let new = cloud.key("n1").await;
    let own = challenge(&cloud, &user).await;
    verify(&cloud, &user, &answer(&own, "n1", &former)).await.expect_failure(400, 103_031);
    revoke(cloud.ports(), &itself("n1")).await.unwrap();
    verify(&cloud, &user, &answer(&own, "n1", &new)).await.expect_failure(400, 103_031);
    let junk = NewCertificate::of(b"no certificate".to_vec());
    register(cloud.ports(), &itself("n2"), &junk).await.unwrap();
    verify(&cloud, &user, &answer(&own, "n2", &new)).await.expect_failure(400, 103_031);
    assert_eq!(nodes(&cloud, &user).await, json!([]));
}

#[tokio::test]
async fn a_new_owner_ends_all_others_and_the_same_keeps_them() {
    let cloud = Cloud::new();
    let (first, guest, second) = (cloud.user("a").await, cloud.user("g").await, cloud.user("b").await);
    let key = cloud.key("n1").await;
    map(&cloud, &first, "n1", &key).await;
    cloud.share(&guest, "n1").await;
    map(&cloud, &first, "n1", &key).await;
    assert_eq!(nodes(&cloud, &guest).await, json!(["n1"]), "mapped again by its owner");
    map(&cloud, &second, "n1", &key).await;
    for (user, has) in [(&first, json!([])), (&guest, json!([])), (&second, json!(["n1"]))] {
        assert_eq!(nodes(&cloud, user).await, has);
    }
    let details = cloud.call(Call::get("/v1/user/nodes?node_id=n1").by(&second.access)).await.expect(200);
    assert_eq!(details["node_details"][0]["role"], "primary");
    let reset = r#"{"node_id":"n1","user_id":"esp-rmaker","secret_key":"failed","reset":true}"#;
    cloud.publish("n1", "user/mapping", reset).await.unwrap();
    assert_eq!(nodes(&cloud, &second).await, json!([]), "a factory reset ends this mapping too");
}

#[tokio::test]
async fn many_users_leave_before_a_new_owner() {
    let cloud = Cloud::new();
    let (first, second) = (cloud.user("a").await, cloud.user("b").await);
    let key = cloud.key("n1").await;
    map(&cloud, &first, "n1", &key).await;
    for number in 0..60 {
        cloud.share(&User { id: format!("guest{number:02}"), access: String::new(), refresh: String::new() }, "n1").await;
    }
    map(&cloud, &second, "n1", &key).await;
    let query = shared::port::table::Query::prefix(shared::port::table::TableId::Access, "node#n1", "", 100);
    let left = cloud.ports().table.query(query).await.unwrap().records;
    let fields: Vec<_> = left.iter().flat_map(|record| record.fields.keys().map(String::as_str)).collect();
    assert_eq!((fields, left[0].str("user")), (vec!["since", "user"], Some(second.id.as_str())));
}

#[tokio::test]
async fn the_same_answer_at_the_same_moment_maps_once() {
    for _ in 0..8 {
        let cloud = Cloud::new();
        let (user, rival) = (cloud.user("a").await, cloud.user("b").await);
        let key = cloud.key("n1").await;
        let (own, others) = (challenge(&cloud, &user).await, challenge(&cloud, &rival).await);
        let (body, theirs) = (answer(&own, "n1", &key), answer(&others, "n1", &key));
        let twice = join(verify(&cloud, &user, &body), verify(&cloud, &user, &body));
        let ((one, two), three) = join(twice, verify(&cloud, &rival, &theirs)).await;
        let mut statuses = [one.status, two.status];
        statuses.sort_unstable();
        assert_eq!((statuses, three.status), ([200, 400], 200));
        let has = [nodes(&cloud, &user).await, nodes(&cloud, &rival).await];
        assert!(has.contains(&json!(["n1"])) && has.contains(&json!([])), "one owner: {has:?}");
    }
}

#[tokio::test]
async fn a_node_that_was_never_online_is_shown_as_it_is() {
    let cloud = Cloud::new();
    let user = cloud.user("a").await;
    let key = cloud.key("n1").await;
    map(&cloud, &user, "n1", &key).await;
    let get = |path: &str| cloud.call(Call::get(path).by(&user.access));
    let node = json!({
        "id": "n1", "node_id": "n1", "node_type": "rainmaker", "role": "primary", "primary": true, "is_matter": false,
        "mapping_timestamp": 1_790_000_000, "metadata": {}, "tags": [], "status": { "connectivity": {} }, "params": {},
    });
    for path in ["/v1/user/nodes?node_id=n1", "/v1/user/nodes?node_details=true"] {
        assert_eq!(get(path).await.expect(200)["node_details"], json!([node]), "{path}");
    }
    assert_eq!(get("/v1/user/nodes/status?nodeid=n1").await.expect(200), json!({ "connectivity": {} }));
    get("/v1/user/nodes/config?nodeid=n1").await.expect_failure(400, 103_002);
    get("/v1/user/nodes/params?nodeid=n1").await.expect_failure(400, 102_006);
    let power = json!({ "Light": { "Power": true } });
    cloud.call(Call::put("/v1/user/nodes/params?node_id=n1").by(&user.access).json(&power)).await.expect_failure(400, 103_002);
    let list = json!([{ "node_id": "n1", "payload": power }]);
    let answer = cloud.call(Call::put("/v1/user/nodes/params").by(&user.access).json(&list)).await.expect(207);
    assert_eq!((&answer[0]["status"], &answer[0]["error_code"]), (&json!("failure"), &json!(103_002)));
    assert!(cloud.fleet.take().is_empty());
}
