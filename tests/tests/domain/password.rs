//! New passwords, forgotten ones, and logging in by code.

use serde_json::{Value, json};
use tests::{Answer, Call, Cloud, PASSWORD, User};

const OTHER: &str = "Other0ne";

async fn put(cloud: &Cloud, path: &str, body: Value) -> Answer {
    cloud.call(Call::put(path).json(&body)).await
}

async fn log_in(cloud: &Cloud, body: Value) -> Answer {
    cloud.call(Call::post("/v1/login2").json(&body)).await
}

async fn change(cloud: &Cloud, user: &User, old: &str, new: &str) -> Answer {
    cloud.call(Call::put("/v1/password2").by(&user.access).json(&json!({ "password": old, "newpassword": new }))).await
}

async fn refreshes(cloud: &Cloud, user: &User) -> bool {
    log_in(cloud, json!({ "refreshtoken": user.refresh })).await.status == 200
}

#[tokio::test]
async fn a_changed_password_ends_every_other_session() {
    let cloud = Cloud::new();
    let (user, stranger) = (cloud.user("a").await, cloud.user("b").await);
    let other = cloud.log_in("a@x.io").await;
    change(&cloud, &user, "Wr0ngWr0ng", OTHER).await.expect_failure(400, 101_007);
    change(&cloud, &user, PASSWORD, "short").await.expect_failure(400, 101_004);
    assert!(refreshes(&cloud, &other).await);
    change(&cloud, &user, PASSWORD, OTHER).await.expect(200);
    assert!(refreshes(&cloud, &user).await && !refreshes(&cloud, &other).await && refreshes(&cloud, &stranger).await);
    log_in(&cloud, json!({ "user_name": "a@x.io", "password": PASSWORD })).await.expect_failure(400, 101_009);
    log_in(&cloud, json!({ "user_name": "a@x.io", "password": OTHER })).await.expect(200);
}

#[tokio::test]
async fn the_old_password_cannot_be_guessed_with_a_stolen_token() {
    let cloud = Cloud::new();
    let user = cloud.user("a").await;
    for _ in 0..10 {
        change(&cloud, &user, "Wr0ngWr0ng", OTHER).await.expect_failure(400, 101_007);
    }
    change(&cloud, &user, PASSWORD, OTHER).await.expect_failure(429, 101_019);
}

#[tokio::test]
async fn a_login_with_the_old_password_while_it_is_changed_does_not_outlive_the_change() {
    let cloud = Cloud::new();
    let user = cloud.user("a").await;
    for _ in 0..5 {
        let login = log_in(&cloud, json!({ "user_name": "a@x.io", "password": PASSWORD }));
        let (answer, changed) = tokio::join!(login, change(&cloud, &user, PASSWORD, OTHER));
        changed.expect(200);
        if answer.status == 200 {
            let token = answer.json()["refreshtoken"].clone();
            log_in(&cloud, json!({ "refreshtoken": token })).await.expect_failure(400, 101_017);
        }
        change(&cloud, &user, OTHER, PASSWORD).await.expect(200);
    }
}

#[tokio::test]
async fn a_forgotten_password_is_replaced_with_a_code_and_sessions_go_on() {
    let cloud = Cloud::new();
    let user = cloud.user("a").await;
    let ask = json!({ "user_name": "A@x.io", "password": null, "verification_code": null });
    put(&cloud, "/v1/forgotpassword2", ask).await.expect(200);
    // To the mailbox that was confirmed, however the name was written now.
    let code = cloud.mail.code("a@x.io");
    let with = |code: &str, password: &str| json!({ "user_name": "a@x.io", "verification_code": code, "password": password });
    put(&cloud, "/v1/forgotpassword2", with("000000", OTHER)).await.expect_failure(400, 101_012);
    put(&cloud, "/v1/forgotpassword2", with(&code, "weak")).await.expect_failure(400, 101_004);
    put(&cloud, "/v1/forgotpassword", with(&code, OTHER)).await.expect(200);
    put(&cloud, "/v1/forgotpassword", with(&code, "Thir0dOne")).await.expect_failure(400, 101_012);
    log_in(&cloud, json!({ "user_name": "a@x.io", "password": PASSWORD })).await.expect_failure(400, 101_009);
    log_in(&cloud, json!({ "user_name": "a@x.io", "password": OTHER })).await.expect(200);
    assert!(refreshes(&cloud, &user).await);
    put(&cloud, "/v1/forgotpassword2", json!({ "user_name": "a@x.io", "password": OTHER })).await.expect_failure(400, 101_030);
    put(&cloud, "/v1/forgotpassword2", json!({ "user_name": "a@x.io", "verification_code": "1" })).await.expect_failure(400, 101_032);
    put(&cloud, "/v1/forgotpassword2", json!({ "user_name": "+4915550100" })).await.expect_failure(400, 101_037);
}

