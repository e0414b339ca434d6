//! The ratchet: every route is called by everybody. A route that this file does not know fails it; the
//! only routes that may answer without a token stand in `tests/public_routes.txt`, which is written by
//! hand and grows only on purpose. Who gets what is in `tests/snapshots/authorization.txt`, for people
//! to read (`UPDATE_EXPECT=1` writes it anew).

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that meets an error is to fail")]

use std::collections::BTreeSet;

use expect_test::expect_file;
use serde_json::{Value, json};
use shared::{
    port::{Rules, identity::Privilege, table::Batch},
    user::directory,
};
use tests::{Call, Cloud, NodeKey, PASSWORD, User};

const NODE: &str = "node1";
const NODES: &str = "/v1/user/nodes/sharing";
const GROUPS: &str = "/v1/user/node_group/sharing";
const AUTHORIZE: &str = "response_type=code&client_id=raincloud&redirect_uri=http://localhost/";
/// Listed as public because they do something else without a token; a bad token is not taken for none.
const EITHER: [&str; 2] = ["POST /claim/initiate", "POST /claim/verify"];

/// What is there before each request.
struct Made {
    /// Nodes were offered.
    request: String,
    /// A home.
    group: String,
    /// It was offered.
    group_request: String,
}

/// A request that is right in all but who makes it.
fn example(route: &str, owner: &User, key: &NodeKey, Made { request, group, group_request }: &Made) -> Call {
    let (method, path) = route.split_once(' ').expect("method and path");
    let node = |call: Call| Call { uri: format!("{}?node_id={NODE}", call.uri), ..call };
    let call = Call::new(method.parse().unwrap(), path);
    match route {
        "GET /apiversions"
        | "GET /mqtt_host"
        | "GET /openapi.json"
        | "GET /healthz"
        | "GET /readyz"
        | "GET /access/healthz"
        | "GET /ota/healthz"
        | "GET /v1/user"
        | "GET /v1/user2"
        | "GET /v1/user/custom_data"
        | "GET /v1/user/public_profile"
        | "POST /v1/user/guest" => call,
        _ if path.starts_with("/.well-known/") || path == "/oauth2/userinfo" || path == "/oauth2/idpresponse" => call,
        "GET /login" => Call { uri: format!("{path}?port=9999"), ..call },
        "GET /authorize" | "GET /oauth2/authorize" => Call { uri: format!("{path}?{AUTHORIZE}"), ..call },
        "POST /authorize" | "POST /oauth2/authorize" => call.text(&format!("{AUTHORIZE}&user_name=owner@x.io&password={PASSWORD}")),
        "POST /token" | "POST /oauth2/token" => {
            call.text(&format!("grant_type=refresh_token&client_id=raincloud&refresh_token={}", owner.refresh))
        }
        "PUT /v1/user" | "PUT /v1/user2" => call.json(&json!({ "name": "Ann" })),
        "DELETE /v1/user" | "DELETE /v1/user2" => Call { uri: format!("{path}?request=true"), ..call },
        "PUT /v1/user/custom_data" => call.json(&json!({ "timeZone": { "value": "Europe/Berlin" } })),
        "PUT /v1/user/public_profile" => call.json(&json!({ "profile": { "nick": "ann" } })),
        "POST /v1/user/guest/conversion/initiate" | "POST /v1/admin/user2" => call.json(&json!({ "user_name": "new@x.io" })),
        "POST /v1/user/guest/conversion/verify" => {
            call.json(&json!({ "user_name": "new@x.io", "verification_code": "123456", "password": PASSWORD }))
        }
        "PUT /v1/forgotpassword" | "PUT /v1/forgotpassword2" => call.json(&json!({ "user_name": "owner@x.io" })),
        "PUT /v1/password" | "PUT /v1/password2" => call.json(&json!({ "password": PASSWORD, "newpassword": "Other0ne" })),
        "POST /v1/user" | "POST /v1/user2" => call.json(&json!({ "user_name": "new@x.io", "password": PASSWORD })),
        "POST /v1/login" | "POST /v1/login2" => call.json(&json!({ "user_name": "owner@x.io", "password": PASSWORD })),
        "POST /v1/logout" | "POST /v1/logout2" => call.json(&json!({ "refreshtoken": owner.refresh })),
        "GET /v1/user/nodes"
        | "GET /v1/user/nodes/history"
        | "GET /v1/user/nodes/config"
        | "GET /v1/user/nodes/status"
        | "GET /v1/user/nodes/params"
        | "GET /v1/user/nodes/sharing"
        | "GET /v1/user/nodes/cmd"
        | "DELETE /v1/user/nodes/cmd"
        | "GET /v1/admin/nodes/cmd" => node(call),
        "PUT /v1/user/nodes/params" => node(call).json(&json!({ "Light": { "Power": true } })),
        "PUT /v1/user/nodes" => node(call).json(&json!({ "tags": ["a:b"], "metadata": { "k": 1 } })),
        "DELETE /v1/user/nodes" => node(call).json(&json!({ "tags": ["a:b"] })),
        "DELETE /v1/user/nodes/{node_id}" => Call { uri: path.replace("{node_id}", NODE), ..call },
        "GET /v1/user/nodes/mapping" => Call { uri: format!("{path}?request_id=someones"), ..call },
        "PUT /v1/user/nodes/mapping" => call.json(&json!({ "node_id": NODE, "operation": "remove" })),
        "POST /v1/user/nodes/mapping/initiate" => call.json(&json!({})),
        "PUT /v1/user/nodes/sharing" | "PUT /v1/user/nodes/sharing/requests" => {
            call.json(&json!({ "nodes": [NODE], "user_name": "somebody@x.io" }))
        }
        "DELETE /v1/user/nodes/sharing" => Call { uri: format!("{path}?nodes={NODE}&user_name=somebody@x.io"), ..call },
        "GET /v1/user/nodes/sharing/requests" => Call { uri: format!("{path}?primary_user=true"), ..call },
        "DELETE /v1/user/nodes/sharing/requests" => Call { uri: format!("{path}?request_id={request}"), ..call },
        "POST /v1/user/nodes/mapping/verify" => {
            call.json(&json!({ "request_id": "someones", "node_id": NODE, "challenge_response": "00" }))
        }
        "POST /v1/user/nodes/{node_id}/proxy/{action}" => {
            let payload = r#"{"data":{},"timestamp":1790000000}"#;
            let call = Call { uri: format!("/v1/user/nodes/{NODE}/proxy/params"), ..call };
            call.json(&json!({ "node_payload": payload, "signature": key.sign(payload) }))
        }
        "GET /v1/user/node_group" | "GET /v1/user/node_group/sharing/requests" | "GET /v1/admin/user2" | "GET /v1/admin/nodes" => call,
        "POST /v1/user/node_group" => call.json(&json!({ "group_name": "Home", "nodes": [NODE] })),
        "PUT /v1/user/node_group" => Call { uri: format!("{path}?group_id={group}"), ..call }.json(&json!({ "group_name": "House" })),
        "GET /v1/user/node_group/node_acl" | "GET /v1/user/node_group/sharing" | "DELETE /v1/user/node_group" => {
            Call { uri: format!("{path}?group_id={group}"), ..call }
        }
        "PUT /v1/user/node_group/sharing" | "PUT /v1/user/node_group/sharing/requests" => {
            call.json(&json!({ "groups": [group], "user_name": "somebody@x.io" }))
        }
        "DELETE /v1/user/node_group/sharing" => Call { uri: format!("{path}?groups={group}&user_name=somebody@x.io"), ..call },
        "DELETE /v1/user/node_group/sharing/requests" => Call { uri: format!("{path}?request_id={group_request}"), ..call },
        "POST /claim/initiate" => call.json(&json!({ "mac_addr": "240AC4AABBCC", "platform": "esp32s3" })),
        "POST /claim/verify" => call.json(&json!({ "csr": key.csr(NODE) })),
        "POST /v1/user/nodes/cmd" | "POST /v1/admin/nodes/cmd" => {
            call.json(&json!({ "node_ids": [NODE], "cmd": 1, "data": { "params": { "Light": { "Power": true } } } }))
        }
        "PUT /v1/admin/user2" => call.json(&json!({ "user_name": "owner@x.io", "enabled": false })),
        "DELETE /v1/admin/user2" => Call { uri: format!("{path}?user_name=owner@x.io&request=true"), ..call },
        "POST /v1/admin/nodes" => call.json(&json!({ "csr": NodeKey::new().csr("node2") })),
        "PUT /v1/admin/nodes" => Call { uri: format!("{path}?activate=false&node_id={NODE}"), ..call },
        _ => panic!("{route} is new: add an example of it here"),
    }
}

