//! Sharing of groups: who has what by them, while they have them, and not longer.

use serde_json::{Value, json};
use shared::sharing::LIFE_SECONDS;
use tests::{Answer, Call, Cloud, User};

use super::{
    groups::{add, change, delete, home, nodes, one, records, room, take},
    sharing::{leave, roles},
};

const SHARING: &str = "/v1/user/node_group/sharing";
const REQUESTS: &str = "/v1/user/node_group/sharing/requests";
const REFUSED: u64 = 100_010;

pub(super) async fn offer(cloud: &Cloud, user: &User, body: Value) -> Answer {
    cloud.call(Call::put(SHARING).by(&user.access).json(&body)).await
}

pub(super) async fn offered(cloud: &Cloud, user: &User, body: Value) -> String {
    let told = offer(cloud, user, body).await.expect(200);
    assert_eq!(told["description"], "Group sharing request added for the user successfully");
    told["request_id"].as_str().unwrap().to_owned()
}

pub(super) async fn answer(cloud: &Cloud, user: &User, request: &str, accept: bool) -> Answer {
    cloud.call(Call::put(REQUESTS).by(&user.access).json(&json!({ "accept": accept, "request_id": request }))).await
}

/// Offers the group, which the other accepts.
pub(super) async fn share(cloud: &Cloud, user: &User, group: &str, (other, name): (&User, &str), more: Value) {
    let mut body = json!({ "groups": [group], "user_name": format!("{name}@x.io") });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let request = offered(cloud, user, body).await;
    answer(cloud, other, &request, true).await.expect(200);
}

pub(super) async fn revoke(cloud: &Cloud, user: &User, groups: &str, from: &str) -> Answer {
    cloud.call(Call::delete(&format!("{SHARING}?groups={groups}&user_name={from}@x.io")).by(&user.access)).await
}

pub(super) async fn leave_group(cloud: &Cloud, user: &User, group: &str) -> Answer {
    cloud.call(Call::delete(&format!("/v1/user/node_group?group_id={group}&leave=true")).by(&user.access)).await
}

async fn requests(cloud: &Cloud, user: &User, query: &str) -> Vec<Value> {
    let told = cloud.call(Call::get(&format!("{REQUESTS}?{query}")).by(&user.access)).await.expect(200);
    told["sharing_requests"].as_array().unwrap().clone()
}

async fn who_has(cloud: &Cloud, user: &User, query: &str) -> Value {
    cloud.call(Call::get(&format!("{SHARING}?{query}")).by(&user.access)).await.expect(200)["group_sharing"].clone()
}

async fn set(cloud: &Cloud, user: &User, node: &str) -> Answer {
    let body = json!({ "Light": { "Power": true } });
    cloud.call(Call::put(&format!("/v1/user/nodes/params?node_id={node}")).by(&user.access).json(&body)).await
}

#[expect(clippy::struct_field_names, reason = "homes are what it is about")]
pub(super) struct Home {
    pub(super) cloud: Cloud,
    pub(super) owner: User,
    pub(super) second: User,
    pub(super) guest: User,
    pub(super) home: String,
    pub(super) hall: String,
}

/// `n1` and `n2` of `a` are in a home, `n1` in its hall, too; `n3` is in none.
pub(super) async fn furnished() -> Home {
    let cloud = Cloud::new();
    let (owner, second, guest) = (cloud.user("a").await, cloud.user("b").await, cloud.user("c").await);
    for node in ["n1", "n2", "n3"] {
        cloud.light(&owner, node).await;
    }
    let home = home(&cloud, &owner, "Home").await;
    let hall = room(&cloud, &owner, &home, "Hall").await;
    add(&cloud, &owner, &home, &["n1", "n2"]).await.expect(200);
    add(&cloud, &owner, &hall, &["n1"]).await.expect(200);
    Home { cloud, owner, second, guest, home, hall }
}

