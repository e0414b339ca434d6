//! Tags, metadata and administrators' access: what changes them, who, what ends them, and lists by tags.

use futures_util::future::join_all;
use serde_json::{Value, json};
use shared::{
    Refusal,
    access::{Caller, grant, role::Secondary},
    node::details::{self, Change, Given},
};
use tests::{Answer, Call, Cloud, User};

async fn put(cloud: &Cloud, user: &User, node: &str, body: &str) -> Answer {
    cloud.call(Call::put(&format!("/v1/user/nodes?node_id={node}")).by(&user.access).text(body)).await
}

async fn untag(cloud: &Cloud, user: &User, node: &str, body: &str) -> Answer {
    cloud.call(Call::delete(&format!("/v1/user/nodes?node_id={node}")).by(&user.access).text(body)).await
}

async fn list(cloud: &Cloud, user: &User, query: &str) -> Answer {
    cloud.call(Call::get(&format!("/v1/user/nodes?{query}")).by(&user.access)).await
}

async fn given(cloud: &Cloud, user: &User, node: &str) -> Value {
    let details = list(cloud, user, &format!("node_id={node}")).await.expect(200)["node_details"][0].clone();
    json!([details["tags"], details["metadata"], details["admin_access"]])
}

async fn light() -> (Cloud, User) {
    let cloud = Cloud::new();
    let user = cloud.user("a").await;
    cloud.light(&user, "n1").await;
    (cloud, user)
}