fn routes() -> BTreeSet<String> {
    tests::routes().list().iter().map(|route| format!("{} {}", route.method, route.path)).collect()
}

/// A cloud as it was before, for each call: the calls change things.
async fn cloud() -> (Cloud, User, NodeKey, Made) {
    let cloud = Cloud::with_rules(Rules { guest_days: Some(30), ..Rules::default() });
    let owner = cloud.user("owner").await;
    cloud.light(&owner, NODE).await;
    let key = cloud.key(NODE).await;
    // Somebody who has the node, and somebody to whom it was offered. Both stand in the directory alone, which takes no
    // time.
    for name in ["somebody", "waiting"] {
        let known = directory::put(name, &format!("{name}@x.io").parse().unwrap());
        cloud.ports().table.write(Batch::new(known.to_vec()).unwrap()).await.unwrap();
    }
    cloud.share(&User { id: "somebody".to_owned(), access: String::new(), refresh: String::new() }, NODE).await;
    let offer = Call::put("/v1/user/nodes/sharing").json(&json!({ "nodes": [NODE], "user_name": "waiting@x.io" }));
    let request = cloud.call(offer.by(&owner.access)).await.expect(200)["request_id"].as_str().unwrap().to_owned();
    let group = cloud.group(&owner, json!({ "group_name": "Our home", "is_matter": true, "nodes": [NODE] })).await;
    cloud.fleet.take();
    let offer = Call::put("/v1/user/node_group/sharing").json(&json!({ "groups": [group], "user_name": "waiting@x.io" }));
    let group_request = cloud.call(offer.by(&owner.access)).await.expect(200)["request_id"].as_str().unwrap().to_owned();
    (cloud, owner, key, Made { request, group, group_request })
}

