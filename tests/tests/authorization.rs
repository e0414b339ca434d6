//! The ratchet: every route is called by everybody. A route that this file does not know fails it; the
//! only routes that may answer without a token stand in `tests/public_routes.txt`, which is written by
//! hand and grows only on purpose. Who gets what is in `tests/snapshots/authorization.txt`, for people
//! to read (`UPDATE_EXPECT=1` writes it anew).

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that meets an error is to fail")]

use std::collections::BTreeSet;

use expect_test::expect_file;
use serde_json::json;
use tests::{Call, Cloud, PASSWORD, User};

const NODE: &str = "node1";

/// A request that is right in all but who makes it.
fn example(route: &str, owner: &User) -> Call {
    let (method, path) = route.split_once(' ').expect("method and path");
    let node = |call: Call| Call { uri: format!("{}?node_id={NODE}", call.uri), ..call };
    let call = Call::new(method.parse().unwrap(), path);
    match route {
        "GET /apiversions" | "GET /mqtt_host" | "GET /openapi.json" | "GET /healthz" | "GET /readyz" | "GET /v1/user" | "GET /v1/user2" => {
            call
        }
        "POST /v1/user" | "POST /v1/user2" => call.json(&json!({ "user_name": "new@x.io", "password": PASSWORD })),
        "POST /v1/login" | "POST /v1/login2" => call.json(&json!({ "user_name": "owner@x.io", "password": PASSWORD })),
        "POST /v1/logout" | "POST /v1/logout2" => call.json(&json!({ "refreshtoken": owner.refresh })),
        "GET /v1/user/nodes" | "GET /v1/user/nodes/config" | "GET /v1/user/nodes/status" | "GET /v1/user/nodes/params" => node(call),
        "PUT /v1/user/nodes/params" => node(call).json(&json!({ "Light": { "Power": true } })),
        "GET /v1/user/nodes/mapping" => Call { uri: format!("{path}?request_id=someones"), ..call },
        "PUT /v1/user/nodes/mapping" => call.json(&json!({ "node_id": NODE, "operation": "remove" })),
        _ => panic!("{route} is new: add an example of it here"),
    }
}

fn routes() -> BTreeSet<String> {
    tests::routes().list().iter().map(|route| format!("{} {}", route.method, route.path)).collect()
}

/// A cloud as it was before, for each call: the calls change things.
async fn cloud() -> (Cloud, User) {
    let cloud = Cloud::new();
    let owner = cloud.user("owner").await;
    cloud.light(&owner, NODE).await;
    cloud.fleet.take();
    (cloud, owner)
}

async fn call_as(who: &str, route: &str) -> String {
    let (cloud, owner) = cloud().await;
    let call = example(route, &owner);
    let call = match who {
        "nobody" => call,
        "nonsense" => call.by("not.a.token"),
        "expired" => {
            cloud.clock.pass(3600);
            call.by(&owner.access)
        }
        "refresh" => call.by(&owner.refresh),
        "stranger" => call.by(&cloud.user("stranger").await.access),
        "secondary" => {
            let secondary = cloud.user("secondary").await;
            cloud.share(&secondary, NODE).await;
            call.by(&secondary.access)
        }
        _ => call.by(&owner.access),
    };
    let answer = cloud.call(call).await;
    let published = cloud.fleet.take().len();
    let failed = answer.status >= 400;
    assert!(!failed || published == 0, "{route} failed for {who} and published all the same");
    assert!(described(&cloud, route, answer.status).await, "{route} answers {} to {who}, which /openapi.json does not say", answer.status);
    match answer.json()["error_code"].as_u64() {
        Some(code) => format!("{} {code}", answer.status),
        None => answer.status.to_string(),
    }
}

/// Does the document know the route's answers of this status?
async fn described(cloud: &Cloud, route: &str, status: u16) -> bool {
    let document = cloud.call(Call::get("/openapi.json")).await.expect(200);
    let (method, path) = route.split_once(' ').expect("method and path");
    document["paths"][path][method.to_ascii_lowercase()]["responses"].get(status.to_string()).is_some()
}

#[tokio::test]
async fn only_the_listed_routes_answer_without_a_token() {
    let listed: BTreeSet<_> = include_str!("../public_routes.txt").lines().map(str::to_owned).collect();
    for route in routes() {
        for who in ["nobody", "nonsense", "expired", "refresh"] {
            let answer = call_as(who, &route).await;
            let refused = answer.starts_with("401 ");
            assert_eq!(refused, !listed.contains(&route), "{route} answers {answer} to {who}");
        }
    }
    let unknown: Vec<_> = listed.difference(&routes()).cloned().collect();
    assert!(unknown.is_empty(), "listed as public, but no route: {unknown:?}");
}

#[tokio::test]
async fn who_gets_what_is_as_written_down() {
    let row = |cells: [&str; 5]| {
        let [route, no_token, stranger, secondary, primary] = cells;
        format!("{route:<32} {no_token:<12} {stranger:<12} {secondary:<12} {primary}\n")
    };
    let mut table = vec![row(["route", "no token", "stranger", "secondary", "primary"])];
    for route in routes() {
        let mut cells = Vec::new();
        for who in ["nobody", "stranger", "secondary", "primary"] {
            cells.push(call_as(who, &route).await);
        }
        table.push(row([&route, &cells[0], &cells[1], &cells[2], &cells[3]]));
    }
    expect_file!["../snapshots/authorization.txt"].assert_eq(&table.concat());
}
