//! Accounts, codes, sessions.

use serde_json::{Value, json};
use tests::{Answer, Call, Cloud, PASSWORD};

async fn post(cloud: &Cloud, path: &str, body: Value) -> Answer {
    cloud.call(Call::post(path).json(&body)).await
}

async fn sign_up(cloud: &Cloud, name: &str) -> Answer {
    post(cloud, "/v1/user2", json!({ "user_name": name, "password": PASSWORD })).await
}

async fn confirm(cloud: &Cloud, name: &str, code: &str) -> Answer {
    post(cloud, "/v1/user2", json!({ "user_name": name, "verification_code": code })).await
}

async fn log_in(cloud: &Cloud, name: &str, password: &str) -> Answer {
    post(cloud, "/v1/login2", json!({ "user_name": name, "password": password })).await
}

async fn refresh(cloud: &Cloud, token: &str) -> Answer {
    post(cloud, "/v1/login2", json!({ "refreshtoken": token })).await
}

#[tokio::test]
async fn an_account_is_good_for_logging_in_once_it_is_confirmed() {
    let cloud = Cloud::new();
    sign_up(&cloud, "A@x.io").await.expect(201);
    log_in(&cloud, "A@x.io", PASSWORD).await.expect_failure(400, 101_015);
    let code = cloud.mail.code("A@x.io");
    confirm(&cloud, "a@X.io", &code).await.expect(201);
    let tokens = log_in(&cloud, "a@x.io", PASSWORD).await.expect(200);
    let access = tokens["accesstoken"].as_str().unwrap();
    assert_eq!(cloud.call(Call::get("/v1/user").by(access)).await.expect(200)["user_name"], "A@x.io");
    confirm(&cloud, "a@x.io", &code).await.expect_failure(400, 101_011);
    sign_up(&cloud, "a@x.io").await.expect_failure(400, 101_006);
}

#[tokio::test]
async fn a_code_is_good_for_five_guesses_and_ten_minutes() {
    let cloud = Cloud::new();
    sign_up(&cloud, "a@x.io").await.expect(201);
    for _ in 0..5 {
        confirm(&cloud, "a@x.io", "000000").await.expect_failure(400, 101_012);
    }
    let code = cloud.mail.code("a@x.io");
    confirm(&cloud, "a@x.io", &code).await.expect_failure(400, 101_012);
    sign_up(&cloud, "a@x.io").await.expect(201);
    let code = cloud.mail.code("a@x.io");
    cloud.clock.pass(600);
    confirm(&cloud, "a@x.io", &code).await.expect_failure(400, 101_012);
    sign_up(&cloud, "a@x.io").await.expect(201);
    cloud.clock.pass(599);
    confirm(&cloud, "a@x.io", &cloud.mail.code("a@x.io")).await.expect(201);
}

#[tokio::test]
async fn guesses_at_the_same_moment_are_counted_one_by_one() {
    let cloud = Cloud::new();
    sign_up(&cloud, "a@x.io").await.expect(201);
    let guesses = (0..50).map(|guess| format!("{guess:06}")).collect::<Vec<_>>();
    let answers = futures_util::future::join_all(guesses.iter().map(|guess| confirm(&cloud, "a@x.io", guess))).await;
    // 429: another guess was being counted.
    assert!(answers.iter().all(|answer| [400, 429].contains(&answer.status)));
    let table = &cloud.ports().table;
    let key = shared::port::table::Key::new(shared::port::table::TableId::Identity, "account#a@x.io", "code#sign_up");
    assert!(table.get(&key).await.unwrap().unwrap().int("tries") <= Some(5));
}

#[tokio::test]
async fn only_so_many_letters_are_sent_to_an_address_in_an_hour() {
    let cloud = Cloud::new();
    for _ in 0..5 {
        sign_up(&cloud, "a@x.io").await.expect(201);
    }
    sign_up(&cloud, "a@x.io").await.expect_failure(429, 101_019);
    assert_eq!(cloud.mail.count(), 5);
    cloud.clock.pass(3600);
    sign_up(&cloud, "a@x.io").await.expect(201);
}

#[tokio::test]
async fn signing_up_again_before_confirming_takes_the_new_password() {
    let cloud = Cloud::new();
    sign_up(&cloud, "a@x.io").await.expect(201);
    let old = cloud.mail.code("a@x.io");
    post(&cloud, "/v1/user2", json!({ "user_name": "a@x.io", "password": "Other0ne" })).await.expect(201);
    confirm(&cloud, "a@x.io", &old).await.expect_failure(400, 101_012);
    confirm(&cloud, "a@x.io", &cloud.mail.code("a@x.io")).await.expect(201);
    log_in(&cloud, "a@x.io", PASSWORD).await.expect_failure(400, 101_009);
    log_in(&cloud, "a@x.io", "Other0ne").await.expect(200);
}

#[tokio::test]
async fn ten_wrong_passwords_lock_for_a_minute() {
    let cloud = Cloud::new();
    cloud.user("a").await;
    for _ in 0..10 {
        log_in(&cloud, "a@x.io", "Wr0ngWr0ng").await.expect_failure(400, 101_009);
    }
    log_in(&cloud, "a@x.io", PASSWORD).await.expect_failure(429, 101_019);
    cloud.clock.pass(60);
    log_in(&cloud, "a@x.io", "Wr0ngWr0ng").await.expect_failure(400, 101_009);
    log_in(&cloud, "a@x.io", PASSWORD).await.expect_failure(429, 101_019);
    cloud.clock.pass(60);
    log_in(&cloud, "a@x.io", PASSWORD).await.expect(200);
    log_in(&cloud, "a@x.io", "Wr0ngWr0ng").await.expect_failure(400, 101_009);
    log_in(&cloud, "a@x.io", PASSWORD).await.expect(200);
}

