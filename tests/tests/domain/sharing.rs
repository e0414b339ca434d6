//! Sharing of nodes: offers, answers, who sees what, and the end of it.

use serde_json::{Value, json};
use shared::{
    port::table::{Batch, Query, TableId},
    sharing::{LIFE_SECONDS, MAX_FROM_ONE, MAX_REQUESTS},
    user::directory,
};
use tests::{Answer, Call, Cloud, User};

const SHARING: &str = "/v1/user/nodes/sharing";
const REQUESTS: &str = "/v1/user/nodes/sharing/requests";

pub(super) async fn offer(cloud: &Cloud, user: &User, body: Value) -> Answer {
    cloud.call(Call::put(SHARING).by(&user.access).json(&body)).await
}

/// Offers nodes to somebody who does not have them; the id of the request.
pub(super) async fn offered(cloud: &Cloud, user: &User, body: Value) -> String {
    let told = offer(cloud, user, body).await.expect(200);
    assert_eq!(told["description"], "Node sharing request added for the user successfully");
    told["request_id"].as_str().unwrap().to_owned()
}

pub(super) async fn answer(cloud: &Cloud, user: &User, request: &str, accept: bool) -> Answer {
    cloud.call(Call::put(REQUESTS).by(&user.access).json(&json!({ "accept": accept, "request_id": request }))).await
}

pub(super) async fn accept(cloud: &Cloud, user: &User, request: &str) {
    answer(cloud, user, request, true).await.expect(200);
}

pub(super) async fn revoke(cloud: &Cloud, user: &User, nodes: &str, from: &str) -> Answer {
    cloud.call(Call::delete(&format!("{SHARING}?nodes={nodes}&user_name={from}")).by(&user.access)).await
}

async fn withdraw(cloud: &Cloud, user: &User, request: &str) -> Answer {
    cloud.call(Call::delete(&format!("{REQUESTS}?request_id={request}")).by(&user.access)).await
}

pub(super) async fn leave(cloud: &Cloud, user: &User, node: &str) -> Answer {
    let body = json!({ "node_id": node, "operation": "remove" });
    cloud.call(Call::put("/v1/user/nodes/mapping").by(&user.access).json(&body)).await
}

async fn requests(cloud: &Cloud, user: &User, query: &str) -> Value {
    cloud.call(Call::get(&format!("{REQUESTS}?{query}")).by(&user.access)).await.expect(200)
}

async fn sharing(cloud: &Cloud, user: &User, node: &str) -> Value {
    let told = cloud.call(Call::get(&format!("{SHARING}?node_id={node}")).by(&user.access)).await.expect(200);
    told["node_sharing"][0].clone()
}

/// The user's nodes with their roles, as the list shows them.
pub(super) async fn roles(cloud: &Cloud, user: &User) -> Value {
    let told = cloud.call(Call::get("/v1/user/nodes?node_details=true").by(&user.access)).await.expect(200);
    let nodes = told["node_details"].as_array().unwrap();
    nodes.iter().map(|node| (node["id"].as_str().unwrap().to_owned(), node["role"].clone())).collect::<serde_json::Map<_, _>>().into()
}

/// The node's users, by both sides of what is stored: they must agree.
pub(super) async fn users(cloud: &Cloud, node: &str, all: &[&User]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for user in all {
        if let Some(role) = roles(cloud, user).await.get(node) {
            found.push((user.id.clone(), role.as_str().unwrap().to_owned()));
        }
    }
    let page = cloud.ports().table.query(Query::prefix(TableId::Access, format!("node#{node}"), "", 100)).await.unwrap();
    let mut told = Vec::new();
    for record in &page.records {
        assert_eq!(record.key.sort, "owner");
        let owner = record.str("user").map(str::to_owned);
        for user in record.fields.keys().filter_map(|name| name.strip_prefix("user#")) {
            let place: Value = serde_json::from_str(record.json(&format!("user#{user}")).unwrap()).unwrap();
            told.push((user.to_owned(), place["role"].as_str().unwrap().to_owned()));
        }
        if let Some(owner) = owner {
            let role = told.iter().find(|(user, _)| *user == owner).map(|(_, role)| role.clone());
            assert!(role.is_none_or(|role| role == "primary"), "the owner is a primary user");
            told.retain(|(user, _)| *user != owner);
            told.push((owner, "primary".to_owned()));
        }
    }
    found.sort();
    told.sort();
    assert_eq!(found, told);
    found
}

