//! The end of an account and of all that belongs to it.

use serde_json::{Value, json};
use shared::{
    port::{
        Rules,
        identity::Privilege,
        table::{Query, TableId},
    },
    user::delete,
};
use tests::{Answer, Call, Cloud, PASSWORD, User};

async fn delete(cloud: &Cloud, user: &User, query: &str) -> Answer {
    cloud.call(Call::delete(&format!("/v1/user2?{query}")).by(&user.access)).await
}

async fn refresh(cloud: &Cloud, user: &User) -> Answer {
    cloud.call(Call::post("/v1/login2").json(&json!({ "refreshtoken": user.refresh }))).await
}

/// Records of a partition.
async fn count(cloud: &Cloud, table: TableId, partition: String) -> usize {
    cloud.ports().table.query(Query::prefix(table, partition, "", 100)).await.unwrap().records.len()
}

#[tokio::test]
async fn a_deleted_account_leaves_nothing() {
    let cloud = Cloud::new();
    let user = cloud.user("a").await;
    cloud.light(&user, "node1").await;
    let data = json!({ "timeZone": { "value": "Europe/Berlin" } });
    cloud.call(Call::put("/v1/user/custom_data").by(&user.access).json(&data)).await.expect(200);
    delete(&cloud, &user, "request=true").await.expect(200);
    let code = cloud.mail.code("a@x.io");
    delete(&cloud, &user, &format!("verification_code={code}")).await.expect(200);
    cloud.call(Call::get("/v1/user2").by(&user.access)).await.expect_failure(401, 100_047);
    refresh(&cloud, &user).await.expect_failure(400, 101_017);
    for (table, partition) in [
        (TableId::Users, format!("user#{}", user.id)),
        (TableId::Access, format!("user#{}", user.id)),
        (TableId::Access, "node#node1".to_owned()),
        (TableId::Identity, "account#a@x.io".to_owned()),
        (TableId::Identity, format!("session#{}", user.id)),
        (TableId::Identity, "leaving".to_owned()),
        (TableId::Identity, "accounts".to_owned()),
    ] {
        assert_eq!(count(&cloud, table, partition.clone()).await, 0, "{partition}");
    }
    cloud.call(Call::post("/v1/login2").json(&json!({ "user_name": "a@x.io", "password": PASSWORD }))).await.expect_failure(400, 101_009);
    // The name is free, for another user.
    assert_ne!(cloud.user("a").await.id, user.id);
}

#[tokio::test]
async fn deleting_needs_the_code() {
    let cloud = Cloud::new();
    let (user, other) = (cloud.user("a").await, cloud.user("b").await);
    delete(&cloud, &user, "").await.expect_failure(400, 119_007);
    delete(&cloud, &user, "request=false").await.expect_failure(400, 119_007);
    delete(&cloud, &user, "verification_code=123456").await.expect_failure(400, 119_015);
    delete(&cloud, &user, "request=true").await.expect(200);
    let code = cloud.mail.code("a@x.io");
    delete(&cloud, &other, &format!("verification_code={code}")).await.expect_failure(400, 119_015);
    for _ in 0..5 {
        delete(&cloud, &user, "verification_code=000000").await.expect_failure(400, 119_005);
    }
    delete(&cloud, &user, &format!("verification_code={code}")).await.expect_failure(400, 119_016);
    delete(&cloud, &user, "request=true").await.expect(200);
    let code = cloud.mail.code("a@x.io");
    cloud.clock.pass(600);
    delete(&cloud, &user, &format!("verification_code={code}")).await.expect_failure(400, 119_015);
    refresh(&cloud, &user).await.expect(200);
}

#[tokio::test]
async fn a_guest_goes_at_once() {
    let cloud = Cloud::with_rules(Rules { guest_days: Some(0), ..Rules::default() });
    let begun = cloud.call(Call::post("/v1/user/guest")).await.expect(201);
    let access = begun["accesstoken"].as_str().unwrap();
    cloud.call(Call::delete("/v1/user2?request=true").by(access)).await.expect(200);
    cloud.call(Call::get("/v1/user2").by(access)).await.expect_failure(401, 100_047);
    assert_eq!(count(&cloud, TableId::Identity, "accounts".to_owned()).await, 0);
}

#[tokio::test]
async fn what_was_interrupted_is_finished_and_nobody_enters_meanwhile() {
    let cloud = Cloud::new();
    let user = cloud.user("a").await;
    cloud.light(&user, "node1").await;
    // As far as it may have got.
    cloud.ports().identity.close(&"a@x.io".parse().unwrap()).await.unwrap();
    cloud.call(Call::post("/v1/login2").json(&json!({ "user_name": "a@x.io", "password": PASSWORD }))).await.expect_failure(400, 101_009);
    cloud.call(Call::get("/v1/user2").by(&user.access)).await.expect_failure(401, 100_047);
    refresh(&cloud, &user).await.expect_failure(400, 101_017);
    cloud.call(Call::post("/v1/user2").json(&json!({ "user_name": "a@x.io", "password": PASSWORD }))).await.expect_failure(400, 101_006);
    assert_eq!(delete::finish(cloud.ports()).await.unwrap(), 1);
    assert_eq!(delete::finish(cloud.ports()).await.unwrap(), 0);
    assert_eq!(count(&cloud, TableId::Access, "node#node1".to_owned()).await, 0);
    cloud.user("a").await;
}

#[tokio::test]
async fn the_nodes_of_an_account_with_many_are_all_free() {
    let cloud = Cloud::new();
    let user = cloud.user("a").await;
    let nodes: Vec<_> = (0..130).map(|number| format!("n{number}")).collect();
    for node in &nodes {
        cloud.share(&user, node).await;
    }
    delete(&cloud, &user, "request=true").await.expect(200);
    let code = cloud.mail.code("a@x.io");
    delete(&cloud, &user, &format!("verification_code={code}")).await.expect(200);
    for node in &nodes {
        assert_eq!(count(&cloud, TableId::Access, format!("node#{node}")).await, 0);
    }
}

#[tokio::test]
async fn the_account_of_a_super_admin_stays() {
    let cloud = Cloud::new();
    let (name, password) = ("root@x.io".parse().unwrap(), PASSWORD.parse().unwrap());
    cloud.ports().identity.make(&name, &password, Privilege::SuperAdmin).await.unwrap();
    let root = cloud.log_in("root@x.io").await;
    let shown: Value = cloud.call(Call::get("/v1/user2").by(&root.access)).await.expect(200);
    assert_eq!(shown["super_admin"], true);
    delete(&cloud, &root, "request=true").await.expect_failure(400, 119_017);
}