#[tokio::test]
async fn a_code_begins_a_session_once_and_only_with_its_handle() {
    let cloud = Cloud::new();
    cloud.user("a").await;
    let session = |answer: &Answer| answer.expect(200)["session"].as_str().unwrap().to_owned();
    let handle = session(&log_in(&cloud, json!({ "user_name": "a@x.io" })).await);
    let code = cloud.mail.code("a@x.io");
    let with = |handle: &str, code: &str| json!({ "user_name": "a@x.io", "session": handle, "verification_code": code });
    log_in(&cloud, json!({ "user_name": "a@x.io", "verification_code": code })).await.expect_failure(400, 101_039);
    log_in(&cloud, with("guess", &code)).await.expect_failure(400, 101_012);
    log_in(&cloud, with(&handle, "000000")).await.expect_failure(400, 101_012);
    let tokens = log_in(&cloud, with(&handle, &code)).await.expect(200);
    cloud.call(Call::get("/v1/user2").by(tokens["accesstoken"].as_str().unwrap())).await.expect(200);
    log_in(&cloud, with(&handle, &code)).await.expect_failure(400, 101_012);
    let handle = session(&log_in(&cloud, json!({ "user_name": "a@x.io" })).await);
    cloud.clock.pass(600);
    log_in(&cloud, with(&handle, &cloud.mail.code("a@x.io"))).await.expect_failure(400, 101_012);
}

#[tokio::test]
async fn a_code_for_one_purpose_is_none_for_another() {
    let cloud = Cloud::new();
    let user = cloud.user("a").await;
    put(&cloud, "/v1/forgotpassword2", json!({ "user_name": "a@x.io" })).await.expect(200);
    let code = cloud.mail.code("a@x.io");
    let handle = log_in(&cloud, json!({ "user_name": "a@x.io" })).await.expect(200)["session"].clone();
    let by_code = json!({ "user_name": "a@x.io", "session": handle, "verification_code": code });
    log_in(&cloud, by_code).await.expect_failure(400, 101_012);
    let delete = Call::delete(&format!("/v1/user2?verification_code={code}")).by(&user.access);
    cloud.call(delete).await.expect_failure(400, 119_015);
}

#[tokio::test]
async fn nobody_can_tell_whether_a_name_has_an_account() {
    let cloud = Cloud::new();
    cloud.user("known").await;
    cloud.call(Call::post("/v1/user2").json(&json!({ "user_name": "waits@x.io", "password": PASSWORD }))).await.expect(201);
    let letters = cloud.mail.count();
    let mut seen = Vec::new();
    for name in ["known@x.io", "nobody@x.io", "waits@x.io"] {
        let mut answers = Vec::new();
        for _ in 0..6 {
            answers.push(put(&cloud, "/v1/forgotpassword2", json!({ "user_name": name })).await);
            let answer = log_in(&cloud, json!({ "user_name": name })).await;
            let handle = answer.json()["session"].as_str().map(str::len);
            answers.push(Answer { body: format!("{handle:?} {}", answer.json()["description"]), ..answer });
        }
        for _ in 0..7 {
            let reset = json!({ "user_name": name, "verification_code": "000000", "password": OTHER });
            answers.push(put(&cloud, "/v1/forgotpassword2", reset).await);
            answers.push(log_in(&cloud, json!({ "user_name": name, "password": "Wr0ngWr0ng" })).await);
        }
        seen.push(answers);
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0], seen[2]);
    // Five of each purpose for the one account; the sixth of each was refused, for all alike.
    assert_eq!(cloud.mail.count() - letters, 10);
    assert_eq!(seen[0].iter().filter(|answer| answer.status == 429).count(), 2);
}