#[tokio::test]
async fn a_guest_of_a_home_has_its_nodes_as_long_as_both_last() {
    let Home { cloud, owner, guest, home, hall, .. } = furnished().await;
    set(&cloud, &guest, "n1").await.expect_failure(400, REFUSED);
    share(&cloud, &owner, &home, (&guest, "c"), json!({ "sub_role": 2 })).await;
    assert_eq!(roles(&cloud, &guest).await, json!({ "n1": "secondary", "n2": "secondary" }));
    set(&cloud, &guest, "n1").await.expect(200);
    assert_eq!(cloud.params(&guest, "n1").await, cloud.params(&owner, "n1").await);
    for path in ["config", "status"] {
        cloud.call(Call::get(&format!("/v1/user/nodes/{path}?node_id=n2")).by(&guest.access)).await.expect(200);
    }
    let group = one(&cloud, &guest, &home, "node_details=true&sub_groups=true").await;
    assert_eq!((&group["primary"], &group["total"]), (&json!(false), &json!(2)));
    assert_eq!((&group["node_details"][1]["role"], &group["sub_groups"][0]["group_id"]), (&json!("secondary"), &json!(hall)));
    // What comes later is theirs too, and what leaves is not.
    add(&cloud, &owner, &home, &["n3"]).await.expect(200);
    set(&cloud, &guest, "n3").await.expect(200);
    take(&cloud, &owner, &home, &["n1"]).await.expect(200);
    set(&cloud, &guest, "n1").await.expect_failure(400, REFUSED);
    assert_eq!(roles(&cloud, &guest).await, json!({ "n2": "secondary", "n3": "secondary" }));
    leave(&cloud, &owner, "n3").await.expect(200);
    set(&cloud, &guest, "n3").await.expect_failure(400, REFUSED);
    revoke(&cloud, &owner, &home, "c").await.expect(200);
    set(&cloud, &guest, "n2").await.expect_failure(400, REFUSED);
    assert_eq!(roles(&cloud, &guest).await, json!({}));
    cloud.call(Call::get(&format!("/v1/user/node_group?group_id={home}")).by(&guest.access)).await.expect_failure(400, 108_023);
    revoke(&cloud, &owner, &home, "c").await.expect_failure(400, 108_048);
}

#[tokio::test]
async fn what_only_an_owner_may_do_a_guest_may_not() {
    let Home { cloud, owner, guest, home, hall, .. } = furnished().await;
    cloud.light(&guest, "own").await;
    share(&cloud, &owner, &home, (&guest, "c"), json!({})).await;
    let rename = json!({ "group_name": "Mine" });
    for group in [&home, &hall] {
        change(&cloud, &guest, group, rename.clone()).await.expect_failure(400, 108_056);
        add(&cloud, &guest, group, &["own"]).await.expect_failure(400, 108_056);
        take(&cloud, &guest, group, &["n1"]).await.expect_failure(400, 108_056);
    }
    let inside = json!({ "group_name": "Attic", "parent_group_id": home });
    cloud.call(Call::post("/v1/user/node_group").by(&guest.access).json(&inside)).await.expect_failure(400, 108_056);
    offer(&cloud, &guest, json!({ "groups": [home], "user_name": "b@x.io" })).await.expect_failure(400, 108_041);
    revoke(&cloud, &guest, &home, "a").await.expect_failure(400, 108_041);
    let put_out = format!("/v1/user/node_group?group_id={home}&remove_sharing=true&user_name=a@x.io");
    cloud.call(Call::delete(&put_out).by(&guest.access)).await.expect_failure(400, 108_138);
    // The nodes are not the guest's own, either.
    leave(&cloud, &guest, "n1").await.expect_failure(400, 103_013);
    cloud.call(Call::delete("/v1/user/nodes/n1").by(&guest.access)).await.expect_failure(400, 103_055);
    let on = json!({ "nodes": ["n1"], "user_name": "b@x.io" });
    cloud.call(Call::put("/v1/user/nodes/sharing").by(&guest.access).json(&on)).await.expect_failure(400, 107_005);
    let theirs = self::home(&cloud, &guest, "Home").await;
    add(&cloud, &guest, &theirs, &["n1"]).await.expect_failure(400, 108_013);
    assert_eq!(nodes(&cloud, &owner, &home).await, json!(["n1", "n2"]));
}