/// Somebody with whom this was shared: nodes or groups.
async fn guest(cloud: &Cloud, owner: &User, path: &str, mut offer: Value) -> User {
    let guest = cloud.user("guest").await;
    offer["user_name"] = "guest@x.io".into();
    let told = cloud.call(Call::put(path).by(&owner.access).json(&offer)).await.expect(200);
    let accept = json!({ "accept": true, "request_id": told["request_id"] });
    cloud.call(Call::put(path).by(&guest.access).json(&accept)).await.expect(200);
    cloud.fleet.take();
    guest
}

async fn call_as(who: &str, route: &str) -> String {
    let (cloud, owner, key, made) = cloud().await;
    let call = example(route, &owner, &key, &made);
    let (of_node, of_group) = (json!({ "nodes": [NODE] }), json!({ "groups": [made.group] }));
    let shared = |path: &'static str, what: Value| guest(&cloud, &owner, path, what);
    let with = |mut what: Value, name: &str, value: Value| {
        what[name] = value;
        what
    };
    let call = match who {
        "nobody" => call,
        "nonsense" => call.by("not.a.token"),
        "expired" => {
            cloud.clock.pass(3600);
            call.by(&owner.access)
        }
        "refresh" => call.by(&owner.refresh),
        "stranger" => call.by(&cloud.user("stranger").await.access),
        "secondary" => call.by(&shared(NODES, of_node).await.access),
        "secondary of home" => call.by(&shared(GROUPS, of_group).await.access),
        "primary of home" => call.by(&shared(GROUPS, with(of_group, "primary", true.into())).await.access),
        "admin" => call.by(&cloud.admin("admin", Privilege::Admin).await.access),
        "super admin" => call.by(&cloud.admin("super", Privilege::SuperAdmin).await.access),
        "primary" => call.by(&owner.access),
        sub_role => {
            let sub_role: u8 = sub_role.parse().expect("a role that is known");
            call.by(&shared(NODES, with(of_node, "sub_role", sub_role.into())).await.access)
        }
    };
    let answer = cloud.call(call).await;
    let published = cloud.fleet.take().len();
    let failed = answer.status >= 400;
    assert!(!failed || published == 0, "{route} failed for {who} and published all the same");
    assert!(described(&cloud, route, answer.status).await, "{route} answers {} to {who}, which /openapi.json does not say", answer.status);
    // Pages for people are no JSON.
    let body: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    match body["error_code"].as_u64() {
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
            let public = listed.contains(&route) && (who == "nobody" || !EITHER.contains(&route.as_str()));
            assert_eq!(refused, !public, "{route} answers {answer} to {who}");
        }
    }
    let unknown: Vec<_> = listed.difference(&routes()).cloned().collect();
    assert!(unknown.is_empty(), "listed as public, but no route: {unknown:?}");
}

#[tokio::test]
async fn who_gets_what_is_as_written_down() {
    const WHO: [&str; 8] = ["nobody", "stranger", "secondary", "secondary of home", "primary of home", "primary", "admin", "super admin"];
    let row = |route: &str, cells: &[String]| {
        let cells: Vec<_> = cells.iter().map(|cell| format!("{cell:<18}")).collect();
        format!("{route:<46} {}", cells.concat()).trim_end().to_owned() + "\n"
    };
    let mut table = vec![row("route", &WHO.map(|who| if who == "nobody" { "no token" } else { who }.to_owned()))];
    for route in routes() {
        let mut cells = Vec::new();
        for who in WHO {
            cells.push(call_as(who, &route).await);
        }
        table.push(row(&route, &cells));
    }
    expect_file!["../snapshots/authorization.txt"].assert_eq(&table.concat());
}

/// What a sub-role means is the application's affair.
#[tokio::test]
async fn no_sub_role_changes_what_a_secondary_user_may_do() {
    for route in routes().iter().filter(|route| route.contains("/v1/user/nodes")) {
        let without = call_as("secondary", route).await;
        for sub_role in ["1", "2", "3", "4"] {
            assert_eq!(call_as(sub_role, route).await, without, "{route} with sub-role {sub_role}");
        }
    }
}
