//! Administering all nodes of the cloud.

use serde_json::{Value, json};
use shared::{node::certificate, port::identity::Privilege};
use tests::{Answer, Call, Cloud, NodeKey, User};

const PATH: &str = "/v1/admin/nodes";

async fn list(cloud: &Cloud, by: &User, query: &str) -> Answer {
    cloud.call(Call::get(&format!("{PATH}?{query}")).by(&by.access)).await
}

async fn add(cloud: &Cloud, by: &User, csr: &str) -> Answer {
    cloud.call(Call::post(PATH).by(&by.access).json(&json!({ "csr": csr }))).await
}

async fn revoke(cloud: &Cloud, by: &User, query: &str) -> Answer {
    cloud.call(Call::put(&format!("{PATH}?{query}")).by(&by.access)).await
}

async fn with_root() -> (Cloud, User) {
    let cloud = Cloud::new();
    let root = cloud.admin("root", Privilege::SuperAdmin).await;
    (cloud, root)
}

#[tokio::test]
async fn nodes_are_listed_in_pages_with_what_they_say() {
    let (cloud, root) = with_root().await;
    let owner = cloud.user("owner").await;
    for number in 0..30 {
        cloud.key(&format!("n{number:02}")).await;
    }
    cloud.light(&owner, "n03").await;
    revoke(&cloud, &root, "activate=false&node_id=n04").await.expect(207);
    let (mut found, mut start) = (Vec::new(), String::new());
    loop {
        let page = list(&cloud, &root, &format!("num_records=13&start_id={start}")).await.expect(200);
        let nodes = page["node_info"].as_array().unwrap().clone();
        assert_eq!(page["nodes"].as_array().unwrap().len(), nodes.len());
        found.extend(nodes);
        let Some(next) = page["next_id"].as_str() else { break };
        next.clone_into(&mut start);
    }
    let ids: Vec<_> = found.iter().map(|node| node["node_id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids, (0..30).map(|number| format!("n{number:02}")).collect::<Vec<_>>());
    let states: Vec<_> = found[2..5].iter().map(|node| &node["node_status"]).collect();
    assert_eq!(states, ["not_activated", "online", "deactivated"]);
    assert_eq!((&found[3]["name"], &found[3]["type"], &found[3]["model"]), (&json!("Lamp"), &json!("Lightbulb"), &json!("lamp")));
    assert_eq!((&found[2]["name"], &found[2]["status"]), (&Value::Null, &json!({ "connectivity": {} })));
    let one = list(&cloud, &root, "node_id=n03").await.expect(200);
    assert_eq!((&one["node_id"], &one["status"]["connectivity"]["connected"]), (&json!("n03"), &json!(true)));
    for unknown in ["n99", "a/b"] {
        list(&cloud, &root, &format!("node_id={unknown}")).await.expect_failure(404, 100_015);
    }
    for filter in ["type=led", "tags=a:b", "node_status=online", "summary=true", "model=x", "subtype=x", "project_name=x", "fw_version=1"] {
        list(&cloud, &root, filter).await.expect_failure(400, 100_012);
    }
    list(&cloud, &owner, "").await.expect_failure(400, 100_004);
}

#[tokio::test]
async fn each_node_that_is_revoked_has_its_own_outcome() {
    let (cloud, root) = with_root().await;
    let user = cloud.user("user").await;
    for node in ["n1", "n2", "n3"] {
        cloud.key(node).await;
    }
    let outcome = revoke(&cloud, &root, "activate=false&node_id=n1,nx,%20n2,n1,a/b").await.expect(207);
    let told: Vec<_> = outcome["responses"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["node_id"].as_str().unwrap(), one["status"].as_str().unwrap(), one["error_code"].as_u64()))
        .collect();
    let missing = Some(100_015);
    assert_eq!(told, [("a/b", "failure", missing), ("n1", "success", None), ("n2", "success", None), ("nx", "failure", missing)]);
    assert_eq!(cloud.fleet.take_disconnected(), ["n1", "n2"]);
    revoke(&cloud, &root, "activate=false&node_id=n1").await.expect(207);
    cloud.fleet.take_disconnected();
    let many: Vec<_> = (0..26).map(|number| format!("n{number}")).collect();
    for (by, query, code) in [
        (&root, "activate=true&node_id=n1".to_owned(), 105_003),
        (&root, "node_id=n3".to_owned(), 105_025),
        (&root, "activate=false".to_owned(), 105_018),
        (&root, "activate=false&node_id=,".to_owned(), 105_018),
        (&root, format!("activate=false&node_id={}", many.join(",")), 105_062),
        (&user, "activate=false&node_id=n3".to_owned(), 100_004),
    ] {
        revoke(&cloud, by, &query).await.expect_failure(400, code);
    }
    let tags = Call::put(&format!("{PATH}?activate=false&node_id=n3")).by(&root.access).json(&json!({ "tags": ["a:b"] }));
    cloud.call(tags).await.expect_failure(400, 100_012);
    assert!(cloud.fleet.take_disconnected().is_empty());
    assert_eq!(list(&cloud, &root, "node_id=n3").await.expect(200)["node_status"], "not_activated");
}

#[tokio::test]
async fn a_node_is_added_once_by_a_super_admin() {
    let (cloud, root) = with_root().await;
    let admin = cloud.admin("admin", Privilege::Admin).await;
    let key = NodeKey::new();
    let csr = key.csr("fresh1");
    add(&cloud, &admin, &csr).await.expect_failure(400, 100_004);
    list(&cloud, &root, "node_id=fresh1").await.expect_failure(404, 100_015);
    let told = add(&cloud, &root, &csr).await.expect(201);
    assert_eq!((&told["node_id"], &told["mqtt_host"]), (&json!("fresh1"), &json!("mqtt.cloud.test")));
    // The answer was lost: the same one again.
    assert_eq!(add(&cloud, &root, &csr).await.expect(201), told);
    let der = pem::parse(told["certificate"].as_str().unwrap()).unwrap().into_contents();
    let known = certificate::find(cloud.ports(), &certificate::Fingerprint::of(&der)).await.unwrap().unwrap();
    assert_eq!((known.node.as_str(), known.revoked), ("fresh1", false));
    // Another key for a node that is known would take it over.
    add(&cloud, &root, &NodeKey::new().csr("fresh1")).await.expect_failure(400, 100_012);
    let known = certificate::find(cloud.ports(), &certificate::Fingerprint::of(&der)).await.unwrap().unwrap();
    assert!(!known.revoked);
    revoke(&cloud, &root, "activate=false&node_id=fresh1").await.expect(207);
    add(&cloud, &root, &csr).await.expect_failure(400, 100_012);
    for bad in ["", "no PEM", &key.csr("a/b")] {
        add(&cloud, &root, bad).await.expect_failure(400, 100_012);
    }
}