#[tokio::test]
async fn an_offer_that_makes_no_sense_changes_nothing() {
    let Home { cloud, owner, second, guest, home, hall } = furnished().await;
    let theirs = self::home(&cloud, &guest, "Theirs").await;
    let many: Vec<_> = (0..11).map(|number| format!("g{number}")).collect();
    for (body, code) in [
        (json!({ "groups": [home], "user_name": "nobody@x.io" }), 108_050),
        (json!({ "groups": [home], "user_name": "A@X.io" }), 108_046),
        (json!({ "groups": [home] }), 108_045),
        (json!({ "groups": [], "user_name": "c@x.io" }), 108_044),
        (json!({ "user_name": "c@x.io" }), 108_044),
        (json!({ "groups": [home, ""], "user_name": "c@x.io" }), 108_038),
        (json!({ "groups": [home, home], "user_name": "c@x.io" }), 108_112),
        (json!({ "groups": many, "user_name": "c@x.io" }), 108_036),
        (json!({ "groups": ["a/b"], "user_name": "c@x.io" }), 108_031),
        (json!({ "groups": [home, theirs], "user_name": "b@x.io" }), 108_048),
        (json!({ "groups": ["gone"], "user_name": "c@x.io" }), 108_048),
        (json!({ "groups": [home], "user_name": "c@x.io", "sub_role": 5 }), 108_140),
        (json!({ "groups": [home], "user_name": "c@x.io", "new_role": "secondary" }), 108_139),
        (json!({ "groups": [home], "user_name": "c@x.io", "transfer": true, "new_role": "primary" }), 108_138),
    ] {
        offer(&cloud, &owner, body).await.expect_failure(400, code);
    }
    assert_eq!(requests(&cloud, &owner, "primary_user=true").await, Vec::<Value>::new());
    let request = offered(&cloud, &owner, json!({ "groups": [home, hall], "user_name": "c@x.io" })).await;
    answer(&cloud, &second, &request, true).await.expect_failure(400, 108_037);
    answer(&cloud, &guest, "", true).await.expect_failure(400, 108_035);
    let without = json!({ "request_id": request });
    cloud.call(Call::put(REQUESTS).by(&guest.access).json(&without)).await.expect_failure(400, 108_054);
    // Offers of nodes are others.
    let nodes = json!({ "accept": true, "request_id": request });
    cloud.call(Call::put("/v1/user/nodes/sharing/requests").by(&guest.access).json(&nodes)).await.expect_failure(400, 107_023);
    requests(&cloud, &guest, "primary_user=false").await.pop().unwrap();
    cloud.call(Call::get(&format!("{REQUESTS}?primary_user=maybe")).by(&guest.access)).await.expect_failure(400, 108_033);
    assert_eq!(roles(&cloud, &guest).await, json!({}));
}

#[tokio::test]
async fn an_offer_is_seen_from_both_sides_until_it_is_answered_or_old() {
    let Home { cloud, owner, guest, home, hall, .. } = furnished().await;
    let body = json!({ "groups": [home, hall], "user_name": "c@x.io", "sub_role": 3, "metadata": { "k": 1.50 } });
    let request = offered(&cloud, &owner, body.clone()).await;
    let expected = json!({
        "request_id": request, "request_status": "pending", "request_timestamp": 1_790_000_000, "group_ids": [home, hall],
        "group_names": ["Home", "Hall"], "user_name": "c@x.io", "primary_user_name": "a@x.io", "user_role": "secondary",
        "transfer": false, "sub_role": 3, "metadata": { "k": 1.5 },
    });
    assert_eq!(requests(&cloud, &owner, "primary_user=true").await, std::slice::from_ref(&expected));
    assert_eq!(requests(&cloud, &guest, &format!("request_id={request}")).await, [expected]);
    assert_eq!(requests(&cloud, &guest, "primary_user=true").await, Vec::<Value>::new());
    let of_nodes = cloud.call(Call::get("/v1/user/nodes/sharing/requests").by(&guest.access)).await.expect(200);
    assert_eq!(of_nodes["sharing_requests"], json!([]));
    let withdraw = |id: &str| cloud.call(Call::delete(&format!("{REQUESTS}?request_id={id}")).by(&owner.access));
    withdraw(&request).await.expect(200);
    withdraw(&request).await.expect_failure(404, 108_040);
    withdraw("").await.expect_failure(400, 108_035);
    answer(&cloud, &guest, &request, true).await.expect_failure(400, 108_037);
    let request = offered(&cloud, &owner, body.clone()).await;
    answer(&cloud, &guest, &request, false).await.expect(200);
    withdraw(&request).await.expect_failure(400, 108_039);
    let request = offered(&cloud, &owner, body).await;
    cloud.clock.pass(LIFE_SECONDS);
    let (owner, guest) = (cloud.log_in("a@x.io").await, cloud.log_in("c@x.io").await);
    answer(&cloud, &guest, &request, true).await.expect_failure(400, 108_037);
    assert_eq!(requests(&cloud, &owner, "primary_user=true").await, Vec::<Value>::new());
}

