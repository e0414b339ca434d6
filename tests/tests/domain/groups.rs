//! Groups of nodes: homes, rooms, and what is in them.

use serde_json::{Value, json};
use shared::port::table::{Query, Record, TableId};
use tests::{Answer, Call, Cloud, User};

const PATH: &str = "/v1/user/node_group";

pub(super) async fn get(cloud: &Cloud, user: &User, query: &str) -> Answer {
    cloud.call(Call::get(&format!("{PATH}?{query}")).by(&user.access)).await
}

async fn groups(cloud: &Cloud, user: &User, query: &str) -> Vec<Value> {
    get(cloud, user, query).await.expect(200)["groups"].as_array().unwrap().clone()
}

pub(super) async fn one(cloud: &Cloud, user: &User, group: &str, query: &str) -> Value {
    groups(cloud, user, &format!("group_id={group}&{query}")).await.remove(0)
}

pub(super) async fn make(cloud: &Cloud, user: &User, body: Value) -> Answer {
    cloud.call(Call::post(PATH).by(&user.access).json(&body)).await
}

pub(super) async fn change(cloud: &Cloud, user: &User, group: &str, body: Value) -> Answer {
    cloud.call(Call::put(&format!("{PATH}?group_id={group}")).by(&user.access).json(&body)).await
}

pub(super) async fn add(cloud: &Cloud, user: &User, group: &str, nodes: &[&str]) -> Answer {
    change(cloud, user, group, json!({ "operation": "add", "nodes": nodes })).await
}

pub(super) async fn take(cloud: &Cloud, user: &User, group: &str, nodes: &[&str]) -> Answer {
    change(cloud, user, group, json!({ "operation": "remove", "nodes": nodes })).await
}

pub(super) async fn delete(cloud: &Cloud, user: &User, group: &str) -> Answer {
    cloud.call(Call::delete(&format!("{PATH}?group_id={group}")).by(&user.access)).await
}

pub(super) async fn nodes(cloud: &Cloud, user: &User, group: &str) -> Value {
    let group = one(cloud, user, group, "node_list=true").await;
    assert_eq!(group["total"], group["nodes"].as_array().unwrap().len());
    group["nodes"].clone()
}

pub(super) async fn home(cloud: &Cloud, user: &User, name: &str) -> String {
    cloud.group(user, json!({ "group_name": name, "type": "home", "mutually_exclusive": true })).await
}

pub(super) async fn room(cloud: &Cloud, user: &User, home: &str, name: &str) -> String {
    let body = json!({ "group_name": name, "parent_group_id": home, "type": "room", "mutually_exclusive": true });
    cloud.group(user, body).await
}

/// Every record of the partition but for names.
pub(super) async fn records(cloud: &Cloud, partition: &str) -> Vec<Record> {
    cloud.ports().table.query(Query::prefix(TableId::Access, partition, "", 1000)).await.unwrap().records
}

/// A cloud whose user has three lights.
pub(super) async fn lit() -> (Cloud, User) {
    let cloud = Cloud::new();
    let user = cloud.user("a").await;
    for node in ["n1", "n2", "n3"] {
        cloud.light(&user, node).await;
    }
    (cloud, user)
}