#[tokio::test]
async fn what_is_given_is_shown_with_the_text_of_its_numbers() {
    let (cloud, user) = light().await;
    put(&cloud, &user, "n1", r#"{"tags":["location:pune","name:esp","name:esp"],"metadata":{"f":27.30000,"i":7,"l":[1,2],"o":{"x":1}}}"#)
        .await
        .expect(200);
    put(&cloud, &user, "n1", r#"{"metadata":{"l":[3],"o":{"x":null,"y":2},"new":"/"}}"#).await.expect(200);
    put(&cloud, &user, "n1", r#"{"metadata":{}}"#).await.expect(200);
    put(&cloud, &user, "n1", "").await.expect(200);
    for query in ["node_id=n1", "node_details=true"] {
        let body = list(&cloud, &user, query).await.body;
        assert!(
            body.contains(r#""metadata":{"f":27.30000,"i":7,"l":[3],"new":"/","o":{"y":2}},"tags":["location:pune","name:esp"],"status""#),
            "{body}"
        );
    }
    untag(&cloud, &user, "n1", r#"{"tags":["name:esp","never:there"]}"#).await.expect(200);
    put(&cloud, &user, "n1", r#"{"metadata":null}"#).await.expect(200);
    assert_eq!(given(&cloud, &user, "n1").await, json!([["location:pune"], {}, null]));
    let bare = list(&cloud, &user, "node_details=true&show_tags=false").await.expect(200);
    assert!(bare["node_details"][0].get("tags").is_none(), "{bare}");
}

#[tokio::test]
async fn what_does_not_fit_is_refused_and_changes_nothing() {
    let (cloud, user) = light().await;
    let (guest, stranger) = (cloud.user("g").await, cloud.user("s").await);
    cloud.share(&guest, "n1").await;
    put(&cloud, &user, "n1", r#"{"tags":["a:1"],"metadata":{"k":1}}"#).await.expect(200);
    let before = given(&cloud, &user, "n1").await;
    let long = format!(r#"{{"metadata":{{"k":"{}"}}}}"#, "x".repeat(20_000));
    for (body, code) in [
        (r#"{"tags":["b:2","nonsense"]}"#, 105_046),
        (r#"{"tags":"b:2"}"#, 100_006),
        (r#"{"tags":["b:2"],"metadata":[1]}"#, 100_006),
        (r#"{"tags":["b:2"],"grant_admin_access":"ALL"}"#, 107_036),
        (&long, 100_036),
    ] {
        put(&cloud, &user, "n1", body).await.expect_failure(400, code);
    }
    put(&cloud, &guest, "n1", r#"{"tags":["b:2"],"grant_admin_access":"READ"}"#).await.expect_failure(400, 107_038);
    let many: Vec<_> = (0..50).map(|number| format!("k:{number}")).collect();
    put(&cloud, &user, "n1", &json!({ "tags": many }).to_string()).await.expect_failure(400, 105_046);
    put(&cloud, &stranger, "n1", r#"{"tags":["b:2"]}"#).await.expect_failure(400, 103_020);
    untag(&cloud, &stranger, "n1", r#"{"tags":["a:1"]}"#).await.expect_failure(400, 100_010);
    for body in ["{}", r#"{"tags":[]}"#, r#"{"tags":null}"#] {
        untag(&cloud, &user, "n1", body).await.expect_failure(400, 100_006);
    }
    untag(&cloud, &user, "n1", r#"{"tags":["a:1","b"]}"#).await.expect_failure(400, 105_046);
    cloud.call(Call::put("/v1/user/nodes").by(&user.access).text("{}")).await.expect_failure(400, 100_009);
    cloud.call(Call::delete("/v1/user/nodes").by(&user.access).text(r#"{"tags":["a:1"]}"#)).await.expect_failure(400, 105_018);
    cloud.call(Call::get("/v1/user/nodes/status?node_id=n1").by(&stranger.access)).await.expect_failure(400, 103_020);
    assert_eq!(given(&cloud, &user, "n1").await, before);
}

#[tokio::test]
async fn everybody_who_has_the_node_tags_it_and_primary_users_open_it_to_administrators() {
    let (cloud, user) = light().await;
    let guest = cloud.user("g").await;
    cloud.share(&guest, "n1").await;
    put(&cloud, &guest, "n1", r#"{"tags":["room:attic"],"metadata":{"k":1}}"#).await.expect(200);
    for word in ["READ", "WRITE", "NONE"] {
        put(&cloud, &user, "n1", &json!({ "grant_admin_access": word }).to_string()).await.expect(200);
        assert_eq!(given(&cloud, &guest, "n1").await, json!([["room:attic"], { "k": 1 }, word]));
    }
}

#[tokio::test]
async fn of_changes_at_the_same_moment_none_is_lost() {
    let (cloud, user) = light().await;
    let bodies: Vec<_> =
        (0..8).map(|number| json!({ "tags": [format!("k:{number}")], "metadata": { format!("m{number}"): number } }).to_string()).collect();
    for answer in join_all(bodies.iter().map(|body| put(&cloud, &user, "n1", body))).await {
        answer.expect(200);
    }
    let now = given(&cloud, &user, "n1").await;
    assert_eq!((now[0].as_array().unwrap().len(), now[1].as_object().unwrap().len()), (8, 8), "{now}");
}

#[tokio::test]
async fn who_has_the_node_no_more_gives_it_nothing_however_late() {
    let (cloud, user) = light().await;
    let other = cloud.user("b").await;
    let caller = Caller::of(cloud.ports(), &user.access).await.unwrap();
    let granted = async || grant::grant::<Secondary, Given>(cloud.ports(), &caller, "n1".parse().unwrap()).await.unwrap();
    let (early, late) = (granted().await, granted().await);
    let change = Change::new(vec!["mine:1".to_owned()], None, None).unwrap();
    details::change(cloud.ports(), &caller, early, &change).await.unwrap();
    cloud.map(&other, "n1").await;
    let refused = details::change(cloud.ports(), &caller, late, &change).await;
    assert!(matches!(refused, Err(shared::Error::Refused(Refusal::NotYourNode))), "{refused:?}");
    assert_eq!(given(&cloud, &other, "n1").await, json!([[], {}, null]));
}

async fn ask(cloud: &Cloud, user: &User, node: &str, more: Value) -> Answer {
    let mut body = json!({ "node_id": node, "secret_key": "s", "operation": "add" });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    cloud.call(Call::put("/v1/user/nodes/mapping").by(&user.access).json(&body)).await
}

async fn tell(cloud: &Cloud, user: &User, node: &str, reset: bool) {
    let half = json!({ "node_id": node, "user_id": user.id, "secret_key": "s", "reset": reset });
    cloud.publish(node, "user/mapping", &half.to_string()).await.unwrap();
}

#[tokio::test]
async fn what_comes_with_a_request_is_the_nodes_when_it_is_confirmed() {
    let cloud = Cloud::new();
    let (user, other) = (cloud.user("a").await, cloud.user("b").await);
    ask(&cloud, &user, "n1", json!({ "tags": ["nonsense"] })).await.expect_failure(400, 105_046);
    ask(&cloud, &user, "n1", json!({ "metadata": 7 })).await.expect_failure(400, 100_006);
    tell(&cloud, &user, "n1", false).await;
    assert_eq!(list(&cloud, &user, "").await.expect(200)["nodes"], json!([]), "a refused request is none");
    ask(&cloud, &user, "n1", json!({ "tags": ["a:1"], "metadata": { "k": 1 } })).await.expect(200);
    assert_eq!(given(&cloud, &user, "n1").await, json!([["a:1"], { "k": 1 }, null]));
    // The same user again: it joins what is there.
    put(&cloud, &user, "n1", r#"{"tags":["own:1"],"grant_admin_access":"READ"}"#).await.expect(200);
    ask(&cloud, &user, "n1", json!({ "tags": ["a:2"], "metadata": { "k": 2 } })).await.expect(200);
    tell(&cloud, &user, "n1", false).await;
    assert_eq!(given(&cloud, &user, "n1").await, json!([["a:1", "own:1", "a:2"], { "k": 2 }, "READ"]));
    ask(&cloud, &user, "n1", json!({})).await.expect(200);
    tell(&cloud, &user, "n1", false).await;
    assert_eq!(given(&cloud, &user, "n1").await, json!([["a:1", "own:1", "a:2"], { "k": 2 }, "READ"]));
    // Another user, and a reset: what was there goes.
    ask(&cloud, &other, "n1", json!({ "tags": ["b:1"] })).await.expect(200);
    tell(&cloud, &other, "n1", false).await;
    assert_eq!(given(&cloud, &other, "n1").await, json!([["b:1"], {}, null]));
    ask(&cloud, &other, "n1", json!({ "metadata": { "new": 1 } })).await.expect(200);
    tell(&cloud, &other, "n1", true).await;
    assert_eq!(given(&cloud, &other, "n1").await, json!([[], { "new": 1 }, null]));
}

#[tokio::test]
async fn what_users_gave_goes_with_the_last_of_them() {
    let reset = r#"{"node_id":"n1","user_id":"esp-rmaker","secret_key":"failed","reset":true}"#;
    for how in ["remove", "reset", "delete"] {
        let (cloud, user) = light().await;
        let guest = cloud.user("g").await;
        cloud.share(&guest, "n1").await;
        put(&cloud, &user, "n1", r#"{"tags":["a:1"],"metadata":{"k":1},"grant_admin_access":"WRITE"}"#).await.expect(200);
        let remove = |user: &User| {
            cloud.call(Call::put("/v1/user/nodes/mapping").by(&user.access).json(&json!({ "node_id": "n1", "operation": "remove" })))
        };
        remove(&guest).await.expect(200);
        assert_eq!(given(&cloud, &user, "n1").await[0], json!(["a:1"]), "others leave, it stays");
        match how {
            "remove" => drop(remove(&user).await.expect(200)),
            "reset" => cloud.publish("n1", "user/mapping", reset).await.unwrap(),
            _ => drop(cloud.call(Call::delete("/v1/user/nodes/n1").by(&user.access)).await.expect(200)),
        }
        cloud.map(&user, "n1").await;
        assert_eq!(given(&cloud, &user, "n1").await, json!([[], {}, null]), "{how}");
    }
}

#[tokio::test]
async fn deleting_a_node_is_for_primary_users_and_takes_it_from_all() {
    let (cloud, user) = light().await;
    let (guest, stranger) = (cloud.user("g").await, cloud.user("s").await);
    cloud.share(&guest, "n1").await;
    for number in 0..90 {
        cloud.share(&User { id: format!("guest{number}"), access: String::new(), refresh: String::new() }, "n1").await;
    }
    cloud.clock.pass(1);
    cloud.presence("n1", false, 1).await.unwrap();
    let wish = json!({ "Light": { "Power": true } });
    cloud.call(Call::put("/v1/user/nodes/params?node_id=n1").by(&user.access).json(&wish)).await.expect(200);
    ask(&cloud, &user, "n1", json!({})).await.expect(200);
    let delete = |user: &User, node: &str| cloud.call(Call::delete(&format!("/v1/user/nodes/{node}")).by(&user.access));
    delete(&stranger, "n1").await.expect_failure(400, 103_055);
    delete(&guest, "n1").await.expect_failure(400, 107_085);
    delete(&user, "n2").await.expect_failure(400, 103_055);
    delete(&user, "n%2F1").await.expect_failure(400, 103_055);
    assert_eq!(list(&cloud, &guest, "").await.expect(200)["total"], 1);
    delete(&user, "n1").await.expect(200);
    delete(&user, "n1").await.expect_failure(400, 103_055);
    for gone in [&user, &guest] {
        assert_eq!(list(&cloud, gone, "").await.expect(200)["nodes"], json!([]));
    }
    // The user's half of a mapping that waited is gone, and what was wanted too.
    tell(&cloud, &user, "n1", false).await;
    assert_eq!(list(&cloud, &user, "").await.expect(200)["nodes"], json!([]));
    cloud.map(&user, "n1").await;
    cloud.fleet.take();
    cloud.subscribe("n1").await.unwrap();
    assert_eq!(cloud.fleet.take(), []);
    assert_eq!(cloud.params(&user, "n1").await["Light"]["Brightness"], 25, "what the node told stays");
}

#[tokio::test]
async fn pages_by_tags_hold_all_that_fit_and_each_is_bounded_work() {
    let cloud = Cloud::new();
    let user = cloud.user("a").await;
    for number in 0..230 {
        let node = format!("n{number:03}");
        cloud.map(&user, &node).await;
        if number % 20 == 3 {
            put(&cloud, &user, &node, &json!({ "tags": ["kind:rare", format!("parity:{}", number / 20 % 2)] }).to_string())
                .await
                .expect(200);
        }
    }
    let rare: Vec<_> = (0..230).filter(|number| number % 20 == 3).map(|number| format!("n{number:03}")).collect();
    let even: Vec<_> = rare.iter().step_by(2).cloned().collect();
    for (query, expected) in [
        ("tags=kind:rare", &rare),
        ("tags=kind:rare&num_records=2", &rare),
        ("tags=kind:rare+AND+parity:0&node_details=true&num_records=4&config=false", &even),
        ("tags=parity:0%20OR%20parity:1&node_details=true", &rare),
        ("tags=kind:none", &Vec::new()),
    ] {
        let (mut seen, mut start) = (Vec::new(), String::new());
        loop {
            cloud.meter.take();
            let page = list(&cloud, &user, &format!("{query}&start_id={start}")).await.expect(200);
            let used = cloud.meter.take();
            assert!(used.query.items <= 100 && used.get_many.items <= 300 && used.get_many.calls <= 2, "{query}: {used}");
            seen.extend(page["nodes"].as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()));
            let Some(next) = page.get("next_id") else { break };
            next.as_str().unwrap().clone_into(&mut start);
        }
        assert_eq!(&seen, expected, "{query}");
    }
    list(&cloud, &user, "tags=a:1+AND+b:1+OR+c:1").await.expect_failure(400, 105_042);
    list(&cloud, &user, "tags=nonsense").await.expect_failure(400, 105_046);
    assert_eq!(
        list(&cloud, &user, "is_matter=true&node_details=true").await.expect(200),
        json!({ "nodes": [], "node_details": [], "total": 0 })
    );
}