#[tokio::test]
async fn who_has_a_group_is_seen_as_far_as_it_concerns() {
    let Home { cloud, owner, second, guest, home, hall } = furnished().await;
    share(&cloud, &owner, &home, (&guest, "c"), json!({ "sub_role": 2, "metadata": { "k": 1 } })).await;
    share(&cloud, &owner, &hall, (&second, "b"), json!({})).await;
    let of_home = json!({ "primary": ["a@x.io"], "secondary": ["c@x.io"], "primary_metadata": [{ "user_name": "a@x.io", "sub_role": 0 }],
        "secondary_metadata": [{ "user_name": "c@x.io", "sub_role": 2, "metadata": { "k": 1 } }] });
    let told = who_has(&cloud, &owner, "sub_groups=true&metadata=true").await;
    assert_eq!((told.as_array().unwrap().len(), &told[0]["group_id"], &told[0]["users"]), (1, &json!(home), &of_home));
    let inside = &told[0]["sub_groups"][0];
    assert_eq!((&inside["group_id"], &inside["users"]["secondary"]), (&json!(hall), &json!(["b@x.io", "c@x.io"])));
    let told = who_has(&cloud, &second, "parent_groups=true").await;
    assert_eq!((&told[0]["group_id"], &told[0]["users"]), (&json!(hall), &json!({ "primary": ["a@x.io"], "secondary": ["b@x.io"] })));
    let around = json!({ "group_id": home, "group_name": "Home", "group_type": "home", "mutually_exclusive": true });
    assert_eq!(told[0]["parent_groups"], json!([around]));
    let none = cloud.call(Call::get(&format!("{SHARING}?group_id={home}")).by(&second.access)).await;
    none.expect_failure(400, 108_023);
    // By what the node is theirs.
    let told = cloud.call(Call::get("/v1/user/nodes/sharing?node_id=n1").by(&guest.access)).await.expect(200);
    assert_eq!(told["node_sharing"][0]["sources"], json!([home]));
    cloud.share(&guest, "n1").await;
    let told = cloud.call(Call::get("/v1/user/nodes/sharing?node_id=n1").by(&guest.access)).await.expect(200);
    assert_eq!(told["node_sharing"][0]["sources"], json!(["NODE", home]));
}

#[tokio::test]
async fn whoever_has_a_room_has_no_more_than_that() {
    let Home { cloud, owner, second, guest, home, hall } = furnished().await;
    share(&cloud, &owner, &hall, (&guest, "c"), json!({ "primary": true })).await;
    assert_eq!(roles(&cloud, &guest).await, json!({ "n1": "primary" }));
    set(&cloud, &guest, "n1").await.expect(200);
    set(&cloud, &guest, "n2").await.expect_failure(400, REFUSED);
    // Who has a room alone does not get at the other nodes of the home by it.
    add(&cloud, &guest, &hall, &["n2"]).await.expect_failure(400, 108_013);
    set(&cloud, &guest, "n2").await.expect_failure(400, REFUSED);
    take(&cloud, &guest, &hall, &["n1"]).await.expect(200);
    add(&cloud, &owner, &hall, &["n1"]).await.expect(200);
    change(&cloud, &guest, &home, json!({ "group_name": "Mine" })).await.expect_failure(400, 108_023);
    let request = offered(&cloud, &guest, json!({ "groups": [hall], "user_name": "b@x.io", "transfer": true })).await;
    answer(&cloud, &second, &request, false).await.expect(200);
    offer(&cloud, &owner, json!({ "groups": [hall], "user_name": "b@x.io", "transfer": true })).await.expect_failure(400, 108_141);
    share(&cloud, &owner, &home, (&second, "b"), json!({})).await;
    revoke(&cloud, &owner, &hall, "b").await.expect_failure(400, 108_055);
    revoke(&cloud, &owner, &hall, "c").await.expect(200);
    assert_eq!((roles(&cloud, &guest).await, roles(&cloud, &second).await["n2"].clone()), (json!({}), json!("secondary")));
    delete(&cloud, &owner, &home).await.expect(200);
    assert_eq!(roles(&cloud, &second).await, json!({}));
    assert_eq!(records(&cloud, &format!("group#{hall}")).await, []);
}