#[tokio::test]
async fn a_group_has_the_shape_that_clients_read() {
    let (cloud, user) = lit().await;
    let body = json!({
        "group_name": "Home", "type": "home", "mutually_exclusive": true, "description": "Ours", "nodes": ["n2", "n1"],
        "custom_data": { "icon": 7, "none": null },
    });
    let home = cloud.group(&user, body).await;
    let body = json!({ "group_name": "Kitchen", "parent_group_id": home, "nodes": ["n1"], "group_metadata": { "floor": 1 } });
    let kitchen = cloud.group(&user, body).await;
    let base = json!({
        "group_id": home, "group_name": "Home", "primary": true, "type": "home", "mutually_exclusive": true, "is_matter": false, "total": 2,
        "description": "Ours", "custom_data": { "icon": 7 }, "group_metadata": { "icon": 7 },
    });
    let sub = json!({
        "group_id": kitchen, "group_name": "Kitchen", "primary": true, "parent_group_id": home, "mutually_exclusive": false,
        "is_matter": false, "total": 1, "custom_data": { "floor": 1 }, "group_metadata": { "floor": 1 },
    });
    let with = |mut group: Value, more: Value| {
        group.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        group
    };
    let list = get(&cloud, &user, "").await.expect(200);
    assert_eq!(list, json!({ "groups": [base], "total": 1 }));
    let whole = with(
        base.clone(),
        json!({ "nodes": ["n1", "n2"], "sub_groups": [with(sub.clone(), json!({ "nodes": ["n1"], "sub_groups": [] }))] }),
    );
    assert_eq!(groups(&cloud, &user, "node_list=true&sub_groups=true").await, std::slice::from_ref(&whole));
    assert_eq!(one(&cloud, &user, &home, "node_list=true&sub_groups=true").await, whole);
    assert_eq!(one(&cloud, &user, &home, "fabric_details=true&matter_node_list=false&start_id=").await, base);
    assert_eq!(one(&cloud, &user, &kitchen, "").await, sub);
    // By name it is an array of such answers.
    assert_eq!(get(&cloud, &user, "group_name=Home").await.expect(200), json!([{ "groups": [base] }]));
    let detailed = one(&cloud, &user, &home, "node_details=true&node_list=true&sub_groups=true").await;
    let node = cloud.call(Call::get("/v1/user/nodes?node_id=n1").by(&user.access)).await.expect(200)["node_details"][0].clone();
    assert_eq!(detailed["node_details"][0], node);
    assert_eq!((detailed["node_details"].as_array().unwrap().len(), detailed.get("nodes")), (2, None));
    assert_eq!(detailed["sub_groups"][0]["node_details"], json!([node]));
    assert_eq!(one(&cloud, &user, &home, "matter_node_list=true").await["node_details"], json!([]));
}

#[tokio::test]
async fn what_is_no_group_is_refused() {
    let (cloud, user) = lit().await;
    let stranger = cloud.user("b").await;
    cloud.share(&stranger, "n1").await;
    let (home, theirs) = (home(&cloud, &user, "Home").await, home(&cloud, &stranger, "Home").await);
    let many: Vec<_> = (0..101).map(|number| format!("n{number}")).collect();
    for (body, code) in [
        (json!({}), 108_001),
        (json!({ "group_name": " Home" }), 108_002),
        (json!({ "group_name": "a|b" }), 108_002),
        (json!({ "group_name": 7 }), 100_006),
        (json!({ "group_name": "X", "custom_data": [] }), 100_006),
        (json!({ "group_name": "X", "custom_data": { "k": "x".repeat(17_000) } }), 100_036),
        (json!({ "group_name": "X", "nodes": many }), 108_003),
        (json!({ "group_name": "Home" }), 108_007),
        (json!({ "group_name": "X", "parent_group_id": theirs }), 108_009),
        (json!({ "group_name": "X", "parent_group_id": "nowhere" }), 108_009),
        (json!({ "group_name": "X", "parent_group_id": "a/b" }), 108_009),
        (json!({ "group_name": "X", "nodes": ["n1", "elsewhere"] }), 108_013),
        (json!({ "group_name": "X", "nodes": ["a/b"] }), 108_013),
        (json!({ "group_name": "X", "parent_group_id": home, "nodes": ["n1"] }), 108_015),
        (json!({ "group_name": "X", "description": "x".repeat(500) }), 108_025),
        (json!({ "group_name": "X", "type": "x".repeat(257) }), 100_012),
        (json!({ "group_name": "X", "parent_group_id": home, "is_matter": true }), 108_080),
    ] {
        make(&cloud, &user, body).await.expect_failure(400, code);
    }
    make(&cloud, &stranger, json!({ "group_name": "X", "nodes": ["n1"] })).await.expect_failure(400, 108_013);
    assert_eq!(groups(&cloud, &user, "").await.len(), 1, "nothing was made");
    for (query, status, code) in [
        (format!("group_id={theirs}"), 400, 108_023),
        ("group_id=nowhere".to_owned(), 400, 108_023),
        (format!("group_id={home}&group_name=Home"), 400, 108_030),
        ("group_name=House".to_owned(), 404, 108_029),
        ("start_id=!".to_owned(), 400, 105_043),
    ] {
        get(&cloud, &user, &query).await.expect_failure(status, code);
    }
    for (body, code) in [
        (json!({}), 108_024),
        (json!({ "group_name": "" }), 108_002),
        (json!({ "operation": "add" }), 108_003),
        (json!({ "operation": "add", "nodes": [] }), 108_003),
        (json!({ "operation": "swap", "nodes": ["n1"] }), 108_017),
        (json!({ "nodes": ["n1"] }), 108_017),
        (json!({ "operation": "add", "nodes": ["n1", "elsewhere"] }), 108_013),
        (json!({ "group_name": "X", "parent_group_id": "elsewhere" }), 108_009),
        (json!({ "is_matter": true }), 108_127),
        (json!({ "operation": "add", "csr_type": "user", "csr_requests": [] }), 108_127),
        (json!({ "request_id": "r", "status": "success" }), 108_127),
    ] {
        change(&cloud, &user, &home, body).await.expect_failure(400, code);
    }
    change(&cloud, &user, &theirs, json!({ "group_name": "X" })).await.expect_failure(400, 108_023);
    change(&cloud, &user, "", json!({ "group_name": "X" })).await.expect_failure(400, 108_016);
    change(&cloud, &user, "", json!({ "operation": "add", "csr_type": "node", "csr_requests": [{}] })).await.expect_failure(400, 108_127);
    for (query, code) in [
        (String::new(), 108_016),
        (format!("group_id={theirs}"), 108_023),
        (format!("group_id={home}&leave=true"), 108_142),
        (format!("group_id={home}&leave=true&remove_sharing=true"), 108_140),
        (format!("group_id={home}&remove_sharing=true"), 108_139),
        (format!("group_id={home}&user_name=b@x.io"), 108_139),
        (format!("group_id={home}&remove_sharing=true&user_name=A@x.io"), 108_141),
        (format!("group_id={home}&remove_sharing=true&user_name=b@x.io"), 108_048),
    ] {
        cloud.call(Call::delete(&format!("{PATH}?{query}")).by(&user.access)).await.expect_failure(400, code);
    }
    let left = one(&cloud, &user, &home, "node_list=true").await;
    assert_eq!((&left["group_name"], &left["nodes"]), (&json!("Home"), &json!([])));
}

