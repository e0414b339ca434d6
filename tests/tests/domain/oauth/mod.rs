//! Signing in by a browser.

mod code;
mod federated;
mod page;
mod token;

use std::sync::Arc;

use axum::{body::Body, extract::Request, response::Response};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{Method, header};
use http_body_util::BodyExt as _;
use serde_json::Value;
use shared::{
    oauth::{Client, Oauth},
    port::{Rules, federation::Providers},
};
use tests::{Cloud, PASSWORD};

const SECRET: &str = "0123456789abcdef01234567";
const APP: &str = "rainmaker://com.espressif.novahome/success";
const LOCAL: &str = "http://localhost:34947/";
/// The example of RFC 7636, Appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// A cloud with an app, and with a web site that keeps a secret.
fn cloud() -> Cloud {
    cloud_with(Providers::default())
}

fn cloud_with(providers: Providers) -> Cloud {
    let client = |id: &str, redirect: &str, secret: Option<&str>| Client {
        id: id.to_owned(),
        redirects: vec![redirect.parse().unwrap()],
        secret: secret.map(|secret| secret.parse().unwrap()),
    };
    let clients = vec![client("app", APP, None), client("site", "https://site.example.com/back?x=1", Some(SECRET))];
    let oauth = Oauth::new(Some("https://cloud.test".parse().unwrap()), clients);
    Cloud::with(Rules { oauth: Arc::new(oauth), ..Rules::default() }, providers)
}

/// What a browser or a program sees.
#[derive(Debug)]
struct Seen {
    status: u16,
    location: Option<String>,
    cookie: Option<String>,
    challenge: Option<String>,
    body: String,
}

impl Seen {
    async fn of(response: Response) -> Self {
        let text = |name| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        let (location, cookie) = (text(header::LOCATION), text(header::SET_COOKIE));
        let (status, challenge) = (response.status().as_u16(), text(header::WWW_AUTHENTICATE));
        let body = response.into_body().collect().await.unwrap().to_bytes();
        Self { status, location, cookie, challenge, body: String::from_utf8(body.to_vec()).unwrap() }
    }

    /// A parameter of where the browser is sent.
    #[track_caller]
    fn param(&self, name: &str) -> Option<String> {
        let location = self.location.as_deref().unwrap_or_else(|| panic!("{self:?}"));
        let query = location.split_once('?').unwrap().1;
        form_urlencoded::parse(query.as_bytes()).find(|(is, _)| is == name).map(|(_, value)| value.into_owned())
    }

    #[track_caller]
    fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        serde_json::from_str(&self.body).unwrap()
    }

    /// A refusal of the token endpoint.
    #[track_caller]
    fn expect_error(&self, error: &str) {
        let body = self.expect(400);
        assert_eq!((body["error"].as_str(), body["status"].as_str()), (Some(error), Some("failure")), "{body}");
        assert!(body["error_code"].is_u64() && body["description"].is_string(), "{body}");
    }
}

fn encoded(fields: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

async fn send(cloud: &Cloud, method: Method, uri: &str, headers: &[(&str, &str)], body: String) -> Seen {
    let mut request = Request::builder().method(method).uri(uri).header("content-type", "application/x-www-form-urlencoded");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Seen::of(cloud.respond(request.body(Body::from(body)).unwrap()).await).await
}

async fn get(cloud: &Cloud, path: &str, query: &[(&str, &str)]) -> Seen {
    send(cloud, Method::GET, &format!("{path}?{}", encoded(query)), &[], String::new()).await
}

async fn post(cloud: &Cloud, path: &str, form: &[(&str, &str)]) -> Seen {
    send(cloud, Method::POST, path, &[], encoded(form)).await
}

/// An authorization request of the own client, with these fields beside.
fn request<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    [&[("response_type", "code"), ("client_id", "raincloud"), ("redirect_uri", LOCAL)], more].concat()
}

/// The code that signing in with the password gives for this request.
async fn code_for(cloud: &Cloud, request: &[(&str, &str)]) -> String {
    let typed = [("user_name", "a@x.io"), ("password", PASSWORD)];
    let seen = post(cloud, "/authorize", &[request, &typed].concat()).await;
    assert_eq!(seen.status, 303, "{seen:?}");
    seen.param("code").unwrap()
}

async fn redeem(cloud: &Cloud, client: &str, redirect: &str, code: &str, more: &[(&str, &str)]) -> Seen {
    let fields = [("grant_type", "authorization_code"), ("client_id", client), ("redirect_uri", redirect), ("code", code)];
    post(cloud, "/token", &[&fields, more].concat()).await
}

fn claims(token: &Value) -> Value {
    let payload = token.as_str().unwrap().split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}