#[tokio::test]
async fn primary_users_of_a_home_put_their_own_nodes_there_and_take_them_along() {
    let Home { cloud, owner, second, guest, home, hall } = furnished().await;
    cloud.light(&second, "s1").await;
    share(&cloud, &owner, &home, (&second, "b"), json!({ "primary": true })).await;
    assert_eq!(roles(&cloud, &second).await, json!({ "n1": "primary", "n2": "primary", "s1": "primary" }));
    add(&cloud, &second, &home, &["s1"]).await.expect(200);
    add(&cloud, &second, &hall, &["s1", "n2"]).await.expect(200);
    assert_eq!(roles(&cloud, &owner).await, json!({ "n1": "primary", "n2": "primary", "n3": "primary", "s1": "primary" }));
    set(&cloud, &owner, "s1").await.expect(200);
    // Nothing moves where it is put once more, nor is it counted twice.
    add(&cloud, &owner, &home, &["n1", "s1"]).await.expect(200);
    add(&cloud, &second, &home, &["n3"]).await.expect_failure(400, 108_013);
    assert_eq!(nodes(&cloud, &owner, &home).await, json!(["n1", "n2", "s1"]));
    share(&cloud, &second, &home, (&guest, "c"), json!({})).await;
    leave_group(&cloud, &second, &home).await.expect(200);
    assert_eq!(nodes(&cloud, &owner, &home).await, json!(["n1", "n2"]));
    assert_eq!(nodes(&cloud, &owner, &hall).await, json!(["n1", "n2"]));
    assert_eq!(roles(&cloud, &second).await, json!({ "s1": "primary" }));
    set(&cloud, &guest, "s1").await.expect_failure(400, REFUSED);
    set(&cloud, &guest, "n1").await.expect(200);
    leave_group(&cloud, &owner, &home).await.expect_failure(400, 108_142);
}

#[tokio::test]
async fn a_home_whose_owner_leaves_is_the_other_primary_users() {
    let Home { cloud, owner, second, home, hall, .. } = furnished().await;
    share(&cloud, &owner, &home, (&second, "b"), json!({ "primary": true })).await;
    cloud.light(&second, "s1").await;
    add(&cloud, &second, &home, &["s1"]).await.expect(200);
    leave_group(&cloud, &owner, &home).await.expect(200);
    assert_eq!(nodes(&cloud, &second, &home).await, json!(["s1"]));
    assert_eq!(nodes(&cloud, &second, &hall).await, json!([]));
    assert_eq!(roles(&cloud, &owner).await, json!({ "n1": "primary", "n2": "primary", "n3": "primary" }));
    // The name came with it, and is the first one's to give again.
    self::home(&cloud, &owner, "Home").await;
    let again = json!({ "group_name": "Home" });
    cloud.call(Call::post("/v1/user/node_group").by(&second.access).json(&again)).await.expect_failure(400, 108_007);
    let found = cloud.call(Call::get("/v1/user/node_group?group_name=Home").by(&second.access)).await.expect(200);
    assert_eq!(found[0]["groups"][0]["group_id"], json!(home));
    leave_group(&cloud, &second, &home).await.expect_failure(400, 108_142);
    delete(&cloud, &second, &home).await.expect(200);
    assert_eq!(records(&cloud, &format!("group#{home}")).await, []);
}

#[tokio::test]
async fn a_home_changes_hands_with_its_nodes() {
    for new_role in [Value::Null, json!("secondary")] {
        let Home { cloud, owner, second, guest, home, hall } = furnished().await;
        share(&cloud, &owner, &home, (&guest, "c"), json!({})).await;
        let list = cloud.group(&owner, json!({ "group_name": "Favourites", "nodes": ["n1", "n3"] })).await;
        share(&cloud, &owner, &home, (&second, "b"), json!({ "transfer": true, "new_role": new_role })).await;
        assert_eq!(roles(&cloud, &second).await, json!({ "n1": "primary", "n2": "primary" }));
        assert_eq!((nodes(&cloud, &second, &home).await, nodes(&cloud, &second, &hall).await), (json!(["n1", "n2"]), json!(["n1"])));
        assert_eq!(nodes(&cloud, &owner, &list).await, json!(["n3"]));
        let kept =
            if new_role.is_null() { json!({ "n3": "primary" }) } else { json!({ "n1": "secondary", "n2": "secondary", "n3": "primary" }) };
        assert_eq!(roles(&cloud, &owner).await, kept);
        assert_eq!(roles(&cloud, &guest).await, json!({ "n1": "secondary", "n2": "secondary" }));
        assert_eq!(requests(&cloud, &second, "").await, Vec::<Value>::new());
        // They are the new owner's own, to share and to give up.
        leave(&cloud, &owner, "n1").await.expect_failure(400, 103_013);
        leave(&cloud, &second, "n1").await.expect(200);
        assert_eq!(nodes(&cloud, &second, &home).await, json!(["n2"]));
        delete(&cloud, &second, &home).await.expect(200);
        assert_eq!(roles(&cloud, &guest).await, json!({}));
    }
}

