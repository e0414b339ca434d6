//! A user's nodes in pages.

use serde_json::{Value, json};
use tests::{Call, Cloud, User};

async fn page(cloud: &Cloud, user: &User, query: &str) -> Value {
    cloud.call(Call::get(&format!("/v1/user/nodes?{query}")).by(&user.access)).await.expect(200)
}

#[tokio::test]
async fn every_page_has_its_nodes_and_the_last_has_no_next() {
    let cloud = Cloud::new();
    let (user, other) = (cloud.user("a").await, cloud.user("b").await);
    let mut all: Vec<String> = (0..120).map(|number| format!("n{number}")).collect();
    for node in &all {
        cloud.map(&user, node).await;
    }
    cloud.map(&other, "elsewhere").await;
    all.sort();
    for (query, pages) in [("num_records=7", 18), ("node_details=true&num_records=60", 2), ("node_details=true&start_id=", 2), ("", 2)] {
        let (mut seen, mut start, mut count) = (Vec::new(), String::new(), 0);
        loop {
            let page = page(&cloud, &user, &format!("{query}&start_id={start}")).await;
            let ids = page["nodes"].as_array().unwrap();
            assert_eq!(page["total"], ids.len());
            if let Some(details) = page.get("node_details") {
                assert_eq!(details.as_array().unwrap().iter().map(|node| &node["id"]).collect::<Vec<_>>(), ids.iter().collect::<Vec<_>>());
            }
            seen.extend(ids.iter().map(|id| id.as_str().unwrap().to_owned()));
            count += 1;
            let Some(next) = page.get("next_id") else { break };
            next.as_str().unwrap().clone_into(&mut start);
            assert!(start.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
        }
        assert_eq!((&seen, count), (&all, pages), "{query}");
    }
    cloud.call(Call::get("/v1/user/nodes?start_id=!").by(&user.access)).await.expect_failure(400, 105_043);
}

#[tokio::test]
async fn a_node_has_the_shape_that_clients_read() {
    let cloud = Cloud::new();
    let user = cloud.user("a").await;
    cloud.light(&user, "n1").await;
    let node = page(&cloud, &user, "node_id=n1").await["node_details"][0].clone();
    let expected = json!({
        "id": "n1", "node_id": "n1", "node_type": "rainmaker", "role": "primary", "primary": true, "is_matter": false,
        "mapping_timestamp": 1_790_000_000, "metadata": {}, "tags": [],
        "status": { "connectivity": { "connected": true, "timestamp": 1_790_000_000_000_i64 } },
        "config": serde_json::from_str::<Value>(&tests::light_config("n1")).unwrap(),
        "params": { "Light": { "Name": "Lamp", "Power": false, "Brightness": 25, "Lux": 27.3 }, "RMUserAuth": { "UserTokenStatus": 1 }, "Time": {} },
    });
    assert_eq!(node, expected);
    let bare = page(&cloud, &user, "node_details=true&config=false&status=False&params=false").await["node_details"][0].clone();
    assert!(["config", "status", "params"].iter().all(|part| bare.get(part).is_none()), "{bare}");
    let guest = cloud.user("g").await;
    cloud.share(&guest, "n1").await;
    let shared = page(&cloud, &guest, "node_id=n1").await["node_details"][0].clone();
    assert_eq!((&shared["role"], &shared["primary"]), (&json!("secondary"), &json!(false)));
    cloud.call(Call::get("/v1/user/nodes?node_id=n2").by(&user.access)).await.expect_failure(400, 100_010);
}
