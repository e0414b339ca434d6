//! Two changes of who has a node, at the same moment: whatever comes first, both sides of what is stored agree, and
//! nobody has a node whom its owner's leaving, or a new owner, should have put out.

use futures_util::future::{join, join3};
use serde_json::{Value, json};
use tests::{Answer, Call, Cloud, User};

use super::sharing::{accept, answer, leave, offer, offered, revoke, roles, users};

const ROUNDS: usize = 30;

/// An owner of `n1`, and two others.
async fn three() -> (Cloud, User, User, User) {
    let cloud = Cloud::new();
    let (owner, second, third) = (cloud.user("a").await, cloud.user("b").await, cloud.user("c").await);
    cloud.light(&owner, "n1").await;
    (cloud, owner, second, third)
}

fn share(more: &Value) -> Value {
    let mut body = json!({ "nodes": ["n1"], "user_name": "b@x.io" });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

/// The user's half of a mapping, and then the node's.
async fn map(cloud: &Cloud, user: &User) {
    cloud.map(user, "n1").await;
}

/// Both began at once; either order of their first steps.
pub(super) async fn both<A, B>(round: usize, one: impl Future<Output = A>, other: impl Future<Output = B>) -> (A, B) {
    if round.is_multiple_of(2) {
        return join(one, other).await;
    }
    let (other, one) = join(other, one).await;
    (one, other)
}

#[tokio::test]
async fn accepting_while_the_owner_gives_the_node_up_leaves_nobody() {
    for round in 0..ROUNDS {
        let (cloud, owner, guest, _) = three().await;
        let request = offered(&cloud, &owner, share(&json!({ "primary": round % 3 == 0 }))).await;
        let (accepted, left) = both(round, answer(&cloud, &guest, &request, true), leave(&cloud, &owner, "n1")).await;
        left.expect(200);
        assert!(accepted.status == 200 || accepted.json()["error_code"] == 107_011, "{accepted:?}");
        assert_eq!(users(&cloud, "n1", &[&owner, &guest]).await, []);
    }
}

#[tokio::test]
async fn accepting_while_somebody_else_maps_the_node_leaves_them_alone() {
    for round in 0..ROUNDS {
        let (cloud, owner, guest, next) = three().await;
        let request = offered(&cloud, &owner, share(&json!({ "transfer": round % 3 == 0 }))).await;
        let (accepted, ()) = both(round, answer(&cloud, &guest, &request, true), map(&cloud, &next)).await;
        assert!(accepted.status == 200 || accepted.json()["error_code"] == 107_011, "{accepted:?}");
        assert_eq!(users(&cloud, "n1", &[&owner, &guest, &next]).await, [(next.id.clone(), "primary".to_owned())]);
    }
}

#[tokio::test]
async fn accepting_while_it_is_revoked_or_withdrawn_ends_one_way_or_the_other() {
    for round in 0..ROUNDS {
        let (cloud, owner, guest, _) = three().await;
        let request = offered(&cloud, &owner, share(&json!({}))).await;
        let query = format!("/v1/user/nodes/sharing/requests?request_id={request}");
        let withdraw = cloud.call(Call::delete(&query).by(&owner.access));
        let (accepted, withdrawn) = both(round, answer(&cloud, &guest, &request, true), withdraw).await;
        assert_ne!(accepted.status == 200, withdrawn.status == 200, "{accepted:?} {withdrawn:?}");
        assert_eq!(users(&cloud, "n1", &[&owner, &guest]).await.len(), if accepted.status == 200 { 2 } else { 1 });
    }
    for round in 0..ROUNDS {
        // The guest has another offer in hand while the first is revoked.
        let (cloud, owner, guest, _) = three().await;
        let first = offered(&cloud, &owner, share(&json!({}))).await;
        let second = offered(&cloud, &owner, share(&json!({ "primary": true }))).await;
        accept(&cloud, &guest, &first).await;
        let (_, revoked) = both(round, answer(&cloud, &guest, &second, true), revoke(&cloud, &owner, "n1", "b@x.io")).await;
        revoked.expect(200);
        assert_eq!(users(&cloud, "n1", &[&owner, &guest]).await.len(), 1);
    }
}

#[tokio::test]
async fn the_same_offer_is_accepted_once() {
    for transfer in [false, true] {
        let (cloud, owner, guest, _) = three().await;
        let request = offered(&cloud, &owner, share(&json!({ "transfer": transfer }))).await;
        let answers =
            join3(answer(&cloud, &guest, &request, true), answer(&cloud, &guest, &request, true), answer(&cloud, &guest, &request, false));
        let (one, two, three) = answers.await;
        let good = [&one, &two, &three].into_iter().filter(|answer| answer.status == 200).count();
        assert_eq!(good, 1, "{one:?} {two:?} {three:?}");
        let has = roles(&cloud, &guest).await.get("n1").is_some();
        assert_eq!(has, three.status != 200);
        users(&cloud, "n1", &[&owner, &guest]).await;
        let history = cloud.call(Call::get("/v1/user/nodes/history").by(&guest.access)).await.expect(200);
        assert_eq!(history["total"], i32::from(has));
    }
}

#[tokio::test]
async fn a_transfer_and_an_offer_to_another_make_one_owner() {
    for round in 0..ROUNDS {
        let (cloud, owner, next, guest) = three().await;
        let transfer = offered(&cloud, &owner, share(&json!({ "transfer": true }))).await;
        let share = offered(&cloud, &owner, json!({ "nodes": ["n1"], "user_name": "c@x.io" })).await;
        let (one, other) = both(round, answer(&cloud, &next, &transfer, true), answer(&cloud, &guest, &share, true)).await;
        one.expect(200);
        assert!(other.status == 200 || other.json()["error_code"] == 107_011, "{other:?}");
        assert_eq!(roles(&cloud, &owner).await, json!({}));
        assert_eq!(users(&cloud, "n1", &[&owner, &next, &guest]).await.len(), if other.status == 200 { 2 } else { 1 });
        leave(&cloud, &next, "n1").await.expect(200);
        assert_eq!(users(&cloud, "n1", &[&owner, &next, &guest]).await, []);
    }
}

/// The owner and a second primary user, and a guest.
async fn primaries() -> (Cloud, User, User, User) {
    let (cloud, owner, second, guest) = three().await;
    let request = offered(&cloud, &owner, share(&json!({ "primary": true }))).await;
    accept(&cloud, &second, &request).await;
    let request = offered(&cloud, &owner, json!({ "nodes": ["n1"], "user_name": "c@x.io" })).await;
    accept(&cloud, &guest, &request).await;
    (cloud, owner, second, guest)
}

#[tokio::test]
async fn two_primary_users_who_leave_at_once_leave_nothing() {
    for round in 0..ROUNDS {
        let (cloud, owner, second, guest) = primaries().await;
        let (one, other) = both(round, leave(&cloud, &owner, "n1"), leave(&cloud, &second, "n1")).await;
        one.expect(200);
        // The owner's leaving may have been first.
        assert!(other.status == 200 || other.json()["error_code"] == 103_013, "{other:?}");
        assert_eq!(users(&cloud, "n1", &[&owner, &second, &guest]).await, []);
    }
}

#[tokio::test]
async fn of_two_primary_users_who_put_each_other_out_one_stays() {
    for round in 0..ROUNDS {
        let (cloud, owner, second, guest) = primaries().await;
        let (one, other) = both(round, revoke(&cloud, &owner, "n1", "b@x.io"), revoke(&cloud, &second, "n1", "a@x.io")).await;
        assert_ne!(one.status == 200, other.status == 200, "{one:?} {other:?}");
        let left = users(&cloud, "n1", &[&owner, &second, &guest]).await;
        assert_eq!(left.len(), 2);
        let stays = if one.status == 200 { &owner } else { &second };
        leave(&cloud, stays, "n1").await.expect(200);
        assert_eq!(users(&cloud, "n1", &[&owner, &second, &guest]).await, []);
    }
}

#[tokio::test]
async fn an_owner_who_leaves_while_a_primary_user_changes_roles_leaves_nothing() {
    for round in 0..ROUNDS {
        let (cloud, owner, second, guest) = primaries().await;
        let body = json!({ "nodes": ["n1"], "user_name": "c@x.io", "primary": true });
        let (left, offered): (Answer, Answer) = both(round, leave(&cloud, &owner, "n1"), offer(&cloud, &second, body)).await;
        left.expect(200);
        assert!([200, 400].contains(&offered.status), "{offered:?}");
        assert_eq!(users(&cloud, "n1", &[&owner, &second, &guest]).await, []);
    }
}
