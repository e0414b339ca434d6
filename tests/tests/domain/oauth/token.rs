//! The token endpoint, in all the forms in which clients ask it; and what others read to check tokens.

use base64::engine::general_purpose::STANDARD;
use tests::Call;

use super::*;

const BACK: &str = "https://site.example.com/back?x=1";

fn site() -> Vec<(&'static str, &'static str)> {
    vec![("response_type", "code"), ("client_id", "site"), ("redirect_uri", BACK)]
}

#[tokio::test]
async fn parameters_stand_in_the_body_or_in_the_query() {
    let cloud = cloud();
    cloud.user("a").await;
    for path in ["/token", "/oauth2/token"] {
        for in_query in [true, false] {
            let code = code_for(&cloud, &request(&[])).await;
            let text =
                encoded(&[("grant_type", "authorization_code"), ("client_id", "raincloud"), ("redirect_uri", LOCAL), ("code", &code)]);
            let (uri, body) = if in_query { (format!("{path}?{text}"), String::new()) } else { (path.to_owned(), text) };
            let tokens = send(&cloud, Method::POST, &uri, &[], body).await.expect(200);
            assert!(["id_token", "access_token", "refresh_token"].iter().all(|name| tokens[name].is_string()), "{tokens}");
        }
    }
}

#[tokio::test]
async fn a_client_with_a_secret_proves_itself() {
    let cloud = cloud();
    cloud.user("a").await;
    let code = code_for(&cloud, &site()).await;
    redeem(&cloud, "site", BACK, &code, &[]).await.expect_error("invalid_client");
    redeem(&cloud, "site", BACK, &code, &[("client_secret", "0123456789abcdef01234568")]).await.expect_error("invalid_client");
    redeem(&cloud, "raincloud", BACK, &code, &[("client_secret", SECRET)]).await.expect_error("invalid_client");
    let basic = |secret: &str| format!("Basic {}", STANDARD.encode(format!("site:{secret}")));
    let form = encoded(&[("grant_type", "authorization_code"), ("redirect_uri", BACK), ("code", &code)]);
    let by = |header: String, form: String| {
        let cloud = &cloud;
        async move { send(cloud, Method::POST, "/oauth2/token", &[("authorization", &header)], form).await }
    };
    for header in [basic("wrong"), basic(""), "Basic ???".to_owned()] {
        let seen = by(header, form.clone()).await;
        assert_eq!(seen.expect(401)["error"], "invalid_client");
        assert!(seen.challenge.unwrap().starts_with("Basic "));
    }
    by(basic(SECRET), format!("{form}&client_id=app")).await.expect_error("invalid_request");
    let tokens = by(basic(SECRET), form.clone()).await.expect(200);
    let refresh = encoded(&[("grant_type", "refresh_token"), ("refresh_token", tokens["refresh_token"].as_str().unwrap())]);
    let fresh = by(basic(SECRET), refresh.clone()).await.expect(200);
    assert_eq!(claims(&fresh["id_token"])["aud"], "site");
    assert!(fresh.get("refresh_token").is_none());
    // Another client has nothing of it.
    send(&cloud, Method::POST, "/token", &[], format!("{refresh}&client_id=app")).await.expect_error("invalid_grant");
    let code = code_for(&cloud, &site()).await;
    redeem(&cloud, "site", BACK, &code, &[("client_secret", SECRET)]).await.expect(200);
}

#[tokio::test]
async fn apps_refresh_by_the_old_way_too_and_stay_what_they_are() {
    let cloud = cloud();
    cloud.user("a").await;
    let code = code_for(&cloud, &[("response_type", "code"), ("client_id", "app"), ("redirect_uri", APP)]).await;
    let tokens = redeem(&cloud, "app", APP, &code, &[]).await.expect(200);
    let body = serde_json::json!({ "refreshtoken": tokens["refresh_token"] });
    let fresh = cloud.call(Call::post("/v1/login2").json(&body)).await.expect(200);
    assert_eq!(claims(&fresh["idtoken"])["aud"], "app");
    // A session that a password began belongs to no app.
    let user = cloud.log_in("a@x.io").await;
    let refresh = |client| post_refresh(&cloud, client, &user.refresh);
    refresh("app").await.expect_error("invalid_grant");
    refresh("raincloud").await.expect(200);
    cloud.call(Call::post("/v1/logout2").by(&user.access)).await.expect(200);
    refresh("raincloud").await.expect_error("invalid_grant");
}

async fn post_refresh(cloud: &Cloud, client: &str, token: &str) -> Seen {
    post(cloud, "/token", &[("grant_type", "refresh_token"), ("client_id", client), ("refresh_token", token)]).await
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let cloud = cloud();
    for (form, error) in [
        (&[][..], "invalid_request"),
        (&[("client_id", "raincloud")], "invalid_request"),
        (&[("client_id", "raincloud"), ("grant_type", "password")], "unsupported_grant_type"),
        (&[("client_id", "raincloud"), ("grant_type", "authorization_code")], "invalid_request"),
        (&[("client_id", "raincloud"), ("grant_type", "refresh_token")], "invalid_request"),
        (&[("client_id", "raincloud"), ("grant_type", "refresh_token"), ("refresh_token", "a.b.c")], "invalid_grant"),
    ] {
        post(&cloud, "/token", form).await.expect_error(error);
    }
}

#[tokio::test]
async fn others_find_out_how_to_check_tokens() {
    let cloud = cloud();
    let told = get(&cloud, "/.well-known/openid-configuration", &[]).await.expect(200);
    assert_eq!((&told["issuer"], &told["jwks_uri"]), (&"https://cloud.test".into(), &"https://cloud.test/.well-known/jwks.json".into()));
    let keys = get(&cloud, "/.well-known/jwks.json", &[]).await.expect(200);
    assert_eq!((keys["keys"].as_array().unwrap().len(), &keys["keys"][0]["crv"]), (1, &"P-256".into()));
    assert!(keys["keys"][0].get("d").is_none());
    get(&Cloud::new(), "/.well-known/openid-configuration", &[]).await.expect(404);
}
