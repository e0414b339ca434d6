//! Groups that change from two sides at the same moment: whichever is first, what is stored agrees.

use futures_util::future::join;
use serde_json::{Value, json};
use tests::{Answer, Call, Cloud};

use super::{
    group_sharing::{Home, answer, furnished, leave_group, offered, revoke, share},
    groups::{add, change, delete, home, lit, make, nodes, records},
    sharing::{leave, roles},
    sharing_races::both,
};

const ROUNDS: usize = 20;

/// The groups in which the node is by its own record, which are to be those that have it.
async fn spots(cloud: &Cloud, node: &str) -> Vec<String> {
    let mut found = Vec::new();
    for record in records(cloud, &format!("node#{node}")).await {
        for group in record.fields.keys().filter_map(|field| field.strip_prefix("group#")) {
            let there = records(cloud, &format!("group#{group}")).await;
            let of_nodes = there.iter().find(|record| record.key.sort == "nodes").unwrap();
            assert!(of_nodes.fields.contains_key(node), "{group} lacks {node}");
            found.push(group.to_owned());
        }
    }
    found
}

#[tokio::test]
async fn a_guest_who_accepts_a_home_while_they_are_put_out_is_out() {
    for round in 0..ROUNDS {
        let Home { cloud, owner, guest, home, .. } = furnished().await;
        let request = offered(&cloud, &owner, json!({ "groups": [home], "user_name": "c@x.io" })).await;
        let (accepted, revoked) = both(round, answer(&cloud, &guest, &request, true), revoke(&cloud, &owner, &home, "c")).await;
        // The offer was withdrawn, or what was accepted was taken.
        revoked.expect(200);
        assert!([200, 400].contains(&accepted.status), "{accepted:?}");
        assert_eq!(roles(&cloud, &guest).await, json!({}));
        answer(&cloud, &guest, &request, true).await.expect_failure(400, 108_037);
    }
}

#[tokio::test]
async fn a_node_that_comes_to_two_homes_at_once_is_in_one() {
    for round in 0..ROUNDS {
        let Home { cloud, owner, home, hall, .. } = furnished().await;
        let other = self::home(&cloud, &owner, "Other").await;
        let (one, two) = both(round, add(&cloud, &owner, &home, &["n3"]), add(&cloud, &owner, &other, &["n3", "n1"])).await;
        one.expect(200);
        two.expect(200);
        assert_eq!(spots(&cloud, "n3").await.len(), 1);
        assert_eq!(spots(&cloud, "n1").await, std::slice::from_ref(&other));
        let all = [nodes(&cloud, &owner, &home).await, nodes(&cloud, &owner, &other).await, nodes(&cloud, &owner, &hall).await];
        let count: usize = all.iter().map(|nodes| nodes.as_array().unwrap().len()).sum();
        assert_eq!((count, &all[2]), (3, &json!([])), "{all:?}");
    }
}

#[tokio::test]
async fn a_node_that_is_put_into_a_home_by_who_leaves_it_is_not_left_there() {
    for round in 0..ROUNDS {
        let Home { cloud, owner, second, home, .. } = furnished().await;
        cloud.map(&second, "s1").await;
        share(&cloud, &owner, &home, (&second, "b"), json!({ "primary": true })).await;
        let left =
            async { if round % 4 < 2 { leave_group(&cloud, &second, &home).await } else { revoke(&cloud, &owner, &home, "b").await } };
        let (added, left): (Answer, Answer) = both(round, add(&cloud, &second, &home, &["s1"]), left).await;
        left.expect(200);
        assert!(added.status == 200 || added.json()["error_code"] == 108_023, "{added:?}");
        assert_eq!(spots(&cloud, "s1").await, Vec::<String>::new());
        assert_eq!(nodes(&cloud, &owner, &home).await, json!(["n1", "n2"]));
    }
}