#[tokio::test]
async fn who_accepts_has_the_node_until_it_is_revoked() {
    let cloud = Cloud::new();
    let (owner, guest) = (cloud.user("a").await, cloud.user("b").await);
    cloud.light(&owner, "n1").await;
    let request =
        offered(&cloud, &owner, json!({ "nodes": ["n1"], "user_name": "B@X.io", "metadata": { "devices": [{ "name": "Lamp" }] } })).await;
    assert_eq!(roles(&cloud, &guest).await, json!({}));
    let mut shown = json!({
        "request_id": request, "request_status": "pending", "request_timestamp": 1_790_000_000, "node_ids": ["n1"], "user_name": "b@x.io",
        "primary_user_name": "a@x.io", "user_role": "secondary", "transfer": false, "metadata": { "devices": [{ "name": "Lamp" }] },
    });
    for (user, query) in
        [(&owner, "primary_user=True"), (&guest, "primary_user=False"), (&guest, "start_request_id=&start_user_name=&primary_user=")]
    {
        assert_eq!(requests(&cloud, user, query).await, json!({ "sharing_requests": [shown] }));
        assert_eq!(requests(&cloud, user, &format!("{query}&request_id={request}")).await, json!({ "sharing_requests": [shown] }));
    }
    for (user, query) in [(&owner, "primary_user=false"), (&guest, "primary_user=true")] {
        assert_eq!(requests(&cloud, user, query).await, json!({ "sharing_requests": [] }));
        assert_eq!(requests(&cloud, user, &format!("{query}&request_id={request}")).await, json!({ "sharing_requests": [] }));
    }
    accept(&cloud, &guest, &request).await;
    assert_eq!(roles(&cloud, &guest).await, json!({ "n1": "secondary" }));
    assert_eq!(requests(&cloud, &owner, "primary_user=true").await, json!({ "sharing_requests": [] }));
    shown = cloud.params(&guest, "n1").await;
    assert_eq!(shown["Light"]["Name"], "Lamp");
    answer(&cloud, &guest, &request, true).await.expect_failure(400, 107_023);
    // A plus that the command line did not escape would have come as a space.
    revoke(&cloud, &owner, "n1", "b@x.io").await.expect(200);
    cloud.call(Call::get("/v1/user/nodes/params?node_id=n1").by(&guest.access)).await.expect_failure(400, 100_010);
    assert_eq!(users(&cloud, "n1", &[&owner, &guest]).await.len(), 1);
    revoke(&cloud, &owner, "n1", "b@x.io").await.expect_failure(400, 107_011);
}

#[tokio::test]
async fn a_plus_in_an_address_arrives_as_it_is() {
    let cloud = Cloud::new();
    let (owner, guest) = (cloud.user("a").await, cloud.user("b+1").await);
    cloud.light(&owner, "n1").await;
    for escaped in ["b+1@x.io", "b%2B1%40x.io"] {
        let request = offered(&cloud, &owner, json!({ "nodes": ["n1"], "user_name": "b+1@x.io" })).await;
        accept(&cloud, &guest, &request).await;
        revoke(&cloud, &owner, "n1", escaped).await.expect(200);
        assert_eq!(roles(&cloud, &guest).await, json!({}));
    }
}

