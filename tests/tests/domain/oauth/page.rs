//! The login page, and who may send its form.

use super::*;

#[tokio::test]
async fn the_page_carries_the_request_and_nothing_of_it_unescaped() {
    let cloud = cloud();
    let state = "\"><script>alert(1)</script>";
    let seen = get(&cloud, "/authorize", &request(&[("state", state), ("login_hint", state)])).await;
    assert!(seen.status == 200 && !seen.body.contains("<script"), "{seen:?}");
    assert_eq!(seen.body.matches("&quot;&gt;&lt;script&gt;alert(1)").count(), 2, "{}", seen.body);
    assert!(seen.body.contains("name=\"redirect_uri\" value=\"http://localhost:34947/\""), "{}", seen.body);
    let seen = get(&cloud, "/login", &[("port", "34947"), ("host_url", "x"), ("github_url", "x")]).await;
    assert!(seen.status == 200 && seen.body.contains("value=\"http://localhost:34947/\""), "{seen:?}");
}

#[tokio::test]
async fn a_page_is_not_framed_stored_or_told_to_others() {
    let cloud = cloud();
    for uri in [format!("/authorize?{}", encoded(&request(&[]))), "/authorize".to_owned(), "/login".to_owned()] {
        let response = cloud.respond(Request::get(&uri).body(Body::empty()).unwrap()).await;
        let header = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap()).unwrap_or_default();
        let policy = header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'; style-src 'sha256-") && policy.contains("frame-ancestors 'none'"),
            "{uri}: {policy}"
        );
        assert!(!policy.contains("script-src") && !policy.contains("unsafe"), "{policy}");
        assert_eq!((header("cache-control"), header("x-frame-options")), ("no-store", "DENY"));
        assert!(uri.contains('?') == policy.contains("form-action 'self' http://localhost:34947;"), "{uri}: {policy}");
    }
}

#[tokio::test]
async fn a_wrong_password_shows_the_page_again() {
    let cloud = cloud();
    cloud.user("a").await;
    for (name, password, status, says) in [
        ("a@x.io", "Wr0ngWr0ng", 400, "incorrect user name or password"),
        ("b@x.io", PASSWORD, 400, "incorrect user name or password"),
        ("<b>", PASSWORD, 400, "not an e-mail address"),
        ("", PASSWORD, 400, "the user name is missing"),
        ("a@x.io", "", 400, "incorrect user name or password"),
    ] {
        let seen = post(&cloud, "/authorize", &request(&[("user_name", name), ("password", password), ("state", "s1")])).await;
        assert!(seen.status == status && seen.location.is_none(), "{name}: {seen:?}");
        assert!(seen.body.contains(says) && seen.body.contains("value=\"s1\"") && !seen.body.contains("<b>"), "{}", seen.body);
        assert!(!seen.body.contains(PASSWORD) && !seen.body.contains("Wr0ng"), "{}", seen.body);
    }
}

#[tokio::test]
async fn ten_wrong_passwords_lock_here_too() {
    let cloud = cloud();
    cloud.user("a").await;
    for _ in 0..10 {
        post(&cloud, "/authorize", &request(&[("user_name", "a@x.io"), ("password", "Wr0ngWr0ng")])).await;
    }
    let seen = post(&cloud, "/authorize", &request(&[("user_name", "a@x.io"), ("password", PASSWORD)])).await;
    assert!(seen.status == 429 && seen.location.is_none(), "{seen:?}");
}

#[tokio::test]
async fn nothing_is_sent_to_an_address_that_is_not_registered() {
    let cloud = cloud();
    cloud.user("a").await;
    let typed = [("user_name", "a@x.io"), ("password", PASSWORD)];
    for (client, redirect) in [
        ("raincloud", "https://evil.io/"),
        ("raincloud", "http://localhost:1@evil.io/"),
        ("raincloud", ""),
        ("app", "rainmaker://com.espressif.novahome/success.evil"),
        ("site", "https://site.example.com/back"),
        ("nobody", LOCAL),
    ] {
        let ask = [("response_type", "code"), ("client_id", client), ("redirect_uri", redirect)];
        for seen in [get(&cloud, "/oauth2/authorize", &ask).await, post(&cloud, "/authorize", &[ask.as_slice(), &typed].concat()).await] {
            assert!(seen.status == 400 && seen.location.is_none(), "{client} {redirect}: {seen:?}");
        }
    }
    let seen = get(&cloud, "/authorize", &request(&[("prompt", "none"), ("state", "s1")])).await;
    assert_eq!((seen.status, seen.param("error").as_deref(), seen.param("state").as_deref()), (302, Some("login_required"), Some("s1")));
}

#[tokio::test]
async fn a_form_from_another_site_is_refused() {
    let cloud = cloud();
    cloud.user("a").await;
    let form = encoded(&request(&[("user_name", "a@x.io"), ("password", PASSWORD)]));
    for (headers, status) in [
        (&[("sec-fetch-site", "cross-site")][..], 403),
        (&[("sec-fetch-site", "same-site")], 403),
        (&[("origin", "https://evil.io"), ("host", "cloud.test")], 403),
        (&[("origin", "null"), ("host", "cloud.test")], 403),
        (&[("origin", "https://evil.io")], 403),
        (&[("origin", "http://192.168.1.5:8080"), ("host", "192.168.1.5:8080")], 303),
        (&[("origin", "https://cloud.test"), ("host", "10.0.0.1:8080")], 303),
        (&[("sec-fetch-site", "same-origin"), ("origin", "http://x")], 303),
        (&[], 303),
    ] {
        let seen = send(&cloud, Method::POST, "/authorize", headers, form.clone()).await;
        assert_eq!(seen.status, status, "{headers:?}");
    }
}
