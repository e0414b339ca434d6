//! Codes, and those who would like to have somebody else's.

use tests::Call;

use super::*;

#[tokio::test]
async fn a_code_becomes_tokens_for_its_client() {
    let cloud = cloud();
    let user = cloud.user("a").await;
    let ask = [("response_type", "CODE"), ("client_id", "app"), ("redirect_uri", APP), ("state", "s&1"), ("nonce", "n1")];
    let typed = [("user_name", "A@X.io"), ("password", PASSWORD)];
    let seen = post(&cloud, "/authorize", &[ask.as_slice(), &typed].concat()).await;
    assert!(seen.status == 303 && seen.location.as_ref().unwrap().starts_with(&format!("{APP}?code=")), "{seen:?}");
    assert_eq!(seen.param("state").as_deref(), Some("s&1"));
    let tokens = redeem(&cloud, "app", APP, &seen.param("code").unwrap(), &[]).await.expect(200);
    assert_eq!((tokens["token_type"].as_str(), tokens["expires_in"].as_i64()), (Some("Bearer"), Some(3600)));
    let (id, access) = (claims(&tokens["id_token"]), claims(&tokens["access_token"]));
    assert_eq!(
        (&id["aud"], &id["nonce"], &id["email"], &id["iss"]),
        (&"app".into(), &"n1".into(), &"a@x.io".into(), &"https://cloud.test".into())
    );
    assert_eq!((&id["custom:user_id"], &access["client_id"]), (&user.id.as_str().into(), &"app".into()));
    let bearer = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
    for token in [tokens["access_token"].as_str().unwrap(), &bearer] {
        assert_eq!(cloud.call(Call::get("/v1/user2").by(token)).await.expect(200)["user_id"], user.id.as_str());
    }
    let info = cloud.call(Call::get("/oauth2/userinfo").by(&bearer)).await.expect(200);
    assert_eq!((&info["sub"], &info["email"]), (&user.id.as_str().into(), &"a@x.io".into()));
}

#[tokio::test]
async fn a_code_is_for_its_client_and_address_alone() {
    let cloud = cloud();
    cloud.user("a").await;
    let code = code_for(&cloud, &request(&[])).await;
    for (client, redirect) in [
        ("app", LOCAL),
        ("app", APP),
        ("raincloud", APP),
        ("raincloud", "http://localhost:34947/x"),
        ("raincloud", "http://localhost:34947"),
        ("raincloud", "http://127.0.0.1:34947/"),
        ("raincloud", "http://localhost:34947@evil.io/"),
    ] {
        redeem(&cloud, client, redirect, &code, &[]).await.expect_error("invalid_grant");
    }
    for near in [&code[..21], &format!("{code}0"), "", "x"] {
        let seen = redeem(&cloud, "raincloud", LOCAL, near, &[]).await;
        seen.expect_error(if near.is_empty() { "invalid_request" } else { "invalid_grant" });
    }
    redeem(&cloud, "nobody", LOCAL, &code, &[]).await.expect_error("invalid_client");
    // A command line names its address without the port on which it listened.
    redeem(&cloud, "raincloud", "http://localhost/", &code, &[]).await.expect(200);
}

#[tokio::test]
async fn a_challenge_wants_its_verifier_and_a_verifier_its_challenge() {
    let cloud = cloud();
    cloud.user("a").await;
    let challenged = request(&[("code_challenge", CHALLENGE), ("code_challenge_method", "S256")]);
    let code = code_for(&cloud, &challenged).await;
    let changed = VERIFIER.replace("dBj", "dBk");
    for more in [&[][..], &[("code_verifier", changed.as_str())], &[("code_verifier", CHALLENGE)], &[("code_verifier", "")]] {
        redeem(&cloud, "raincloud", LOCAL, &code, more).await.expect_error("invalid_grant");
    }
    redeem(&cloud, "raincloud", LOCAL, &code, &[("code_verifier", VERIFIER)]).await.expect(200);
    let code = code_for(&cloud, &request(&[])).await;
    redeem(&cloud, "raincloud", LOCAL, &code, &[("code_verifier", VERIFIER)]).await.expect_error("invalid_grant");
    redeem(&cloud, "raincloud", LOCAL, &code, &[]).await.expect(200);
}

#[tokio::test]
async fn a_code_lives_for_a_minute() {
    let cloud = cloud();
    cloud.user("a").await;
    let code = code_for(&cloud, &request(&[])).await;
    let late = code_for(&cloud, &request(&[])).await;
    cloud.clock.pass(59);
    redeem(&cloud, "raincloud", LOCAL, &code, &[]).await.expect(200);
    cloud.clock.pass(1);
    redeem(&cloud, "raincloud", LOCAL, &late, &[]).await.expect_error("invalid_grant");
}

#[tokio::test]
async fn a_code_that_comes_again_ends_its_session_and_no_other() {
    let cloud = cloud();
    let other = cloud.user("a").await;
    let code = code_for(&cloud, &request(&[])).await;
    let tokens = redeem(&cloud, "raincloud", LOCAL, &code, &[]).await.expect(200);
    let refresh = async |token: &str| cloud.call(Call::post("/v1/login2").json(&serde_json::json!({ "refreshtoken": token }))).await;
    let own = tokens["refresh_token"].as_str().unwrap();
    // Who does not know what the client knows ends nothing.
    redeem(&cloud, "app", APP, &code, &[]).await.expect_error("invalid_grant");
    refresh(own).await.expect(200);
    cloud.clock.pass(600);
    redeem(&cloud, "raincloud", LOCAL, &code, &[]).await.expect_error("invalid_grant");
    refresh(own).await.expect_failure(400, 101_017);
    refresh(&other.refresh).await.expect(200);
    redeem(&cloud, "raincloud", LOCAL, &code, &[]).await.expect_error("invalid_grant");
}

#[tokio::test]
async fn of_many_at_the_same_moment_at_most_one_gets_tokens() {
    let cloud = cloud();
    cloud.user("a").await;
    let code = code_for(&cloud, &request(&[])).await;
    let all = (0..20).map(|_| redeem(&cloud, "raincloud", LOCAL, &code, &[]));
    let answers = futures_util::future::join_all(all).await;
    assert!(answers.iter().filter(|seen| seen.status == 200).count() <= 1, "{answers:?}");
    assert!(answers.iter().all(|seen| [200, 400].contains(&seen.status)), "{answers:?}");
}
