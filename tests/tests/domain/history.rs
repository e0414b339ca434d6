//! Which nodes a user has and had.

use serde_json::{Value, json};
use shared::port::Rules;
use tests::{Call, Cloud, User};

async fn history(cloud: &Cloud, user: &User, query: &str) -> Value {
    cloud.call(Call::get(&format!("/v1/user/nodes/history?{query}")).by(&user.access)).await.expect(200)
}

async fn remove(cloud: &Cloud, user: &User, node: &str) {
    let body = json!({ "node_id": node, "operation": "remove" });
    cloud.call(Call::put("/v1/user/nodes/mapping").by(&user.access).json(&body)).await.expect(200);
}

#[tokio::test]
async fn an_association_is_followed_from_its_begin_over_its_end_to_the_next() {
    let cloud = Cloud::new();
    let (user, other) = (cloud.user("a").await, cloud.user("b").await);
    cloud.light(&user, "n1").await;
    let begun = 1_790_000_000;
    let entry = |updated: i64, count: i64, status: &str| json!({ "node_id": "n1", "first_mapping_ts": begun, "last_updated_ts": begun + updated, "mapping_count": count, "node_type": "rainmaker", "status": status });
    let described = |mut entry: Value| {
        entry["type"] = "Lightbulb".into();
        entry["model"] = "lamp".into();
        entry
    };
    assert_eq!(
        history(&cloud, &user, "").await,
        json!({ "user_id": user.id, "user_name": "a@x.io", "total": 1, "nodes": [described(entry(0, 1, "active"))] })
    );
    cloud.clock.pass(10);
    cloud.map(&user, "n1").await;
    assert_eq!(history(&cloud, &user, "").await["nodes"], json!([described(entry(10, 1, "active"))]), "mapped again, not anew");
    cloud.clock.pass(10);
    cloud.map(&other, "n1").await;
    assert_eq!(history(&cloud, &user, "").await["nodes"], json!([entry(20, 1, "inactive")]), "what it is now is the other's");
    cloud.clock.pass(10);
    cloud.map(&user, "n1").await;
    cloud.clock.pass(10);
    remove(&cloud, &user, "n1").await;
    assert_eq!(history(&cloud, &user, "").await["nodes"], json!([entry(40, 2, "inactive")]));
    assert_eq!(history(&cloud, &user, "").await["total"], 1);
    assert_eq!(history(&cloud, &other, "node_id=n1").await["nodes"][0]["status"], "inactive");
}

#[tokio::test]
async fn pages_and_filters() {
    let cloud = Cloud::new();
    let user = cloud.user("a").await;
    for number in 0..30 {
        cloud.map(&user, &format!("n{number:02}")).await;
    }
    let first = history(&cloud, &user, "node_type=rainmaker").await;
    assert_eq!((first["nodes"].as_array().unwrap().len(), &first["total"], &first["node_type"]), (25, &json!(30), &json!("rainmaker")));
    assert!(first["nodes"][0].get("node_type").is_none());
    let second = history(&cloud, &user, &format!("start_id={}&num_records=10", first["next_id"].as_str().unwrap())).await;
    assert_eq!((second["nodes"].as_array().unwrap().len(), second.get("next_id")), (5, None));
    assert_eq!(history(&cloud, &user, "node_id=n07").await["total"], 1);
    for none in ["node_id=never", "node_type=ocpp", "node_type=pure_matter"] {
        let page = history(&cloud, &user, none).await;
        assert_eq!((&page["total"], &page["nodes"]), (&json!(0), &json!([])), "{none}");
    }
    for (query, code) in [("node_id=n1&node_type=rainmaker", 103_043), ("node_type=toaster", 103_044), ("start_id=!", 105_043)] {
        cloud.call(Call::get(&format!("/v1/user/nodes/history?{query}")).by(&user.access)).await.expect_failure(400, code);
    }
}

#[tokio::test]
async fn an_owner_may_have_none_kept() {
    let cloud = Cloud::with_rules(Rules { history: false, ..Rules::default() });
    let user = cloud.user("a").await;
    cloud.light(&user, "n1").await;
    remove(&cloud, &user, "n1").await;
    cloud.call(Call::get("/v1/user/nodes/history").by(&user.access)).await.expect_failure(400, 103_042);
    let kept = shared::port::table::Query::prefix(shared::port::table::TableId::Users, format!("user#{}", user.id), "history", 10);
    assert!(cloud.ports().table.query(kept).await.unwrap().records.is_empty());
}
