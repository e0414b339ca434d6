//! Mapping by secret: both halves in either order, time, take-over, resets, races.

use futures_util::future::join;
use serde_json::{Value, json};
use shared::mapping::WINDOW_SECONDS;
use tests::{Call, Cloud, User};

async fn ask(cloud: &Cloud, user: &User, node: &str, secret: &str) -> String {
    let body = json!({ "user_id": user.id, "node_id": node, "secret_key": secret, "operation": "add" });
    let answer = cloud.call(Call::put("/v1/user/nodes/mapping").by(&user.access).json(&body)).await;
    answer.expect(200)["request_id"].as_str().unwrap().to_owned()
}

async fn tell(cloud: &Cloud, user: &User, node: &str, secret: &str, reset: bool) {
    let mut half = json!({ "node_id": node, "user_id": user.id, "secret_key": secret });
    if reset {
        half["reset"] = true.into();
    }
    cloud.publish(node, "user/mapping", &half.to_string()).await.unwrap();
}

async fn poll(cloud: &Cloud, user: &User, request: &str) -> String {
    // The CLI's stray ampersand.
    let call = Call::get(&format!("/v1/user/nodes/mapping?&request_id={request}&user_request=true")).by(&user.access);
    cloud.call(call).await.expect(200)["request_status"].as_str().unwrap().to_owned()
}

async fn nodes(cloud: &Cloud, user: &User) -> Value {
    cloud.call(Call::get("/v1/user/nodes").by(&user.access)).await.expect(200)["nodes"].clone()
}

#[tokio::test]
async fn the_halves_meet_in_either_order() {
    let cloud = Cloud::new();
    let user = cloud.user("a").await;
    let request = ask(&cloud, &user, "n1", "s1").await;
    assert_eq!(poll(&cloud, &user, &request).await, "requested");
    assert_eq!(nodes(&cloud, &user).await, json!([]));
    tell(&cloud, &user, "n1", "s1", false).await;
    assert_eq!(poll(&cloud, &user, &request).await, "confirmed");
    tell(&cloud, &user, "n2", "s2", false).await;
    let request = ask(&cloud, &user, "n2", "s2").await;
    assert_eq!(poll(&cloud, &user, &request).await, "confirmed");
    assert_eq!(nodes(&cloud, &user).await, json!(["n1", "n2"]));
}

#[tokio::test]
async fn halves_that_differ_do_not_meet() {
    let cloud = Cloud::new();
    let (user, other) = (cloud.user("a").await, cloud.user("b").await);
    let request = ask(&cloud, &user, "n1", "s1").await;
    tell(&cloud, &user, "n1", "s2", false).await;
    tell(&cloud, &other, "n1", "s1", false).await;
    tell(&cloud, &user, "n2", "s1", false).await;
    assert_eq!(poll(&cloud, &user, &request).await, "requested");
    assert_eq!((nodes(&cloud, &user).await, nodes(&cloud, &other).await), (json!([]), json!([])));
}

#[tokio::test]
async fn a_half_waits_only_so_long() {
    let cloud = Cloud::new();
    let user = cloud.user("a").await;
    let request = ask(&cloud, &user, "n1", "s1").await;
    cloud.clock.pass(WINDOW_SECONDS);
    let user = cloud.log_in("a@x.io").await;
    assert_eq!(poll(&cloud, &user, &request).await, "timedout");
    tell(&cloud, &user, "n1", "s1", false).await;
    assert_eq!(poll(&cloud, &user, &request).await, "timedout");
    cloud.clock.pass(WINDOW_SECONDS);
    let request = ask(&cloud, &user, "n1", "s1").await;
    assert_eq!(poll(&cloud, &user, &request).await, "requested");
}

#[tokio::test]
async fn asking_again_discards_the_request_before() {
    let cloud = Cloud::new();
    let user = cloud.user("a").await;
    let first = ask(&cloud, &user, "n1", "s1").await;
    let second = ask(&cloud, &user, "n1", "s2").await;
    assert_eq!(poll(&cloud, &user, &first).await, "discarded");
    tell(&cloud, &user, "n1", "s1", false).await;
    assert_eq!(poll(&cloud, &user, &second).await, "requested");
    tell(&cloud, &user, "n1", "s2", false).await;
    assert_eq!(poll(&cloud, &user, &second).await, "confirmed");
    assert_eq!(poll(&cloud, &user, &first).await, "discarded");
}

#[tokio::test]
async fn a_repeated_half_changes_nothing() {
    let cloud = Cloud::new();
    let (user, other) = (cloud.user("a").await, cloud.user("b").await);
    ask(&cloud, &user, "n1", "s1").await;
    tell(&cloud, &user, "n1", "s1", false).await;
    cloud.share(&other, "n1").await;
    for _ in 0..3 {
        tell(&cloud, &user, "n1", "s1", false).await;
    }
    assert_eq!((nodes(&cloud, &user).await, nodes(&cloud, &other).await), (json!(["n1"]), json!(["n1"])));
}