#[tokio::test]
async fn everybody_sees_whom_they_may_see() {
    let cloud = Cloud::new();
    let (owner, second, guest) = (cloud.user("a").await, cloud.user("b").await, cloud.user("c").await);
    cloud.light(&owner, "n1").await;
    cloud.light(&owner, "n2").await;
    let request = offered(&cloud, &owner, json!({ "nodes": ["n1"], "user_name": "b@x.io", "primary": true })).await;
    accept(&cloud, &second, &request).await;
    // A second primary user shares too.
    let body = json!({ "nodes": ["n1"], "user_name": "c@x.io", "sub_role": 3, "metadata": { "k": 1 } });
    let request = offered(&cloud, &second, body).await;
    let listed = requests(&cloud, &guest, "").await["sharing_requests"][0].clone();
    assert_eq!((&listed["sub_role"], &listed["primary_user_name"]), (&json!(3), &json!("b@x.io")));
    accept(&cloud, &guest, &request).await;
    let third = cloud.user("d").await;
    let request = offered(&cloud, &owner, json!({ "nodes": ["n1"], "user_name": "d@x.io" })).await;
    accept(&cloud, &third, &request).await;
    let sorted = |mut told: Value| {
        for role in ["primary", "secondary"] {
            told["users"][role].as_array_mut().unwrap().sort_by_key(ToString::to_string);
        }
        told
    };
    let said = json!([{ "user_name": "c@x.io", "metadata": { "k": 1 }, "sub_role": 3 }]);
    let all = json!({ "node_id": "n1", "users": {
        "primary": ["a@x.io", "b@x.io"], "secondary": ["c@x.io", "d@x.io"], "secondary_metadata": said,
    }});
    for primary in [&owner, &second] {
        assert_eq!(sorted(sharing(&cloud, primary, "n1").await), all);
    }
    let own = json!({ "node_id": "n1", "sources": ["NODE"], "users": {
        "primary": ["a@x.io", "b@x.io"], "secondary": ["c@x.io"], "secondary_metadata": said,
    }});
    assert_eq!(sorted(sharing(&cloud, &guest, "n1").await), own);
    let list = cloud.call(Call::get(SHARING).by(&owner.access)).await.expect(200)["node_sharing"].clone();
    assert_eq!((sorted(list[0].clone()), list[1].clone()), (all, json!({ "node_id": "n2", "users": { "primary": ["a@x.io"] } })));
    let list = cloud.call(Call::get(SHARING).by(&guest.access)).await.expect(200)["node_sharing"].clone();
    assert_eq!((list.as_array().unwrap().len(), sorted(list[0].clone())), (1, own));
    let stranger = cloud.user("s").await;
    cloud.call(Call::get(SHARING).by(&stranger.access)).await.expect_failure(400, 107_013);
    cloud.call(Call::get(&format!("{SHARING}?node_id=n1")).by(&stranger.access)).await.expect_failure(400, 100_010);
    assert_eq!(users(&cloud, "n1", &[&owner, &second, &guest, &third]).await.len(), 4);
}