#[tokio::test]
async fn a_list_has_each_node_once_in_the_strongest_role_on_pages_of_any_size() {
    let Home { cloud, owner, second, guest, home, .. } = furnished().await;
    for number in 0..9 {
        cloud.map(&guest, &format!("c{number}")).await;
        cloud.map(&second, &format!("m{number}")).await;
    }
    cloud.share(&guest, "n1").await;
    cloud.share(&guest, "n3").await;
    share(&cloud, &owner, &home, (&guest, "c"), json!({ "primary": true })).await;
    let theirs = cloud.group(&second, json!({ "group_name": "List", "nodes": ["m0", "m3", "m8"] })).await;
    share(&cloud, &second, &theirs, (&guest, "c"), json!({})).await;
    let all = ["c0", "c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8", "m0", "m3", "m8", "n1", "n2", "n3"];
    let expected = json!({ "m0": "secondary", "m8": "secondary", "n1": "primary", "n2": "primary", "n3": "secondary", "c0": "primary" });
    let told = roles(&cloud, &guest).await;
    assert!(expected.as_object().unwrap().iter().all(|(node, role)| told[node] == *role), "{told}");
    for size in 1..=16 {
        let (mut found, mut next, mut pages) = (Vec::new(), String::new(), 0);
        loop {
            let path = format!("/v1/user/nodes?num_records={size}{next}");
            let page = cloud.call(Call::get(&path).by(&guest.access)).await.expect(200);
            found.extend(page["nodes"].as_array().unwrap().iter().map(|node| node.as_str().unwrap().to_owned()));
            pages += 1;
            let Some(id) = page["next_id"].as_str() else { break };
            next = format!("&start_id={id}");
        }
        assert_eq!(found, all, "{size}");
        assert!(pages <= all.len() / size + 2, "{pages} pages of {size}");
    }
}

#[tokio::test]
async fn accounts_that_go_leave_homes_to_others() {
    let Home { cloud, owner, second, guest, home, .. } = furnished().await;
    share(&cloud, &owner, &home, (&second, "b"), json!({ "primary": true })).await;
    share(&cloud, &second, &home, (&guest, "c"), json!({})).await;
    let own = self::home(&cloud, &owner, "Own").await;
    offered(&cloud, &owner, json!({ "groups": [own], "user_name": "c@x.io" })).await;
    for (user, name) in [(&owner, "a@x.io"), (&guest, "c@x.io")] {
        cloud.call(Call::delete("/v1/user2?request=true").by(&user.access)).await.expect(200);
        let code = cloud.mail.code(name);
        cloud.call(Call::delete(&format!("/v1/user2?verification_code={code}")).by(&user.access)).await.expect(200);
        assert_eq!(records(&cloud, &format!("user#{}", user.id)).await, []);
    }
    assert_eq!(who_has(&cloud, &second, "").await[0]["users"], json!({ "primary": ["b@x.io"] }));
    assert_eq!(nodes(&cloud, &second, &home).await, json!([]));
    assert_eq!(records(&cloud, &format!("group#{own}")).await, []);
}

#[tokio::test]
async fn what_happens_to_groups_is_told() {
    let Home { cloud, owner, guest, home, .. } = furnished().await;
    cloud.events.listen();
    let list = cloud.group(&owner, json!({ "group_name": "List" })).await;
    let request = offered(&cloud, &owner, json!({ "groups": [home], "user_name": "c@x.io" })).await;
    answer(&cloud, &guest, &request, false).await.expect(200);
    share(&cloud, &owner, &home, (&guest, "c"), json!({})).await;
    revoke(&cloud, &owner, &home, "c").await.expect(200);
    share(&cloud, &owner, &home, (&guest, "c"), json!({})).await;
    leave_group(&cloud, &guest, &home).await.expect(200);
    delete(&cloud, &owner, &list).await.expect(200);
    let told = cloud.events.take();
    let kinds: Vec<_> =
        told.iter().map(|event| event["event_type"].as_str().unwrap().trim_start_matches("rmaker.event.user_node_group_")).collect();
    let expected = [
        "added",
        "sharing_add",
        "sharing_declined",
        "sharing_add",
        "sharing_accepted",
        "sharing_revoked",
        "sharing_add",
        "sharing_accepted",
        "sharing_left",
        "removed",
    ];
    assert_eq!(kinds, expected);
    let offer =
        json!({ "from": owner.id, "to": guest.id, "group_ids": [home], "role": "secondary", "transfer": false, "request_id": request });
    assert_eq!((&told[1]["user_ids"], &told[1]["data"]), (&json!([owner.id, guest.id]), &offer));
}