#[tokio::test]
async fn a_new_primary_ends_the_rights_of_all_before() {
    let cloud = Cloud::new();
    let (first, guest, second) = (cloud.user("a").await, cloud.user("g").await, cloud.user("b").await);
    cloud.light(&first, "n1").await;
    cloud.share(&guest, "n1").await;
    ask(&cloud, &second, "n1", "s2").await;
    tell(&cloud, &second, "n1", "s2", false).await;
    for gone in [&first, &guest] {
        assert_eq!(nodes(&cloud, gone).await, json!([]));
        cloud.call(Call::get("/v1/user/nodes/params?node_id=n1").by(&gone.access)).await.expect_failure(400, 100_010);
    }
    assert_eq!(nodes(&cloud, &second).await, json!(["n1"]));
}

#[tokio::test]
async fn the_same_user_mapping_again_keeps_shares_unless_the_node_was_reset() {
    let cloud = Cloud::new();
    let (owner, guest) = (cloud.user("a").await, cloud.user("g").await);
    cloud.light(&owner, "n1").await;
    cloud.share(&guest, "n1").await;
    let request = ask(&cloud, &owner, "n1", "s2").await;
    tell(&cloud, &owner, "n1", "s2", false).await;
    assert_eq!(poll(&cloud, &owner, &request).await, "confirmed");
    assert_eq!(nodes(&cloud, &guest).await, json!(["n1"]));
    ask(&cloud, &owner, "n1", "s3").await;
    tell(&cloud, &owner, "n1", "s3", true).await;
    assert_eq!((nodes(&cloud, &owner).await, nodes(&cloud, &guest).await), (json!(["n1"]), json!([])));
}

#[tokio::test]
async fn a_factory_reset_takes_the_node_from_all() {
    let cloud = Cloud::new();
    let owner = cloud.user("a").await;
    cloud.light(&owner, "n1").await;
    for number in 0..90 {
        let guest = User { id: format!("guest{number}"), access: String::new(), refresh: String::new() };
        cloud.share(&guest, "n1").await;
    }
    let reset = r#"{"node_id":"n1","user_id":"esp-rmaker","secret_key":"failed","reset":true}"#;
    cloud.publish("n1", "user/mapping", reset).await.unwrap();
    assert_eq!(nodes(&cloud, &owner).await, json!([]));
    let left = shared::port::table::Query::prefix(shared::port::table::TableId::Access, "node#n1", "", 100);
    assert!(cloud.ports().table.query(left).await.unwrap().records.is_empty());
    cloud.publish("n1", "user/mapping", reset).await.unwrap();
}

#[tokio::test]
async fn a_node_shared_with_many_changes_hands_whole() {
    let cloud = Cloud::new();
    let (first, second) = (cloud.user("a").await, cloud.user("b").await);
    cloud.light(&first, "n1").await;
    for number in 0..90 {
        let guest = User { id: format!("guest{number}"), access: String::new(), refresh: String::new() };
        cloud.share(&guest, "n1").await;
    }
    ask(&cloud, &second, "n1", "s2").await;
    tell(&cloud, &second, "n1", "s2", false).await;
    let left = shared::port::table::Query::prefix(shared::port::table::TableId::Access, "node#n1", "", 100);
    let left = cloud.ports().table.query(left).await.unwrap().records;
    let fields: Vec<_> = left.iter().flat_map(|record| record.fields.keys().map(String::as_str)).collect();
    assert_eq!((fields, left[0].str("user")), (vec!["since", "user"], Some(second.id.as_str())));
}

#[tokio::test]
async fn removing_is_for_those_who_have_the_node() {
    let cloud = Cloud::new();
    let (owner, guest, stranger) = (cloud.user("a").await, cloud.user("g").await, cloud.user("s").await);
    cloud.light(&owner, "n1").await;
    cloud.share(&guest, "n1").await;
    // With the CLI's empty secret, and without.
    let remove = |user: &User, body: Value| cloud.call(Call::put("/v1/user/nodes/mapping").by(&user.access).json(&body));
    remove(&stranger, json!({ "node_id": "n1", "operation": "remove" })).await.expect_failure(400, 103_013);
    remove(&guest, json!({ "node_id": "n1", "secret_key": "", "operation": "remove" })).await.expect(200);
    assert_eq!((nodes(&cloud, &guest).await, nodes(&cloud, &owner).await), (json!([]), json!(["n1"])));
    cloud.share(&guest, "n1").await;
    remove(&owner, json!({ "node_id": "n1", "operation": "remove" })).await.expect(200);
    assert_eq!((nodes(&cloud, &guest).await, nodes(&cloud, &owner).await), (json!([]), json!([])));
    remove(&owner, json!({ "node_id": "n1", "operation": "remove" })).await.expect_failure(400, 103_013);
}