#[tokio::test]
async fn what_cannot_be_offered_is_told_and_nothing_changes() {
    let cloud = Cloud::new();
    let (owner, guest, stranger) = (cloud.user("a").await, cloud.user("b").await, cloud.user("s").await);
    cloud.light(&owner, "n1").await;
    cloud.light(&stranger, "n9").await;
    cloud.share(&guest, "n1").await;
    let many: Vec<_> = (0..101).map(|number| format!("n{number}")).collect();
    for (user, body, code) in [
        (&owner, json!({}), 107_001),
        (&owner, json!({ "nodes": [], "user_name": "s@x.io" }), 107_001),
        (&owner, json!({ "nodes": ["n1"] }), 107_002),
        (&owner, json!({ "nodes": ["n1"], "user_name": " A@x.io" }), 107_003),
        (&owner, json!({ "nodes": ["n1", "n9"], "user_name": "s@x.io" }), 107_005),
        (&owner, json!({ "nodes": ["n1"], "user_name": "nobody@x.io" }), 107_007),
        (&owner, json!({ "nodes": ["n1"], "user_name": "+15550100" }), 107_007),
        (&owner, json!({ "nodes": ["x".repeat(64)], "user_name": "s@x.io" }), 107_008),
        (&owner, json!({ "nodes": many, "user_name": "s@x.io" }), 107_022),
        (&owner, json!({ "nodes": ["n1", ""], "user_name": "s@x.io" }), 107_024),
        (&guest, json!({ "nodes": ["n1"], "user_name": "s@x.io" }), 107_027),
        (&owner, json!({ "nodes": ["n1"], "user_name": "s@x.io", "transfer": true, "new_role": "primary" }), 107_033),
        (&owner, json!({ "nodes": ["n1"], "user_name": "s@x.io", "new_role": "secondary" }), 107_035),
        (&owner, json!({ "nodes": ["n1"], "user_name": "s@x.io", "sub_role": 5 }), 107_040),
        (&owner, json!({ "nodes": ["n1"], "user_name": "s@x.io", "metadata": [] }), 100_006),
        (&owner, json!({ "nodes": ["n1"], "user_name": "s@x.io", "metadata": { "k": "x".repeat(5000) } }), 100_036),
        (&owner, json!({ "accept": true }), 107_021),
        (&owner, json!({ "request_id": "r1" }), 107_017),
        (&owner, json!({ "request_id": "r1", "accept": true }), 107_023),
        (&owner, json!({ "request_id": "r/1", "accept": false }), 107_023),
    ] {
        for path in [SHARING, REQUESTS] {
            cloud.call(Call::put(path).by(&user.access).json(&body)).await.expect_failure(400, code);
        }
    }
    for (user, query, code) in [
        (&owner, "user_name=b@x.io", 107_001),
        (&owner, "nodes=n1", 107_002),
        (&owner, "nodes=n1&user_name=a@x.io", 107_003),
        (&owner, "nodes=n1,n9&user_name=b@x.io", 107_005),
        (&owner, "nodes=n1&user_name=nobody@x.io", 107_007),
        (&owner, "nodes=n1&user_name=s@x.io", 107_011),
        (&owner, "nodes=n1,,&user_name=b@x.io", 107_024),
        (&guest, "nodes=n1&user_name=a@x.io", 107_027),
    ] {
        cloud.call(Call::delete(&format!("{SHARING}?{query}")).by(&user.access)).await.expect_failure(400, code);
    }
    cloud.call(Call::get(&format!("{REQUESTS}?primary_user=yes")).by(&owner.access)).await.expect_failure(400, 107_019);
    cloud.call(Call::delete(REQUESTS).by(&owner.access)).await.expect_failure(400, 107_021);
    withdraw(&cloud, &owner, "unknown").await.expect_failure(404, 107_026);
    assert_eq!(requests(&cloud, &stranger, "").await, json!({ "sharing_requests": [] }));
    assert_eq!(users(&cloud, "n1", &[&owner, &guest, &stranger]).await.len(), 2);
}