#[tokio::test]
async fn a_node_that_changes_hands_while_it_comes_to_a_home_is_not_left_there() {
    for round in 0..ROUNDS {
        let Home { cloud, owner, second, home, hall, .. } = furnished().await;
        let (added, ()) = both(round, add(&cloud, &owner, &home, &["n3"]), cloud.map(&second, "n3")).await;
        assert!(added.status == 200 || added.json()["error_code"] == 108_013, "{added:?}");
        assert_eq!(spots(&cloud, "n3").await, Vec::<String>::new());
        let (added, left) = both(round, add(&cloud, &owner, &hall, &["n2"]), leave(&cloud, &owner, "n2")).await;
        left.expect(200);
        assert!(added.status == 200 || [108_013, 108_015].contains(&added.json()["error_code"].as_i64().unwrap()), "{added:?}");
        assert_eq!((nodes(&cloud, &owner, &home).await, nodes(&cloud, &owner, &hall).await), (json!(["n1"]), json!(["n1"])));
    }
}

#[tokio::test]
async fn of_two_primary_users_who_leave_a_home_at_once_one_stays() {
    for round in 0..ROUNDS {
        let Home { cloud, owner, second, guest, home, .. } = furnished().await;
        share(&cloud, &owner, &home, (&second, "b"), json!({ "primary": true })).await;
        share(&cloud, &owner, &home, (&guest, "c"), json!({})).await;
        let (one, other) = both(round, leave_group(&cloud, &owner, &home), leave_group(&cloud, &second, &home)).await;
        assert_ne!(one.status == 200, other.status == 200, "{one:?} {other:?}");
        let (stays, goes) = if one.status == 200 { (&second, &owner) } else { (&owner, &second) };
        delete(&cloud, goes, &home).await.expect_failure(400, 108_023);
        delete(&cloud, stays, &home).await.expect(200);
        assert_eq!(records(&cloud, &format!("group#{home}")).await, []);
        assert_eq!(roles(&cloud, &guest).await, json!({}));
    }
}

#[tokio::test]
async fn a_home_that_is_removed_while_an_offer_of_it_is_accepted_is_nobodys() {
    for round in 0..ROUNDS {
        let Home { cloud, owner, guest, home, .. } = furnished().await;
        let request = offered(&cloud, &owner, json!({ "groups": [home], "user_name": "c@x.io" })).await;
        let (accepted, deleted) = both(round, answer(&cloud, &guest, &request, true), delete(&cloud, &owner, &home)).await;
        deleted.expect(200);
        assert!(accepted.status == 200 || accepted.json()["error_code"] == 108_048, "{accepted:?}");
        assert_eq!(records(&cloud, &format!("group#{home}")).await, []);
        for user in [&owner, &guest] {
            let told = cloud.call(Call::get("/v1/user/node_group").by(&user.access)).await.expect(200);
            assert_eq!(told["groups"], json!([]));
        }
    }
}

#[tokio::test]
async fn a_home_that_changes_hands_while_its_nodes_move_keeps_each_in_one_hand() {
    for round in 0..ROUNDS {
        let Home { cloud, owner, second, home, hall, .. } = furnished().await;
        let request = offered(&cloud, &owner, json!({ "groups": [home], "user_name": "b@x.io", "transfer": true })).await;
        let twice = join(answer(&cloud, &second, &request, true), answer(&cloud, &second, &request, true));
        let ((one, two), added): ((Answer, Answer), Answer) = both(round, twice, add(&cloud, &owner, &home, &["n3"])).await;
        assert!(one.status == 200 || two.status == 200, "{one:?} {two:?}");
        assert!([200, 400].contains(&added.status), "{added:?}");
        let (theirs, others): (Value, Value) = (roles(&cloud, &second).await, roles(&cloud, &owner).await);
        let at_home = nodes(&cloud, &second, &home).await;
        assert_eq!(nodes(&cloud, &second, &hall).await, json!(["n1"]));
        for node in ["n1", "n2", "n3"] {
            assert_ne!(theirs.get(node).is_some(), others.get(node).is_some(), "{node}: {theirs} {others}");
            assert_eq!(at_home.as_array().unwrap().contains(&json!(node)), theirs.get(node).is_some(), "{node}: {at_home} {theirs}");
        }
        delete(&cloud, &owner, &home).await.expect_failure(400, 108_023);
    }
}

