//! Groups that change from two sides at the same moment: whichever is first, what is stored agrees.

use futures_util::future::join;
use serde_json::{Value, json};
use tests::{Answer, Call, Cloud};

use super::{
    group_sharing::{Home, answer, furnished, leave_group, offered, revoke, share},
    groups::{add, delete, home, nodes, records},
    sharing::{leave, roles},
};

const ROUNDS: usize = 20;

async fn both<A, B>(round: usize, one: impl Future<Output = A>, other: impl Future<Output = B>) -> (A, B) {
    if round.is_multiple_of(2) {
        return join(one, other).await;
    }
    let (other, one) = join(other, one).await;
    (one, other)
}

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