#[tokio::test]
async fn an_offer_is_declined_withdrawn_or_gone_after_a_week() {
    let cloud = Cloud::new();
    let (owner, guest, other) = (cloud.user("a").await, cloud.user("b").await, cloud.user("c").await);
    cloud.light(&owner, "n1").await;
    let body = || json!({ "nodes": ["n1"], "user_name": "b@x.io" });
    let declined = offered(&cloud, &owner, body()).await;
    // It is for nobody else to answer or to withdraw.
    for user in [&owner, &other] {
        answer(&cloud, user, &declined, true).await.expect_failure(400, 107_023);
        answer(&cloud, user, &declined, false).await.expect_failure(400, 107_023);
    }
    withdraw(&cloud, &guest, &declined).await.expect_failure(404, 107_026);
    answer(&cloud, &guest, &declined, false).await.expect(200);
    assert_eq!(requests(&cloud, &owner, "primary_user=true").await["sharing_requests"][0]["request_status"], "declined");
    assert_eq!(requests(&cloud, &guest, "").await["sharing_requests"], json!([]));
    answer(&cloud, &guest, &declined, true).await.expect_failure(400, 107_023);
    withdraw(&cloud, &owner, &declined).await.expect_failure(400, 107_025);
    let withdrawn = offered(&cloud, &owner, body()).await;
    withdraw(&cloud, &owner, &withdrawn).await.expect(200);
    answer(&cloud, &guest, &withdrawn, true).await.expect_failure(400, 107_023);
    withdraw(&cloud, &owner, &withdrawn).await.expect_failure(404, 107_026);
    let late = offered(&cloud, &owner, body()).await;
    cloud.clock.pass(LIFE_SECONDS - 1);
    let (owner, guest) = (cloud.log_in("a@x.io").await, cloud.log_in("b@x.io").await);
    let listed = requests(&cloud, &guest, "").await["sharing_requests"].clone();
    assert_eq!(listed.as_array().unwrap().len(), 1);
    cloud.clock.pass(1);
    assert_eq!(requests(&cloud, &guest, "").await, json!({ "sharing_requests": [] }));
    assert_eq!(requests(&cloud, &owner, "primary_user=true").await, json!({ "sharing_requests": [] }));
    answer(&cloud, &guest, &late, true).await.expect_failure(400, 107_023);
    assert_eq!(roles(&cloud, &guest).await, json!({}));
}