#[tokio::test]
async fn two_users_at_the_same_moment_leave_one_primary() {
    for round in 0..20 {
        let cloud = Cloud::new();
        let (a, b) = (cloud.user("a").await, cloud.user("b").await);
        ask(&cloud, &a, "n1", "s1").await;
        ask(&cloud, &b, "n1", "s1").await;
        if round % 2 == 0 {
            join(tell(&cloud, &a, "n1", "s1", false), tell(&cloud, &b, "n1", "s1", false)).await;
        } else {
            tell(&cloud, &a, "n1", "s1", false).await;
            join(tell(&cloud, &b, "n1", "s1", false), ask(&cloud, &a, "n1", "s1")).await;
        }
        let owners = [nodes(&cloud, &a).await, nodes(&cloud, &b).await].iter().filter(|nodes| **nodes == json!(["n1"])).count();
        assert_eq!(owners, 1);
    }
}

#[tokio::test]
async fn both_halves_at_the_same_moment_meet() {
    for _ in 0..20 {
        let cloud = Cloud::new();
        let user = cloud.user("a").await;
        let (request, ()) = join(ask(&cloud, &user, "n1", "s1"), tell(&cloud, &user, "n1", "s1", false)).await;
        assert_eq!(poll(&cloud, &user, &request).await, "confirmed");
        assert_eq!(nodes(&cloud, &user).await, json!(["n1"]));
    }
}

#[tokio::test]
async fn bad_requests_are_named() {
    let cloud = Cloud::new();
    let (user, other) = (cloud.user("a").await, cloud.user("b").await);
    for (body, code) in [
        (json!({}), 100_009),
        (json!({ "node_id": "", "operation": "add" }), 100_009),
        (json!({ "node_id": "n1", "secret_key": "s" }), 103_003),
        (json!({ "node_id": "n1", "secret_key": "s", "operation": "ADD" }), 103_003),
        (json!({ "node_id": "n1", "operation": "add" }), 103_004),
        (json!({ "node_id": "n1", "secret_key": " ", "operation": "add" }), 103_004),
        (json!({ "node_id": "x".repeat(64), "secret_key": "s", "operation": "add" }), 103_005),
        (json!({ "node_id": "n/1", "secret_key": "s", "operation": "add" }), 103_005),
        (json!({ "node_id": "n1", "secret_key": "x".repeat(65), "operation": "add" }), 103_006),
    ] {
        cloud.call(Call::put("/v1/user/nodes/mapping").by(&user.access).json(&body)).await.expect_failure(400, code);
    }
    cloud.call(Call::get("/v1/user/nodes/mapping").by(&user.access)).await.expect_failure(400, 103_016);
    let request = ask(&cloud, &user, "n1", "s1").await;
    for (by, id) in [(&user, "unknown"), (&other, &request), (&user, "a/b")] {
        let call = Call::get(&format!("/v1/user/nodes/mapping?request_id={id}")).by(&by.access);
        cloud.call(call).await.expect_failure(400, 103_018);
    }
}

#[tokio::test]
async fn a_reset_that_is_told_late_leaves_a_newer_mapping() {
    let cloud = Cloud::new();
    let (first, second) = (cloud.user("a").await, cloud.user("b").await);
    cloud.light(&first, "n1").await;
    let reset_at = 1_790_000_010_000;
    cloud.clock.pass(50);
    cloud.map(&second, "n1").await;
    let reset = r#"{"node_id":"n1","user_id":"esp-rmaker","secret_key":"failed","reset":true}"#;
    cloud.publish_at("n1", "user/mapping", reset, reset_at).await.unwrap();
    assert_eq!(nodes(&cloud, &second).await, json!(["n1"]));
    cloud.publish_at("n1", "user/mapping", reset, reset_at + 90_000).await.unwrap();
    assert_eq!(nodes(&cloud, &second).await, json!([]));
}

#[tokio::test]
async fn a_node_that_was_given_to_somebody_anew_leaves_all_others_at_once() {
    let cloud = Cloud::new();
    let (first, guest, second) = (cloud.user("a").await, cloud.user("g").await, cloud.user("b").await);
    cloud.light(&first, "n1").await;
    cloud.share(&guest, "n1").await;
    cloud.clock.pass(1);
    tell(&cloud, &second, "n1", "s2", true).await;
    for user in [&first, &guest, &second] {
        assert_eq!(nodes(&cloud, user).await, json!([]));
    }
    let request = ask(&cloud, &second, "n1", "s2").await;
    assert_eq!(poll(&cloud, &second, &request).await, "confirmed");
}

#[tokio::test]
async fn removing_never_takes_the_node_from_a_new_owner() {
    for _ in 0..100 {
        let cloud = Cloud::new();
        let (a, b) = (cloud.user("a").await, cloud.user("b").await);
        cloud.light(&a, "n1").await;
        let request = ask(&cloud, &b, "n1", "s2").await;
        let remove = json!({ "node_id": "n1", "operation": "remove" });
        let removal = cloud.call(Call::put("/v1/user/nodes/mapping").by(&a.access).json(&remove));
        join(removal, tell(&cloud, &b, "n1", "s2", false)).await;
        assert_eq!(poll(&cloud, &b, &request).await, "confirmed");
        assert_eq!((nodes(&cloud, &a).await, nodes(&cloud, &b).await), (json!([]), json!(["n1"])));
    }
}