#[tokio::test]
async fn nodes_of_one_home_change_hands_together() {
    let Home { cloud, owner, second, guest, home, hall } = furnished().await;
    add(&cloud, &owner, &hall, &["n2"]).await.expect(200);
    let nodes_of = |more: Value| {
        let mut body = json!({ "nodes": ["n1", "n2"], "user_name": "b@x.io" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let request = super::sharing::offered(&cloud, &owner, nodes_of(json!({ "primary": true }))).await;
    super::sharing::accept(&cloud, &second, &request).await;
    let list = cloud.group(&second, json!({ "group_name": "List", "nodes": ["n1", "n2"] })).await;
    super::sharing::offer(&cloud, &owner, nodes_of(json!({}))).await.expect(200);
    assert_eq!(nodes(&cloud, &second, &list).await, json!([]), "a secondary user has them in no group");
    super::sharing::offer(&cloud, &owner, nodes_of(json!({ "primary": true }))).await.expect(200);
    add(&cloud, &second, &list, &["n1", "n2"]).await.expect(200);
    super::sharing::revoke(&cloud, &owner, "n1,n2", "b@x.io").await.expect(200);
    assert_eq!(nodes(&cloud, &second, &list).await, json!([]));
    let mut transfer = nodes_of(json!({ "transfer": true }));
    transfer["user_name"] = "c@x.io".into();
    let request = super::sharing::offered(&cloud, &owner, transfer).await;
    super::sharing::accept(&cloud, &guest, &request).await;
    assert_eq!(roles(&cloud, &guest).await, json!({ "n1": "primary", "n2": "primary" }));
    assert_eq!((nodes(&cloud, &owner, &home).await, nodes(&cloud, &owner, &hall).await), (json!([]), json!([])));
}

#[tokio::test]
async fn who_is_put_out_does_not_come_back_by_what_was_offered() {
    let Home { cloud, owner, guest, home, hall, .. } = furnished().await;
    share(&cloud, &owner, &hall, (&guest, "c"), json!({})).await;
    let request = offered(&cloud, &owner, json!({ "groups": [home], "user_name": "c@x.io" })).await;
    // Nothing of the home is theirs yet: it is the offer that is taken.
    revoke(&cloud, &owner, &home, "c").await.expect(200);
    answer(&cloud, &guest, &request, true).await.expect_failure(400, 108_037);
    assert_eq!(roles(&cloud, &guest).await, json!({ "n1": "secondary" }));
}

#[tokio::test]
async fn a_home_that_is_handed_over_takes_the_place_of_another_with_its_rooms() {
    let Home { cloud, owner, second, home, .. } = furnished().await;
    let request = super::sharing::offered(&cloud, &owner, json!({ "nodes": ["n1"], "user_name": "b@x.io", "primary": true })).await;
    super::sharing::accept(&cloud, &second, &request).await;
    let theirs = self::home(&cloud, &second, "Theirs").await;
    let room = room(&cloud, &second, &theirs, "Room").await;
    add(&cloud, &second, &theirs, &["n1"]).await.expect(200);
    add(&cloud, &second, &room, &["n1"]).await.expect(200);
    share(&cloud, &owner, &home, (&second, "b"), json!({ "transfer": true })).await;
    assert_eq!(nodes(&cloud, &second, &home).await, json!(["n1", "n2"]));
    assert_eq!((nodes(&cloud, &second, &theirs).await, nodes(&cloud, &second, &room).await), (json!([]), json!([])));
    delete(&cloud, &second, &theirs).await.expect(200);
}

#[tokio::test]
async fn groups_that_are_handed_over_together_keep_what_they_share() {
    let Home { cloud, owner, second, home, .. } = furnished().await;
    let list = cloud.group(&owner, json!({ "group_name": "List", "nodes": ["n1", "n3"] })).await;
    let request = offered(&cloud, &owner, json!({ "groups": [home, list], "user_name": "b@x.io", "transfer": true })).await;
    answer(&cloud, &second, &request, true).await.expect(200);
    assert_eq!((nodes(&cloud, &second, &home).await, nodes(&cloud, &second, &list).await), (json!(["n1", "n2"]), json!(["n1", "n3"])));
    assert_eq!(roles(&cloud, &owner).await, json!({}));
}

#[tokio::test]
async fn an_account_that_goes_takes_no_room_of_somebody_elses_home() {
    let Home { cloud, owner, guest, hall, .. } = furnished().await;
    share(&cloud, &owner, &hall, (&guest, "c"), json!({ "primary": true })).await;
    cloud.call(Call::delete("/v1/user2?request=true").by(&guest.access)).await.expect(200);
    let code = cloud.mail.code("c@x.io");
    cloud.call(Call::delete(&format!("/v1/user2?verification_code={code}")).by(&guest.access)).await.expect(200);
    assert_eq!(nodes(&cloud, &owner, &hall).await, json!(["n1"]));
    assert_eq!(who_has(&cloud, &owner, &format!("group_id={hall}")).await[0]["users"], json!({ "primary": ["a@x.io"] }));
}

#[tokio::test]
async fn of_several_groups_all_are_left_or_none() {
    let Home { cloud, owner, second, home, .. } = furnished().await;
    let own = self::home(&cloud, &second, "Own").await;
    share(&cloud, &owner, &home, (&second, "b"), json!({})).await;
    revoke(&cloud, &second, &format!("{home},{own}"), "b").await.expect_failure(400, 108_142);
    assert_eq!(roles(&cloud, &second).await, json!({ "n1": "secondary", "n2": "secondary" }));
    let body = json!({ "group_name": "Renamed", "operation": "add", "nodes": ["n1"] });
    change(&cloud, &second, &own, body).await.expect_failure(400, 108_013);
    assert_eq!(one(&cloud, &second, &own, "").await["group_name"], "Own");
}

#[tokio::test]
async fn what_a_guest_of_a_home_asks_of_a_node_that_is_off_waits_for_it() {
    let Home { cloud, owner, guest, home, .. } = furnished().await;
    share(&cloud, &owner, &home, (&guest, "c"), json!({})).await;
    cloud.presence("n1", false, 2).await.unwrap();
    set(&cloud, &guest, "n1").await.expect(200);
    let ask = json!({ "node_ids": ["n1"], "cmd": 4096, "data": {}, "timeout": 600 });
    let asked = cloud.call(Call::post("/v1/user/nodes/cmd").by(&guest.access).json(&ask)).await.json();
    let id = asked["request_id"].as_str().unwrap_or_default().to_owned();
    let told = cloud.call(Call::get(&format!("/v1/user/nodes/cmd?request_id={id}")).by(&guest.access)).await.expect(200);
    assert_eq!(told["total"], 1, "{asked} {told}");
    cloud.fleet.take();
    cloud.presence("n1", true, 3).await.unwrap();
    cloud.fleet.take();
    revoke(&cloud, &owner, &home, "c").await.expect(200);
    let told = cloud.call(Call::get(&format!("/v1/user/nodes/cmd?request_id={id}")).by(&guest.access)).await.expect(200);
    assert_eq!(told["total"], 0, "{told}");
}

#[tokio::test]
async fn a_home_that_is_handed_over_belongs_to_whom_it_was_given() {
    let Home { cloud, owner, second, guest, home, hall } = furnished().await;
    for (user, name) in [(&second, "b"), (&guest, "c")] {
        share(&cloud, &owner, &hall, (user, name), json!({ "primary": true })).await;
        share(&cloud, &owner, &home, (user, name), json!({ "primary": true })).await;
    }
    offer(&cloud, &owner, json!({ "groups": [home], "user_name": "c@x.io", "transfer": true })).await.expect(200);
    let found = |user: &User| cloud.call(Call::get("/v1/user/node_group?group_name=Home").by(&user.access));
    assert_eq!(found(&guest).await.expect(200)[0]["groups"][0]["group_id"], json!(home));
    let again = json!({ "group_name": "Home" });
    cloud.call(Call::post("/v1/user/node_group").by(&guest.access).json(&again)).await.expect_failure(400, 108_007);
    cloud.call(Call::post("/v1/user/node_group").by(&second.access).json(&again)).await.expect(200);
    assert_eq!(who_has(&cloud, &guest, &format!("group_id={home}")).await[0]["users"]["primary"], json!(["b@x.io", "c@x.io"]));
    // Nobody is bound to a room that is shared by itself.
    for user in [&second, &guest] {
        leave_group(&cloud, user, &hall).await.expect(200);
    }
}