#[tokio::test]
async fn a_fabric_keeps_its_flag_and_its_id() {
    let (cloud, user) = lit().await;
    let made = make(&cloud, &user, json!({ "group_name": "Home", "is_matter": true })).await.expect(200);
    let id = made["fabric_id"].as_str().unwrap();
    assert!(id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
    home(&cloud, &user, "Other").await;
    let fabrics = groups(&cloud, &user, "is_matter=true&fabric_details=true").await;
    assert_eq!(fabrics.len(), 1);
    assert_eq!(
        (&fabrics[0]["fabric_id"], &fabrics[0]["is_matter"], &fabrics[0]["group_id"]),
        (&made["fabric_id"], &json!(true), &made["group_id"])
    );
    assert_eq!(groups(&cloud, &user, "").await.len(), 2);
}

#[tokio::test]
async fn groups_are_in_each_other_three_levels_deep() {
    let (cloud, user) = lit().await;
    let home = home(&cloud, &user, "Home").await;
    let floor = room(&cloud, &user, &home, "Floor").await;
    let kitchen = room(&cloud, &user, &floor, "Kitchen").await;
    make(&cloud, &user, json!({ "group_name": "Shelf", "parent_group_id": kitchen })).await.expect_failure(400, 108_011);
    // Names are unique among those with one parent.
    make(&cloud, &user, json!({ "group_name": "Floor", "parent_group_id": home })).await.expect_failure(400, 108_007);
    let other = room(&cloud, &user, &home, "Kitchen").await;
    change(&cloud, &user, &other, json!({ "group_name": "Floor" })).await.expect_failure(400, 108_007);
    change(&cloud, &user, &other, json!({ "group_name": "Hall" })).await.expect(200);
    make(&cloud, &user, json!({ "group_name": "Kitchen", "parent_group_id": home })).await.expect(200);
    let tree = one(&cloud, &user, &home, "sub_groups=true").await;
    let floor_shown = tree["sub_groups"].as_array().unwrap().iter().find(|group| group["group_id"] == floor.as_str()).unwrap();
    assert_eq!((tree["sub_groups"].as_array().unwrap().len(), &floor_shown["sub_groups"][0]["group_id"]), (3, &json!(kitchen)));
    assert_eq!(groups(&cloud, &user, "").await.len(), 1, "those inside are shown with the one around them");
    assert_eq!(one(&cloud, &user, &floor, "sub_groups=true").await["sub_groups"][0]["group_name"], "Kitchen");
    // A node is in those around it too.
    add(&cloud, &user, &home, &["n1"]).await.expect(200);
    add(&cloud, &user, &kitchen, &["n1"]).await.expect_failure(400, 108_015);
    add(&cloud, &user, &floor, &["n1"]).await.expect(200);
    add(&cloud, &user, &kitchen, &["n1"]).await.expect(200);
    take(&cloud, &user, &home, &["n1", "n2"]).await.expect(200);
    for group in [&home, &floor, &kitchen] {
        assert_eq!(nodes(&cloud, &user, group).await, json!([]));
    }
}

#[tokio::test]
async fn a_node_is_in_one_home_and_in_one_of_its_rooms() {
    let (cloud, user) = lit().await;
    let (first, second) = (home(&cloud, &user, "First").await, home(&cloud, &user, "Second").await);
    let (hall, bath) = (room(&cloud, &user, &first, "Hall").await, room(&cloud, &user, &first, "Bath").await);
    let any = cloud.group(&user, json!({ "group_name": "Favourites", "type": "home", "nodes": ["n1"] })).await;
    let office = cloud.group(&user, json!({ "group_name": "Office", "type": "office", "mutually_exclusive": true, "nodes": ["n1"] })).await;
    add(&cloud, &user, &first, &["n1", "n2"]).await.expect(200);
    add(&cloud, &user, &hall, &["n1", "n2"]).await.expect(200);
    add(&cloud, &user, &bath, &["n1"]).await.expect(200);
    assert_eq!((nodes(&cloud, &user, &hall).await, nodes(&cloud, &user, &bath).await), (json!(["n2"]), json!(["n1"])));
    add(&cloud, &user, &second, &["n1"]).await.expect(200);
    for (group, expected) in [(&first, json!(["n2"])), (&hall, json!(["n2"])), (&bath, json!([])), (&second, json!(["n1"]))] {
        assert_eq!(nodes(&cloud, &user, group).await, expected);
    }
    for kept in [&any, &office] {
        assert_eq!(nodes(&cloud, &user, kept).await, json!(["n1"]), "another type, or none that excludes");
    }
    // Also a group that only becomes one of those takes its nodes out of the others.
    change(&cloud, &user, &any, json!({ "mutually_exclusive": true })).await.expect(200);
    assert_eq!((nodes(&cloud, &user, &second).await, nodes(&cloud, &user, &any).await), (json!([]), json!(["n1"])));
    change(&cloud, &user, &office, json!({ "type": "home" })).await.expect(200);
    assert_eq!((nodes(&cloud, &user, &office).await, nodes(&cloud, &user, &any).await), (json!(["n1"]), json!([])));
    change(&cloud, &user, &office, json!({ "mutually_exclusive": false })).await.expect(200);
    add(&cloud, &user, &second, &["n1"]).await.expect(200);
    assert_eq!((nodes(&cloud, &user, &office).await, nodes(&cloud, &user, &second).await), (json!(["n1"]), json!(["n1"])));
}

#[tokio::test]
async fn what_a_group_says_of_itself_changes() {
    let (cloud, user) = lit().await;
    let home = home(&cloud, &user, "Home").await;
    self::home(&cloud, &user, "Other").await;
    add(&cloud, &user, &home, &["n1"]).await.expect(200);
    let all = json!({ "group_name": "House", "type": "house", "description": "Big", "mutually_exclusive": false, "custom_data": { "a": 1, "l": [1, 2], "o": { "x": 1 } } });
    change(&cloud, &user, &home, all).await.expect(200);
    change(&cloud, &user, &home, json!({ "custom_data": { "a": null, "l": [3], "o": { "y": 2 } } })).await.expect(200);
    let seen = one(&cloud, &user, &home, "").await;
    assert_eq!(seen["custom_data"], json!({ "l": [3], "o": { "x": 1, "y": 2 } }));
    assert_eq!(
        (&seen["group_name"], &seen["type"], &seen["description"], &seen["mutually_exclusive"], &seen["total"]),
        (&json!("House"), &json!("house"), &json!("Big"), &json!(false), &json!(1))
    );
    change(&cloud, &user, &home, json!({ "custom_data": {} })).await.expect(200);
    change(&cloud, &user, &home, json!({ "group_metadata": { "old": true }, "parent_group_id": "" })).await.expect(200);
    assert_eq!(one(&cloud, &user, &home, "").await["custom_data"], json!({ "l": [3], "o": { "x": 1, "y": 2 }, "old": true }));
    change(&cloud, &user, &home, json!({ "custom_data": null })).await.expect(200);
    assert_eq!(one(&cloud, &user, &home, "").await["custom_data"], json!({}));
    change(&cloud, &user, &home, json!({ "group_name": "Other" })).await.expect_failure(400, 108_007);
    change(&cloud, &user, &home, json!({ "group_name": "House", "operation": "ADD", "nodes": ["n2", "n2"] })).await.expect(200);
    assert_eq!(nodes(&cloud, &user, &home).await, json!(["n1", "n2"]));
    // The old name is free again, the new one taken.
    make(&cloud, &user, json!({ "group_name": "House" })).await.expect_failure(400, 108_007);
    make(&cloud, &user, json!({ "group_name": "Home" })).await.expect(200);
    assert_eq!(get(&cloud, &user, "group_name=House").await.expect(200)[0]["groups"][0]["group_id"], home.as_str());
}

#[tokio::test]
async fn pages_hold_every_group_once() {
    let cloud = Cloud::new();
    let user = cloud.user("a").await;
    let mut all = Vec::new();
    for number in 0..60 {
        all.push(cloud.group(&user, json!({ "group_name": format!("Group {number}") })).await);
    }
    all.sort();
    for (query, pages) in [("", 3), ("num_records=7&sub_groups=true", 9), ("num_records=100&node_list=true", 1), ("is_matter=true", 3)] {
        let (mut seen, mut start, mut count) = (Vec::new(), String::new(), 0);
        loop {
            let page = get(&cloud, &user, &format!("{query}&start_id={start}")).await.expect(200);
            let groups = page["groups"].as_array().unwrap();
            assert_eq!(page["total"], groups.len());
            seen.extend(groups.iter().map(|group| group["group_id"].as_str().unwrap().to_owned()));
            count += 1;
            let Some(next) = page.get("next_id") else { break };
            next.as_str().unwrap().clone_into(&mut start);
            assert!(start.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
        }
        let expected = if query == "is_matter=true" { Vec::new() } else { all.clone() };
        assert_eq!((seen, count), (expected, pages), "{query}");
    }
}

#[tokio::test]
async fn a_large_group_shows_its_nodes_in_pages() {
    let cloud = Cloud::new();
    let user = cloud.user("a").await;
    let all: Vec<String> = (0..250).map(|number| format!("n{number:03}")).collect();
    let home = home(&cloud, &user, "Home").await;
    for node in &all {
        cloud.map(&user, node).await;
    }
    for some in all.chunks(100) {
        change(&cloud, &user, &home, json!({ "operation": "add", "nodes": some })).await.expect(200);
    }
    assert_eq!(nodes(&cloud, &user, &home).await, json!(all), "clients read all of them at once");
    assert_eq!(one(&cloud, &user, &home, "node_details=true").await["node_details"].as_array().unwrap().len(), 250);
    for (query, of) in [("node_list=true", "nodes"), ("node_details=true", "node_details")] {
        let (mut seen, mut start) = (Vec::new(), String::new());
        loop {
            let page = one(&cloud, &user, &home, &format!("{query}&num_records=60&start_id={start}")).await;
            let nodes = page[of].as_array().unwrap();
            seen.extend(nodes.iter().map(|node| node.get("node_id").unwrap_or(node).as_str().unwrap().to_owned()));
            assert!(nodes.len() <= 60);
            let Some(next) = page.get("next_id") else { break };
            next.as_str().unwrap().clone_into(&mut start);
        }
        assert_eq!(seen, all, "{query}");
    }
    take(&cloud, &user, &home, &all.iter().take(100).map(String::as_str).collect::<Vec<_>>()).await.expect(200);
    assert_eq!(nodes(&cloud, &user, &home).await, json!(all[100..]));
    delete(&cloud, &user, &home).await.expect(200);
    assert_eq!(groups(&cloud, &user, "").await, [] as [Value; 0]);
}

#[tokio::test]
async fn limits_hold() {
    let (cloud, user) = lit().await;
    let home = home(&cloud, &user, "Home").await;
    for number in 0..100 {
        cloud.group(&user, json!({ "group_name": format!("Room {number}"), "parent_group_id": home })).await;
    }
    make(&cloud, &user, json!({ "group_name": "One more", "parent_group_id": home })).await.expect_failure(400, 108_073);
    for number in 0..24 {
        cloud.group(&user, json!({ "group_name": format!("List {number}"), "nodes": ["n1"] })).await;
    }
    make(&cloud, &user, json!({ "group_name": "One more", "nodes": ["n1"] })).await.expect_failure(400, 100_012);
    // It leaves them all with its user.
    let remove = json!({ "node_id": "n1", "operation": "remove" });
    cloud.call(Call::put("/v1/user/nodes/mapping").by(&user.access).json(&remove)).await.expect(200);
    assert!(groups(&cloud, &user, "num_records=100").await.iter().all(|group| group["total"] == 0));
    delete(&cloud, &user, &home).await.expect(200);
    assert_eq!(groups(&cloud, &user, "sub_groups=true").await.len(), 24);
}

#[tokio::test]
async fn a_group_goes_with_all_that_is_in_it() {
    let (cloud, user) = lit().await;
    let home = home(&cloud, &user, "Home").await;
    let (hall, bath) = (room(&cloud, &user, &home, "Hall").await, room(&cloud, &user, &home, "Bath").await);
    let niche = room(&cloud, &user, &hall, "Niche").await;
    add(&cloud, &user, &home, &["n1", "n2", "n3"]).await.expect(200);
    add(&cloud, &user, &hall, &["n1"]).await.expect(200);
    add(&cloud, &user, &niche, &["n1"]).await.expect(200);
    delete(&cloud, &user, &hall).await.expect(200);
    delete(&cloud, &user, &hall).await.expect_failure(400, 108_023);
    get(&cloud, &user, &format!("group_id={niche}")).await.expect_failure(400, 108_023);
    assert_eq!(nodes(&cloud, &user, &home).await, json!(["n1", "n2", "n3"]));
    assert_eq!(one(&cloud, &user, &home, "sub_groups=true").await["sub_groups"][0]["group_id"], bath.as_str());
    room(&cloud, &user, &home, "Hall").await;
    delete(&cloud, &user, &home).await.expect(200);
    for group in [&home, &hall, &bath, &niche] {
        assert_eq!(records(&cloud, &format!("group#{group}")).await, []);
    }
    let own = records(&cloud, &format!("user#{}", user.id)).await;
    // Of all that they had the record of their groups is left, with nothing in it.
    let of_groups: Vec<_> = own.iter().filter(|record| record.key.sort.starts_with("group")).collect();
    assert!(of_groups.iter().all(|record| record.key.sort == "groups" && record.fields.is_empty()), "{own:?}");
    for node in ["n1", "n2", "n3"] {
        let held = records(&cloud, &format!("node#{node}")).await;
        assert!(held.iter().flat_map(|record| record.fields.keys()).all(|field| !field.starts_with("group#")), "{held:?}");
    }
    self::home(&cloud, &user, "Home").await;
}

#[tokio::test]
async fn a_removal_that_was_interrupted_goes_on() {
    let (cloud, user) = lit().await;
    let home = home(&cloud, &user, "Home").await;
    let hall = room(&cloud, &user, &home, "Hall").await;
    add(&cloud, &user, &home, &["n1", "n2"]).await.expect(200);
    // As if it had ended when the nodes were out: all that is visible is true.
    take(&cloud, &user, &home, &["n1", "n2"]).await.expect(200);
    assert_eq!(one(&cloud, &user, &home, "sub_groups=true").await["sub_groups"][0]["group_id"], hall.as_str());
    delete(&cloud, &user, &home).await.expect(200);
    assert_eq!(records(&cloud, &format!("group#{hall}")).await, []);
}

#[tokio::test]
async fn a_node_leaves_the_groups_of_whoever_it_leaves() {
    let (cloud, user) = lit().await;
    let other = cloud.user("b").await;
    let (home, theirs) = (home(&cloud, &user, "Home").await, home(&cloud, &other, "Home").await);
    let hall = room(&cloud, &user, &home, "Hall").await;
    let in_hall = async || {
        add(&cloud, &user, &home, &["n1", "n2"]).await.expect(200);
        add(&cloud, &user, &hall, &["n1", "n2"]).await.expect(200);
    };
    let only_n2_is_left = async |why: &str| {
        for group in [&home, &hall] {
            assert_eq!(nodes(&cloud, &user, group).await, json!(["n2"]), "{why}");
        }
    };
    in_hall().await;
    cloud.map(&user, "n1").await;
    assert_eq!(nodes(&cloud, &user, &hall).await, json!(["n1", "n2"]), "mapped again by the same user");
    let remove = json!({ "node_id": "n1", "operation": "remove" });
    cloud.call(Call::put("/v1/user/nodes/mapping").by(&user.access).json(&remove)).await.expect(200);
    only_n2_is_left("given up").await;
    cloud.map(&user, "n1").await;
    only_n2_is_left("mapped anew").await;
    in_hall().await;
    cloud.map(&other, "n1").await;
    only_n2_is_left("mapped by somebody else").await;
    add(&cloud, &user, &home, &["n1"]).await.expect_failure(400, 108_013);
    add(&cloud, &other, &theirs, &["n1"]).await.expect(200);
    cloud.map(&user, "n1").await;
    assert_eq!(nodes(&cloud, &other, &theirs).await, json!([]));
    in_hall().await;
    cloud.clock.pass(1);
    let reset = r#"{"node_id":"n1","user_id":"esp-rmaker","secret_key":"failed","reset":true}"#;
    cloud.publish("n1", "user/mapping", reset).await.unwrap();
    only_n2_is_left("reset").await;
    cloud.map(&user, "n1").await;
    in_hall().await;
    cloud.call(Call::delete("/v1/user/nodes/n1").by(&user.access)).await.expect(200);
    only_n2_is_left("deleted").await;
}

#[tokio::test]
async fn another_owner_of_a_node_has_groups_of_their_own() {
    let (cloud, user) = lit().await;
    let second = cloud.user("b").await;
    second_owner(&cloud, &user, (&second, "b"), "n1").await;
    let (home, theirs) = (home(&cloud, &user, "Home").await, home(&cloud, &second, "Home").await);
    add(&cloud, &user, &home, &["n1"]).await.expect(200);
    add(&cloud, &second, &theirs, &["n1"]).await.expect(200);
    assert_eq!((nodes(&cloud, &user, &home).await, nodes(&cloud, &second, &theirs).await), (json!(["n1"]), json!(["n1"])));
    let remove = json!({ "node_id": "n1", "operation": "remove" });
    cloud.call(Call::put("/v1/user/nodes/mapping").by(&second.access).json(&remove)).await.expect(200);
    assert_eq!((nodes(&cloud, &user, &home).await, nodes(&cloud, &second, &theirs).await), (json!(["n1"]), json!([])));
    second_owner(&cloud, &user, (&second, "b"), "n1").await;
    add(&cloud, &second, &theirs, &["n1"]).await.expect(200);
    // With the user who mapped it all others leave too.
    cloud.call(Call::put("/v1/user/nodes/mapping").by(&user.access).json(&remove)).await.expect(200);
    assert_eq!((nodes(&cloud, &user, &home).await, nodes(&cloud, &second, &theirs).await), (json!([]), json!([])));
}

/// Makes the other another owner of the node.
async fn second_owner(cloud: &Cloud, owner: &User, other: (&User, &str), node: &str) {
    let offer = json!({ "nodes": [node], "user_name": format!("{}@x.io", other.1), "primary": true });
    let told = cloud.call(Call::put("/v1/user/nodes/sharing").by(&owner.access).json(&offer)).await.expect(200);
    let accept = json!({ "accept": true, "request_id": told["request_id"] });
    cloud.call(Call::put("/v1/user/nodes/sharing/requests").by(&other.0.access).json(&accept)).await.expect(200);
}

#[tokio::test]
async fn many_owners_with_many_groups_leave_one_node() {
    let (cloud, user) = lit().await;
    let mut all = vec![(user.clone(), Vec::new())];
    for number in 0..3 {
        let name = format!("other{number}");
        let other = cloud.user(&name).await;
        second_owner(&cloud, &user, (&other, &name), "n1").await;
        all.push((other, Vec::new()));
    }
    for (owner, groups) in &mut all {
        for number in 0..24 {
            groups.push(cloud.group(owner, json!({ "group_name": format!("List {number}"), "nodes": ["n1"] })).await);
        }
    }
    for number in 0..30 {
        let guest = User { id: format!("guest{number}"), access: String::new(), refresh: String::new() };
        cloud.share(&guest, "n1").await;
    }
    let new = cloud.user("new").await;
    cloud.map(&new, "n1").await;
    let left: Vec<_> = records(&cloud, "node#n1").await.into_iter().map(|record| record.key.sort).collect();
    assert_eq!(left, ["owner"]);
    assert_eq!(records(&cloud, "node#n1").await[0].fields.keys().collect::<Vec<_>>(), ["since", "user"]);
    for (owner, groups) in &all {
        for group in groups {
            assert_eq!(nodes(&cloud, owner, group).await, json!([]));
        }
    }
}

#[tokio::test]
async fn groups_go_with_their_users_account() {
    let (cloud, user) = lit().await;
    let home = home(&cloud, &user, "Home").await;
    let hall = room(&cloud, &user, &home, "Hall").await;
    add(&cloud, &user, &home, &["n1", "n2"]).await.expect(200);
    for number in 0..20 {
        cloud.group(&user, json!({ "group_name": format!("List {number}"), "nodes": ["n1"] })).await;
    }
    cloud.call(Call::delete("/v1/user2?request=true").by(&user.access)).await.expect(200);
    let code = cloud.mail.code("a@x.io");
    cloud.call(Call::delete(&format!("/v1/user2?verification_code={code}")).by(&user.access)).await.expect(200);
    for partition in [format!("group#{home}"), format!("group#{hall}"), format!("user#{}", user.id)] {
        assert_eq!(records(&cloud, &partition).await, [], "{partition}");
    }
}

#[tokio::test]
async fn a_node_comes_into_the_group_that_was_named_when_it_was_mapped() {
    let (cloud, user) = lit().await;
    let other = cloud.user("b").await;
    let (home, theirs) = (home(&cloud, &user, "Home").await, home(&cloud, &other, "Home").await);
    let map = |group: &str| {
        let body = json!({ "node_id": "n9", "secret_key": "s3cret", "operation": "add", "group_id": group });
        cloud.call(Call::put("/v1/user/nodes/mapping").by(&user.access).json(&body))
    };
    let half = json!({ "node_id": "n9", "user_id": user.id, "secret_key": "s3cret" }).to_string();
    for group in [theirs.as_str(), "gone", "a/b"] {
        map(group).await.expect_failure(400, 108_023);
    }
    map(&home).await.expect(200);
    assert_eq!(nodes(&cloud, &user, &home).await, json!([]));
    cloud.publish("n9", "user/mapping", &half).await.unwrap();
    assert_eq!(nodes(&cloud, &user, &home).await, json!(["n9"]));
    // A group that is gone by then keeps nobody from their node.
    cloud.map(&other, "n9").await;
    map(&home).await.expect(200);
    delete(&cloud, &user, &home).await.expect(200);
    cloud.publish("n9", "user/mapping", &half).await.unwrap();
    assert_eq!(one_node(&cloud, &user, "n9").await["role"], "primary");
}

async fn one_node(cloud: &Cloud, user: &User, node: &str) -> Value {
    let told = cloud.call(Call::get(&format!("/v1/user/nodes?node_id={node}")).by(&user.access)).await.expect(200);
    told["node_details"][0].clone()
}

#[tokio::test]
async fn of_the_nodes_of_fabrics_nothing_is_to_be_said_yet() {
    let (cloud, user) = lit().await;
    let other = cloud.user("b").await;
    let acl = |user: &User, query: &str| cloud.call(Call::get(&format!("{PATH}/node_acl?{query}")).by(&user.access));
    acl(&user, "").await.expect_failure(400, 108_117);
    let home = home(&cloud, &user, "Home").await;
    acl(&user, &format!("group_id={home}")).await.expect_failure(400, 108_117);
    let fabric = cloud.group(&user, json!({ "group_name": "Fabric", "is_matter": true })).await;
    for query in [String::new(), format!("group_id={fabric}"), format!("group_id={fabric}&type_entity=NODE_ACL_ADMIN_1")] {
        assert_eq!(acl(&user, &query).await.expect(200), json!({ "fabric_node_acl": [] }));
    }
    acl(&user, "type_entity=NODE_ACL_ADMIN_1").await.expect_failure(400, 108_119);
    acl(&other, &format!("group_id={fabric}")).await.expect_failure(400, 108_118);
}

#[tokio::test]
async fn a_page_of_groups_with_much_kept_with_them_is_shorter_and_goes_on() {
    let cloud = Cloud::new();
    let user = cloud.user("a").await;
    let much = "x".repeat(15_000);
    for number in 0..60 {
        cloud.group(&user, json!({ "group_name": format!("Home {number}"), "custom_data": { "much": much } })).await;
    }
    let (mut found, mut next, mut pages) = (0, String::new(), 0);
    loop {
        let answer = get(&cloud, &user, &format!("num_records=100{next}")).await;
        assert!(answer.body.len() < 1_300_000, "{}", answer.body.len());
        let page = answer.expect(200);
        found += page["groups"].as_array().unwrap().len();
        pages += 1;
        let Some(id) = page["next_id"].as_str() else { break };
        next = format!("&start_id={id}");
    }
    assert_eq!((found, pages), (60, 2));
}