#[tokio::test]
async fn who_has_the_node_already_is_not_asked() {
    let cloud = Cloud::new();
    let (owner, guest) = (cloud.user("a").await, cloud.user("b").await);
    cloud.light(&owner, "n1").await;
    cloud.light(&owner, "n2").await;
    let request = offered(&cloud, &owner, json!({ "nodes": ["n1"], "user_name": "b@x.io" })).await;
    accept(&cloud, &guest, &request).await;
    for (more, role) in
        [(json!({ "primary": true }), "primary"), (json!({ "sub_role": 2 }), "secondary"), (json!({ "sub_role": 2 }), "secondary")]
    {
        let mut body = json!({ "nodes": ["n1"], "user_name": "b@x.io" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let told = offer(&cloud, &owner, body).await.expect(200);
        assert_eq!(told["description"], "Node sharing added for the user successfully");
        let id = told["request_id"].as_str().unwrap();
        answer(&cloud, &guest, id, true).await.expect_failure(400, 107_023);
        assert_eq!(roles(&cloud, &guest).await, json!({ "n1": role }));
        users(&cloud, "n1", &[&owner, &guest]).await;
    }
    let told = sharing(&cloud, &owner, "n1").await;
    assert_eq!(told["users"]["secondary_metadata"], json!([{ "user_name": "b@x.io", "sub_role": 2 }]));
    // One of them is new, so all are asked for.
    offered(&cloud, &owner, json!({ "nodes": ["n1", "n2"], "user_name": "b@x.io", "primary": true })).await;
    assert_eq!(roles(&cloud, &guest).await, json!({ "n1": "secondary" }));
}

#[tokio::test]
async fn a_transfer_gives_the_own_place_away() {
    let cloud = Cloud::new();
    let (owner, next, guest) = (cloud.user("a").await, cloud.user("b").await, cloud.user("c").await);
    for node in ["n1", "n2"] {
        cloud.light(&owner, node).await;
        cloud.share(&guest, node).await;
    }
    let gone = offered(&cloud, &owner, json!({ "nodes": ["n1"], "user_name": "b@x.io", "transfer": true })).await;
    let kept = offered(&cloud, &owner, json!({ "nodes": ["n2"], "user_name": "b@x.io", "transfer": true, "new_role": "secondary" })).await;
    let listed = requests(&cloud, &next, &format!("request_id={kept}")).await["sharing_requests"][0].clone();
    assert_eq!((&listed["transfer"], &listed["new_role"], &listed["user_role"]), (&json!(true), &json!("secondary"), &json!("primary")));
    accept(&cloud, &next, &gone).await;
    accept(&cloud, &next, &kept).await;
    assert_eq!(roles(&cloud, &owner).await, json!({ "n2": "secondary" }));
    assert_eq!(roles(&cloud, &next).await, json!({ "n1": "primary", "n2": "primary" }));
    assert_eq!(roles(&cloud, &guest).await, json!({ "n1": "secondary", "n2": "secondary" }));
    for node in ["n1", "n2"] {
        users(&cloud, node, &[&owner, &next, &guest]).await;
    }
    // The new owner's leaving ends all shares, as the old one's did.
    leave(&cloud, &next, "n2").await.expect(200);
    assert_eq!((roles(&cloud, &owner).await, roles(&cloud, &guest).await), (json!({}), json!({ "n1": "secondary" })));
    let history = cloud.call(Call::get("/v1/user/nodes/history").by(&owner.access)).await.expect(200);
    assert!(history["nodes"].as_array().unwrap().iter().all(|node| node["status"] == "inactive"), "{history}");
}

#[tokio::test]
async fn a_hundred_nodes_are_offered_at_once_and_what_was_interrupted_is_finished() {
    let cloud = Cloud::new();
    let (owner, guest) = (cloud.user("a").await, cloud.user("b").await);
    let nodes: Vec<_> = (0..100).map(|number| format!("n{number:03}")).collect();
    for node in &nodes {
        cloud.map(&owner, node).await;
    }
    for transfer in [false, true] {
        let body = json!({ "nodes": nodes, "user_name": "b@x.io", "transfer": transfer });
        let told = offer(&cloud, &owner, body).await.expect(200);
        if !transfer {
            // As far as an earlier try may have got.
            let some = offered(&cloud, &owner, json!({ "nodes": nodes[..30], "user_name": "b@x.io" })).await;
            accept(&cloud, &guest, &some).await;
            accept(&cloud, &guest, told["request_id"].as_str().unwrap()).await;
        }
        let role = if transfer { "primary" } else { "secondary" };
        let ids = cloud.call(Call::get("/v1/user/nodes?node_details=true&params=false").by(&guest.access)).await.expect(200);
        assert!(ids["node_details"].as_array().unwrap().iter().all(|node| node["role"] == role));
        assert_eq!(ids["total"], 100);
    }
    let total = cloud.call(Call::get("/v1/user/nodes/history").by(&guest.access)).await.expect(200)["total"].clone();
    assert_eq!(total, 100);
    assert_eq!(roles(&cloud, &owner).await, json!({}));
    let request = offered(&cloud, &guest, json!({ "nodes": nodes, "user_name": "a@x.io" })).await;
    accept(&cloud, &owner, &request).await;
    revoke(&cloud, &guest, &nodes.join(","), "a@x.io").await.expect(200);
    assert_eq!(roles(&cloud, &owner).await, json!({}));
}

#[tokio::test]
async fn an_offer_means_nothing_once_who_made_it_has_the_node_no_more() {
    let cloud = Cloud::new();
    let (owner, guest, next) = (cloud.user("a").await, cloud.user("b").await, cloud.user("c").await);
    cloud.light(&owner, "n1").await;
    cloud.light(&owner, "n2").await;
    let request = offered(&cloud, &owner, json!({ "nodes": ["n2", "n1"], "user_name": "b@x.io" })).await;
    cloud.map(&next, "n1").await;
    answer(&cloud, &guest, &request, true).await.expect_failure(400, 107_011);
    assert_eq!(roles(&cloud, &guest).await, json!({}), "not the other node either");
    answer(&cloud, &guest, &request, false).await.expect(200);
}

#[tokio::test]
async fn who_was_put_out_does_not_come_back_by_an_older_offer() {
    let cloud = Cloud::new();
    let (owner, guest) = (cloud.user("a").await, cloud.user("b").await);
    cloud.light(&owner, "n1").await;
    cloud.light(&owner, "n2").await;
    let first = offered(&cloud, &owner, json!({ "nodes": ["n1"], "user_name": "b@x.io" })).await;
    let second = offered(&cloud, &owner, json!({ "nodes": ["n1"], "user_name": "b@x.io", "primary": true })).await;
    let elsewhere = offered(&cloud, &owner, json!({ "nodes": ["n2"], "user_name": "b@x.io" })).await;
    accept(&cloud, &guest, &first).await;
    revoke(&cloud, &owner, "n1", "b@x.io").await.expect(200);
    answer(&cloud, &guest, &second, true).await.expect_failure(400, 107_023);
    accept(&cloud, &guest, &elsewhere).await;
    assert_eq!(roles(&cloud, &guest).await, json!({ "n2": "secondary" }));
}

#[tokio::test]
async fn primary_users_leave_and_put_each_other_out() {
    let cloud = Cloud::new();
    let (owner, second, guest) = (cloud.user("a").await, cloud.user("b").await, cloud.user("c").await);
    let make = async |node: &str| {
        cloud.light(&owner, node).await;
        let request = offered(&cloud, &owner, json!({ "nodes": [node], "user_name": "b@x.io", "primary": true })).await;
        accept(&cloud, &second, &request).await;
        let request = offered(&cloud, &second, json!({ "nodes": [node], "user_name": "c@x.io" })).await;
        accept(&cloud, &guest, &request).await;
    };
    let all = [&owner, &second, &guest];
    // A second primary user who leaves ends nothing but their own.
    make("n1").await;
    leave(&cloud, &second, "n1").await.expect(200);
    assert_eq!(users(&cloud, "n1", &all).await.len(), 2);
    // The owner's leaving ends all.
    make("n2").await;
    leave(&cloud, &owner, "n2").await.expect(200);
    assert_eq!(users(&cloud, "n2", &all).await, []);
    // Who puts the owner out is the owner.
    make("n3").await;
    revoke(&cloud, &second, "n3", "a@x.io").await.expect(200);
    assert_eq!(users(&cloud, "n3", &all).await.len(), 2);
    leave(&cloud, &second, "n3").await.expect(200);
    assert_eq!(users(&cloud, "n3", &all).await, []);
    // A guest leaves by themselves.
    make("n4").await;
    leave(&cloud, &guest, "n4").await.expect(200);
    assert_eq!(users(&cloud, "n4", &all).await.len(), 2);
    leave(&cloud, &guest, "n4").await.expect_failure(400, 103_013);
}

#[tokio::test]
async fn requests_come_in_pages_the_newest_first() {
    let cloud = Cloud::new();
    let (owner, _guest) = (cloud.user("a").await, cloud.user("b").await);
    cloud.light(&owner, "n1").await;
    let mut all = Vec::new();
    for number in 0..23 {
        cloud.clock.pass(1);
        all.push(offered(&cloud, &owner, json!({ "nodes": ["n1"], "user_name": "b@x.io", "metadata": { "number": number } })).await);
    }
    all.reverse();
    for (limit, pages) in [("", 3), ("10", 3), ("11", 3), ("x", 3), ("4", 6), ("1", 23)] {
        let (mut found, mut start, mut count) = (Vec::new(), String::new(), 0);
        loop {
            let page = requests(&cloud, &owner, &format!("primary_user=true&num_records={limit}&{start}")).await;
            found.extend(page["sharing_requests"].as_array().unwrap().iter().map(|one| one["request_id"].as_str().unwrap().to_owned()));
            count += 1;
            let Some(next) = page["next_request_id"].as_str() else { break };
            assert_eq!(page["next_user_name"], "b@x.io");
            start = format!("start_request_id={next}&start_user_name=b@x.io");
        }
        assert_eq!((&found, count), (&all, pages), "{limit}");
    }
    let query = format!("{REQUESTS}?start_request_id=***");
    cloud.call(Call::get(&query).by(&owner.access)).await.expect_failure(400, 105_043);
}

#[tokio::test]
async fn offers_are_bounded() {
    let cloud = Cloud::new();
    let (owner, guest) = (cloud.user("a").await, cloud.user("b").await);
    cloud.light(&owner, "n1").await;
    let mut last = String::new();
    for _ in 0..MAX_FROM_ONE {
        last = offered(&cloud, &owner, json!({ "nodes": ["n1"], "user_name": "b@x.io" })).await;
    }
    offer(&cloud, &owner, json!({ "nodes": ["n1"], "user_name": "b@x.io" })).await.expect_failure(429, 100_070);
    let other = cloud.user("c").await;
    cloud.light(&other, "n2").await;
    // One user's do not keep out another's.
    offered(&cloud, &other, json!({ "nodes": ["n2"], "user_name": "b@x.io" })).await;
    answer(&cloud, &guest, &last, false).await.expect(200);
    offered(&cloud, &owner, json!({ "nodes": ["n1"], "user_name": "b@x.io" })).await;
    offer(&cloud, &owner, json!({ "nodes": ["n1"], "user_name": "b@x.io" })).await.expect_failure(429, 100_070);
    // Nor may one make any number, to whomever.
    for number in MAX_FROM_ONE..MAX_REQUESTS {
        let name = format!("guest{}", number / MAX_FROM_ONE);
        let known = directory::put(&name, &format!("{name}@x.io").parse().unwrap());
        cloud.ports().table.write(Batch::new(known.to_vec()).unwrap()).await.unwrap();
        let body = json!({ "nodes": ["n1"], "user_name": format!("{name}@x.io") });
        if number < MAX_REQUESTS - 1 {
            offered(&cloud, &owner, body).await;
        } else {
            // The declined one is the owner's still.
            offer(&cloud, &owner, body).await.expect_failure(429, 100_070);
        }
    }
}

#[tokio::test]
async fn a_node_has_only_so_many_users() {
    let cloud = Cloud::new();
    let (owner, guest) = (cloud.user("a").await, cloud.user("b").await);
    cloud.light(&owner, "n1").await;
    for number in 0..63 {
        cloud.share(&User { id: format!("guest{number}"), access: String::new(), refresh: String::new() }, "n1").await;
    }
    let request = offered(&cloud, &owner, json!({ "nodes": ["n1"], "user_name": "b@x.io" })).await;
    answer(&cloud, &guest, &request, true).await.expect_failure(400, 100_012);
    assert_eq!(roles(&cloud, &guest).await, json!({}));
    // All of them leave with the owner, in more than one batch.
    leave(&cloud, &owner, "n1").await.expect(200);
    assert_eq!(users(&cloud, "n1", &[&owner]).await, []);
}

#[tokio::test]
async fn nothing_of_an_account_that_goes_stays_with_others() {
    let cloud = Cloud::new();
    let (owner, guest) = (cloud.user("a").await, cloud.user("b").await);
    cloud.light(&owner, "n1").await;
    cloud.light(&guest, "n2").await;
    let mine = offered(&cloud, &owner, json!({ "nodes": ["n1"], "user_name": "b@x.io" })).await;
    offered(&cloud, &guest, json!({ "nodes": ["n2"], "user_name": "a@x.io" })).await;
    cloud.call(Call::delete("/v1/user2?request=true").by(&owner.access)).await.expect(200);
    let code = cloud.mail.code("a@x.io");
    cloud.call(Call::delete(&format!("/v1/user2?verification_code={code}")).by(&owner.access)).await.expect(200);
    for query in ["", "primary_user=true"] {
        assert_eq!(requests(&cloud, &guest, query).await, json!({ "sharing_requests": [] }));
    }
    answer(&cloud, &guest, &mine, true).await.expect_failure(400, 107_023);
    offer(&cloud, &guest, json!({ "nodes": ["n2"], "user_name": "a@x.io" })).await.expect_failure(400, 107_007);
    // Whoever has the name next is somebody else.
    let next = cloud.user("a").await;
    let request = offered(&cloud, &guest, json!({ "nodes": ["n2"], "user_name": "a@x.io" })).await;
    accept(&cloud, &next, &request).await;
}
