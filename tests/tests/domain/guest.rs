//! Guests, and how they become users.

use serde_json::{Value, json};
use shared::{port::Rules, user::delete};
use tests::{Answer, Call, Cloud, PASSWORD, User};

fn cloud() -> Cloud {
    Cloud::with_rules(Rules { guest_days: Some(30), ..Rules::default() })
}

async fn guest(cloud: &Cloud) -> (User, String) {
    let begun = cloud.call(Call::post("/v1/user/guest")).await.expect(201);
    let text = |key: &str| begun[key].as_str().unwrap().to_owned();
    let shown = cloud.call(Call::get("/v1/user2").by(&text("accesstoken"))).await.expect(200);
    let id = shown["user_id"].as_str().unwrap().to_owned();
    (User { id, access: text("accesstoken"), refresh: text("refreshtoken") }, text("user_name"))
}

async fn convert(cloud: &Cloud, by: &User, step: &str, body: Value) -> Answer {
    cloud.call(Call::post(&format!("/v1/user/guest/conversion/{step}")).by(&by.access).json(&body)).await
}

async fn refresh(cloud: &Cloud, user: &User) -> Answer {
    cloud.call(Call::post("/v1/login2").json(&json!({ "refreshtoken": user.refresh }))).await
}

#[tokio::test]
async fn there_are_no_guests_unless_the_owner_wants_them() {
    let cloud = Cloud::new();
    cloud.call(Call::post("/v1/user/guest")).await.expect_failure(400, 100_012);
    let user = cloud.user("a").await;
    convert(&cloud, &user, "initiate", json!({ "user_name": "b@x.io" })).await.expect_failure(400, 100_012);
}

#[tokio::test]
async fn a_guest_has_a_session_and_nothing_else_to_enter_with() {
    let cloud = cloud();
    let (user, name) = guest(&cloud).await;
    let shown = cloud.call(Call::get("/v1/user2").by(&user.access)).await.expect(200);
    assert_eq!((&shown["user_name"], &shown["is_guest_user"]), (&name.clone().into(), &true.into()));
    assert_eq!(shown["expires_on"], 1_790_000_000 + 30 * 86_400);
    assert!(name.starts_with("guest@") && name.ends_with(".temp.user"));
    for body in
        [json!({ "user_name": name, "password": PASSWORD }), json!({ "user_name": name, "password": "" }), json!({ "user_name": name })]
    {
        cloud.call(Call::post("/v1/login2").json(&body)).await.expect_failure(400, 101_087);
    }
    let change = json!({ "password": "", "newpassword": PASSWORD });
    cloud.call(Call::put("/v1/password2").by(&user.access).json(&change)).await.expect_failure(400, 101_087);
    cloud.call(Call::put("/v1/forgotpassword2").json(&json!({ "user_name": name }))).await.expect_failure(400, 101_087);
    let sign_up = json!({ "user_name": "guest@mine.temp.user", "password": PASSWORD });
    cloud.call(Call::post("/v1/user2").json(&sign_up)).await.expect_failure(400, 101_002);
}

#[tokio::test]
async fn a_guest_becomes_a_user_with_nodes_and_sessions() {
    let cloud = cloud();
    let (user, _) = guest(&cloud).await;
    cloud.light(&user, "node1").await;
    let ask = json!({ "user_name": "Ann@x.io" });
    convert(&cloud, &user, "initiate", ask.clone()).await.expect(200);
    let code = cloud.mail.code("Ann@x.io");
    let with = |code: &str| json!({ "user_name": "ann@x.io", "verification_code": code, "password": PASSWORD });
    convert(&cloud, &user, "verify", with("000000")).await.expect_failure(400, 101_012);
    convert(&cloud, &user, "verify", json!({ "user_name": "ann@x.io" })).await.expect_failure(400, 101_003);
    convert(&cloud, &user, "verify", with(&code)).await.expect(200);
    let fresh = refresh(&cloud, &user).await.expect(200);
    let shown = cloud.call(Call::get("/v1/user2").by(fresh["accesstoken"].as_str().unwrap())).await.expect(200);
    assert_eq!((&shown["user_id"], &shown["user_name"]), (&user.id.clone().into(), &"ann@x.io".into()));
    assert!(shown.get("is_guest_user").is_none() && shown.get("expires_on").is_none());
    let again = cloud.log_in("ann@x.io").await;
    assert_eq!(again.id, user.id);
    assert_eq!(cloud.call(Call::get("/v1/user/nodes").by(&again.access)).await.expect(200)["nodes"], json!(["node1"]));
    // The guest is none any more, though a token still says so.
    convert(&cloud, &user, "verify", with(&code)).await.expect(401);
    cloud.clock.pass(31 * 86_400);
    assert_eq!(delete::finish(cloud.ports()).await.unwrap(), 0);
    cloud.log_in("ann@x.io").await;
}

#[tokio::test]
async fn a_guest_takes_nobodys_name() {
    let cloud = cloud();
    let ann = cloud.user("ann").await;
    let (user, _) = guest(&cloud).await;
    convert(&cloud, &user, "initiate", json!({ "user_name": "ANN@x.io" })).await.expect_failure(400, 101_006);
    convert(&cloud, &user, "initiate", json!({ "user_name": "+4915550100" })).await.expect_failure(400, 101_097);
    convert(&cloud, &user, "initiate", json!({ "user_name": "guest@me.temp.user" })).await.expect_failure(400, 101_002);
    convert(&cloud, &ann, "initiate", json!({ "user_name": "b@x.io" })).await.expect_failure(400, 100_004);
    // Somebody signs up under the name while the guest's code is on its way.
    convert(&cloud, &user, "initiate", json!({ "user_name": "bob@x.io" })).await.expect(200);
    let code = cloud.mail.code("bob@x.io");
    cloud.user("bob").await;
    let verify = json!({ "user_name": "bob@x.io", "verification_code": code, "password": "Other0ne" });
    convert(&cloud, &user, "verify", verify).await.expect_failure(400, 101_006);
    cloud.log_in("bob@x.io").await;
}

#[tokio::test]
async fn a_guest_whose_time_has_passed_is_forgotten() {
    let cloud = cloud();
    let (user, _) = guest(&cloud).await;
    cloud.light(&user, "node1").await;
    cloud.clock.pass(30 * 86_400 - 1);
    assert_eq!(delete::finish(cloud.ports()).await.unwrap(), 0);
    refresh(&cloud, &user).await.expect(200);
    cloud.clock.pass(1);
    assert_eq!(delete::finish(cloud.ports()).await.unwrap(), 1);
    refresh(&cloud, &user).await.expect_failure(400, 101_017);
    // The node is free.
    let next = cloud.user("next").await;
    cloud.light(&next, "node1").await;
    assert_eq!(delete::finish(cloud.ports()).await.unwrap(), 0);
}