#[tokio::test]
async fn a_right_guess_among_many_at_the_same_moment_is_refused() {
    let cloud = Cloud::new();
    cloud.user("a").await;
    let mut guesses = vec!["Wr0ngWr0ng"; 40];
    guesses.push(PASSWORD);
    let answers = futures_util::future::join_all(guesses.iter().map(|guess| log_in(&cloud, "a@x.io", guess))).await;
    assert!(answers.iter().all(|answer| answer.status != 200), "the account was locked by then");
}

#[tokio::test]
async fn an_unknown_account_answers_like_a_wrong_password() {
    let cloud = Cloud::new();
    cloud.user("a").await;
    let mut statuses = Vec::new();
    // Also where a name is locked, while it is, when it is not any more, and when all is forgotten.
    for seconds in [[0; 12].as_slice(), &[59, 1, 0, 60, 0, 24 * 3600, 0]].concat() {
        cloud.clock.pass(seconds);
        let answer = log_in(&cloud, "a@x.io", "Wr0ngWr0ng").await;
        assert_eq!(log_in(&cloud, "b@x.io", PASSWORD).await, answer);
        statuses.push(answer.status);
    }
    assert_eq!(statuses, [[400; 10].as_slice(), &[429, 429, 429, 400, 429, 400, 429, 400, 400]].concat());
    assert_eq!(confirm(&cloud, "b@x.io", "123456").await.expect_failure(400, 101_012), "the verification code is incorrect or has expired");
}

#[tokio::test]
async fn a_session_is_refreshed_until_it_ends() {
    let cloud = Cloud::new();
    let user = cloud.user("a").await;
    for _ in 0..3 {
        cloud.clock.pass(3600);
        cloud.call(Call::get("/v1/user2").by(&user.access)).await.expect_failure(401, 100_047);
        let fresh = refresh(&cloud, &user.refresh).await.expect(200);
        assert!(fresh.get("refreshtoken").is_none() && fresh["idtoken"].is_string());
        cloud.call(Call::get("/v1/user2").by(fresh["accesstoken"].as_str().unwrap())).await.expect(200);
    }
    cloud.clock.pass(365 * 86_400);
    refresh(&cloud, &user.refresh).await.expect_failure(400, 101_017);
}

#[tokio::test]
async fn logging_out_ends_the_session_that_is_meant() {
    let cloud = Cloud::new();
    let first = cloud.user("a").await;
    let stranger = cloud.user("b").await;
    let mut sessions = vec![first.clone()];
    for _ in 0..4 {
        sessions.push(cloud.log_in("a@x.io").await);
    }
    let log_out = |uri: &str, by: usize, body: Value| cloud.call(Call::post(uri).by(&sessions[by].access).json(&body));
    let ended = async || {
        let mut ended = Vec::new();
        for (index, session) in sessions.iter().enumerate() {
            if refresh(&cloud, &session.refresh).await.status != 200 {
                ended.push(index);
            }
        }
        ended
    };
    log_out("/v1/logout2?logout_all=false", 0, json!({})).await.expect(200);
    assert_eq!(ended().await, [0]);
    log_out("/v1/logout2", 1, json!({ "refreshtoken": sessions[2].refresh })).await.expect(200);
    assert_eq!(ended().await, [0, 2]);
    log_out("/v1/logout2", 1, json!({ "refreshtoken": stranger.refresh })).await.expect(200);
    assert_eq!(ended().await, [0, 1, 2]);
    log_out("/v1/logout2?logout_all=maybe", 3, json!({})).await.expect_failure(400, 101_036);
    log_out("/v1/logout2", 3, json!({ "logout_all": true })).await.expect(200);
    assert_eq!(ended().await, [0, 1, 2, 3, 4]);
    refresh(&cloud, &stranger.refresh).await.expect(200);
}

#[tokio::test]
async fn a_refresh_token_with_anything_changed_is_none() {
    let cloud = Cloud::new();
    let (user, other) = (cloud.user("a").await, cloud.user("b").await);
    let part = |token: &str, index: usize| token.split('.').nth(index).unwrap().to_owned();
    for bad in [
        String::new(),
        "..".to_owned(),
        format!("{}x", user.refresh),
        format!("{}.{}.{}", other.id, part(&user.refresh, 1), part(&user.refresh, 2)),
        format!("{}.{}.{}", user.id, part(&user.refresh, 1), part(&other.refresh, 2)),
        user.access.clone(),
    ] {
        refresh(&cloud, &bad).await.expect_failure(400, 101_017);
    }
}

#[tokio::test]
async fn bad_bodies_are_named_and_change_nothing() {
    let cloud = Cloud::new();
    for (body, code) in [
        ("", 101_001),
        ("{}", 101_001),
        ("[]", 100_006),
        ("{", 100_006),
        (r#"{"user_name":7}"#, 100_006),
        (r#"{"user_name":"a@x.io"}"#, 101_003),
        (r#"{"user_name":"a@x.io","password":"short"}"#, 101_004),
        (r#"{"user_name":"nobody","password":"Passw0rd"}"#, 101_002),
        (r#"{"user_name":"+4915550100","password":"Passw0rd"}"#, 101_037),
        (r#"{"user_name":"a@x.io","password":null,"verification_code":null}"#, 101_003),
    ] {
        cloud.call(Call::post("/v1/user2").text(body)).await.expect_failure(400, code);
    }
    assert_eq!(cloud.mail.count(), 0);
}
