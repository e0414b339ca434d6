//! Both doors answer alike, to the byte: one list of requests goes through the router as the socket
//! door serves it, and through a process behind a Lambda Runtime API. Clock and ids stand still, so
//! that only the random part of signatures may differ.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that meets an error is to fail")]

use http::{HeaderMap, Method};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tests::{
    Call, Cloud, PASSWORD, routes,
    runtime_api::{Function, request},
};

const SHOWN: [&str; 4] = ["content-type", "x-content-type-options", "access-control-allow-origin", "allow"];

#[derive(Debug, PartialEq)]
struct Seen {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

fn shown<'a>(get: impl Fn(&str) -> Option<&'a str>) -> Vec<(String, String)> {
    SHOWN.iter().filter_map(|name| Some(((*name).to_owned(), get(name)?.to_owned()))).collect()
}

async fn by_socket(cloud: &Cloud, call: Call) -> Seen {
    let mut request = call.into_request();
    request.headers_mut().insert("origin", "https://app.test".parse().unwrap());
    let router = web::door::finish(routes().router(cloud.app.clone()));
    let response = tower::ServiceExt::oneshot(router, request).await.unwrap();
    let headers: HeaderMap = response.headers().clone();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let headers = shown(|name| headers.get(name)?.to_str().ok());
    Seen { status, headers, body: String::from_utf8(body.to_vec()).unwrap() }
}

async fn by_lambda(function: &mut Function, call: Call) -> Seen {
    let mut headers = json!({ "origin": "https://app.test", "content-type": "text/plain;charset=UTF-8" });
    if let Some(token) = &call.token {
        headers["authorization"] = token.as_str().into();
    }
    let answer = function.invoke(request(&call, &headers)).await.expect("an answer");
    assert_eq!(answer["isBase64Encoded"], false);
    let status = u16::try_from(answer["statusCode"].as_u64().unwrap()).unwrap();
    let headers = shown(|name| answer["headers"][name].as_str());
    Seen { status, headers, body: answer["body"].as_str().unwrap_or_default().to_owned() }
}

/// Takes the signatures out of tokens.
fn mask(text: &str) -> String {
    let parts =
        text.split('"').map(|part| if part.starts_with("eyJ") { part.rsplit_once('.').map_or(part, |(signed, _)| signed) } else { part });
    parts.collect::<Vec<_>>().join("\"")
}

#[tokio::test]
async fn both_doors_answer_alike() {
    let cloud = Cloud::new();
    let mut function = Function::start(env!("CARGO_BIN_EXE_lambda_door"), &[]).await;
    // The code is the second thing that the counting ids give; the first is the user's id.
    let account = json!({ "user_name": "a~b@x.io", "password": PASSWORD });
    let mut tokens = [String::new(), String::new()];
    let calls = [
        Call::get("/apiversions"),
        Call::get("/mqtt_host"),
        Call::get("/healthz"),
        Call::get("/readyz"),
        Call::get("/openapi.json"),
        Call::get("/nowhere"),
        Call::get("/v1/user/nodes/"),
        Call::new(Method::DELETE, "/v1/login2"),
        Call::new(Method::OPTIONS, "/v1/user/nodes"),
        Call::post("/v1/user2").text("{"),
        Call::post("/v1/user2").text(&format!(r#"{{"user_name":"{}"}}"#, "x".repeat(web::extract::body::MAX_BODY))),
        Call::post("/v1/user2").json(&account),
        Call::post("/v1/user2").json(&json!({ "user_name": "a~b@x.io", "verification_code": "CODE" })),
        Call::post("/v1/login2").json(&json!({ "user_name": "a~b@x.io", "password": "Wr0ngWr0ng" })),
        Call::post("/v1/login2").json(&account),
        Call::get("/v1/user?custom_data=true").by("TOKEN"),
        Call::get("/v1/user"),
        Call::get("/v1/user").by("forged"),
        Call::get("/v1/user/nodes?node_details=True&start_id=").by("TOKEN"),
        Call::get("/v1/user/nodes/params?nodeid=n%2F1").by("TOKEN"),
        Call::get("/v1/user/nodes/mapping?&request_id=a@b,c").by("TOKEN"),
        Call::put("/v1/user/nodes/mapping").by("TOKEN").json(&json!({ "node_id": "n1", "secret_key": "s", "operation": "add" })),
        Call::put("/v1/user/nodes/params").by("TOKEN").json(&json!([{ "node_id": "n1", "payload": { "Lücke": { "x": 1 } } }])),
        Call::post("/v1/user/nodes/mapping/initiate").by("TOKEN").json(&json!({ "timeout": 360 })),
        Call::post("/v1/user/nodes/n%2F1/proxy/params").by("TOKEN").json(&json!({})),
        Call::post("/v1/user/nodes/%ff/proxy/params").by("TOKEN").json(&json!({})),
        Call::post("/claim/initiate").by("TOKEN").json(&json!({ "mac_addr": "240AC4AABBCC", "platform": "host" })),
        Call::post("/claim/initiate").json(&json!({ "mac_addr": "240AC4AABBCC", "platform": "esp32s3" })),
        Call::post("/claim/verify").by("TOKEN").json(&json!({ "csr": "none" })),
        Call::put("/v1/user/nodes?node_id=n1").by("TOKEN").json(&json!({ "tags": ["a:b"] })),
        Call::delete("/v1/user/nodes?node_id=n1").by("TOKEN").json(&json!({ "tags": ["a:b"] })),
        Call::delete("/v1/user/nodes/n%2F1").by("TOKEN"),
        Call::get("/v1/user/nodes/history?node_type=toaster").by("TOKEN"),
        Call::put("/v1/user/nodes/sharing").by("TOKEN").json(&json!({ "nodes": ["n1"], "user_name": "b@x.io" })),
        Call::delete("/v1/user/nodes/sharing/requests?request_id=r1").by("TOKEN"),
        Call::post("/v1/logout2").by("TOKEN"),
    ];
    for call in calls {
        let code = if call.body.contains("CODE") { cloud.mail.code("a~b@x.io") } else { String::new() };
        let of = |index: usize| {
            let token: Option<&String> = call.token.as_ref();
            let token = token.map(|token| if token == "TOKEN" { tokens[index].clone() } else { token.clone() });
            Call { token, body: call.body.replace("CODE", &code), ..call.clone() }
        };
        let (socket, lambda) = (by_socket(&cloud, of(0)).await, by_lambda(&mut function, of(1)).await);
        for (index, seen) in [&socket, &lambda].iter().enumerate() {
            let body: Value = serde_json::from_str(&seen.body).unwrap_or_default();
            if let Some(token) = body["accesstoken"].as_str() {
                token.clone_into(&mut tokens[index]);
            }
        }
        let masked = |seen: Seen| Seen { body: mask(&seen.body), ..seen };
        assert_eq!(masked(socket), masked(lambda), "{} {}", call.method, call.uri);
    }
    assert!(!tokens[0].is_empty() && tokens[0] != tokens[1]);
}