#[tokio::test]
async fn of_two_groups_of_one_name_one_is_made() {
    let cloud = Cloud::new();
    let user = cloud.user("a").await;
    let home = home(&cloud, &user, "Home").await;
    for body in [json!({ "group_name": "X" }), json!({ "group_name": "X", "parent_group_id": home })] {
        let answers = futures_util::future::join_all((0..6).map(|_| make(&cloud, &user, body.clone()))).await;
        let mut made: Vec<_> = answers.iter().map(|answer| answer.status).collect();
        made.sort_unstable();
        assert_eq!(made, [200, 400, 400, 400, 400, 400]);
        answers.iter().filter(|answer| answer.status != 200).for_each(|answer| drop(answer.expect_failure(400, 108_007)));
    }
    let renamed = self::home(&cloud, &user, "Y").await;
    let (left, right) = tokio::join!(
        change(&cloud, &user, &home, json!({ "group_name": "Z" })),
        change(&cloud, &user, &renamed, json!({ "group_name": "Z" }))
    );
    assert_eq!(left.status.min(right.status), 200);
    let refused = if left.status == 200 { right } else { left };
    refused.expect_failure(400, 108_007);
}

#[tokio::test]
async fn a_node_that_is_added_to_two_homes_is_in_one() {
    let (cloud, user) = lit().await;
    for round in 0..10 {
        let (first, second) = (home(&cloud, &user, &format!("First {round}")).await, home(&cloud, &user, &format!("Second {round}")).await);
        let all = ["n1", "n2", "n3"];
        let (left, right) = tokio::join!(add(&cloud, &user, &first, &all), add(&cloud, &user, &second, &all));
        left.expect(200);
        right.expect(200);
        let in_both = [nodes(&cloud, &user, &first).await, nodes(&cloud, &user, &second).await];
        let mut in_both: Vec<_> = in_both.iter().flat_map(|nodes| nodes.as_array().unwrap().clone()).collect();
        in_both.sort_by_key(ToString::to_string);
        assert_eq!(in_both, all);
    }
}

#[tokio::test]
async fn what_is_added_to_a_group_that_goes_is_in_no_group() {
    let (cloud, user) = lit().await;
    for round in 0..10 {
        let home = home(&cloud, &user, &format!("Home {round}")).await;
        let hall = json!({ "group_name": "Hall", "parent_group_id": home });
        let (gone, added, made) =
            tokio::join!(delete(&cloud, &user, &home), add(&cloud, &user, &home, &["n1", "n2"]), make(&cloud, &user, hall));
        gone.expect(200);
        assert!(matches!(added.status, 200 | 400) && matches!(made.status, 200 | 400), "{added:?} {made:?}");
        assert_eq!(records(&cloud, &format!("group#{home}")).await, []);
        if made.status == 200 {
            let hall = made.json()["group_id"].as_str().unwrap().to_owned();
            assert_eq!(records(&cloud, &format!("group#{hall}")).await, []);
        }
        let held = records(&cloud, "node#n1").await;
        assert!(held.iter().flat_map(|record| record.fields.keys()).all(|field| !field.starts_with("group#")), "{held:?}");
    }
}

#[tokio::test]
async fn a_node_that_is_added_while_it_changes_hands_is_in_no_group_of_its_former_owner() {
    let (cloud, user) = lit().await;
    let other = cloud.user("b").await;
    let home = home(&cloud, &user, "Home").await;
    for _ in 0..10 {
        let (added, ()) = tokio::join!(add(&cloud, &user, &home, &["n1"]), cloud.map(&other, "n1"));
        assert!(matches!(added.status, 200 | 400), "{added:?}");
        assert_eq!(nodes(&cloud, &user, &home).await, json!([]));
        cloud.map(&user, "n1").await;
    }
}
