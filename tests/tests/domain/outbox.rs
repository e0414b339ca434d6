//! What happens is told to who listens: once as a rule, in order, never of what did not happen; and waits where nobody
//! takes it.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join;
use serde_json::{Value, json};
use shared::{
    outbox::{self, OLDEST_MS, Swept},
    port::table::{Query, TableId},
};
use tests::{Answer, Call, Cloud, User};

const ADDED: &str = "rmaker.event.user_node_added";
const REMOVED: &str = "rmaker.event.user_node_removed";

async fn listening() -> (Cloud, User, User) {
    let cloud = Cloud::new();
    cloud.events.listen();
    let (first, second) = (cloud.user("a").await, cloud.user("b").await);
    (cloud, first, second)
}

async fn leave(cloud: &Cloud, user: &User, node: &str) -> Answer {
    let body = json!({ "node_id": node, "operation": "remove" });
    cloud.call(Call::put("/v1/user/nodes/mapping").by(&user.access).json(&body)).await
}

async fn remove(cloud: &Cloud, user: &User, node: &str) {
    leave(cloud, user, node).await.expect(200);
}

/// How much waits.
async fn waiting(cloud: &Cloud) -> usize {
    cloud.ports().table.query(Query::prefix(TableId::Access, "outbox", "", 1000)).await.unwrap().records.len()
}

async fn sweep(cloud: &Cloud) -> shared::Result<Swept> {
    outbox::sweep(cloud.ports(), i64::MAX).await
}

/// What was told: kind, node, users.
fn told(cloud: &Cloud) -> Vec<(String, String, Vec<String>)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let users = |event: &Value| event["user_ids"].as_array().unwrap().iter().map(text).collect();
    cloud.events.take().iter().map(|event| (text(&event["event_type"]), text(&event["node_id"]), users(event))).collect()
}

fn of(kind: &str, node: &str, users: &[&User]) -> (String, String, Vec<String>) {
    (kind.to_owned(), node.to_owned(), users.iter().map(|user| user.id.clone()).collect())
}

#[tokio::test]
async fn a_mapping_and_its_end_are_told_once() {
    let (cloud, owner, _) = listening().await;
    cloud.map(&owner, "n1").await;
    let events = cloud.events.take();
    let id = events[0]["id"].as_str().unwrap();
    let expected = json!({
        "version": 1, "id": id, "timestamp": 1_790_000_000_000_i64, "event_type": ADDED,
        "node_id": "n1", "user_ids": [owner.id], "data": { "role": "primary" },
    });
    assert_eq!((events.len(), &events[0]), (1, &expected));
    // Neither half once more, nor another mapping by its owner, changes whose it is.
    let half = json!({ "node_id": "n1", "user_id": owner.id, "secret_key": "s3cret" }).to_string();
    cloud.publish("n1", "user/mapping", &half).await.unwrap();
    cloud.map(&owner, "n1").await;
    assert!(told(&cloud).is_empty());
    remove(&cloud, &owner, "n1").await;
    assert_eq!(told(&cloud), [of(REMOVED, "n1", &[&owner])]);
    assert_eq!((waiting(&cloud).await, sweep(&cloud).await.unwrap()), (0, Swept::default()));
}

#[tokio::test]
async fn where_nobody_listens_nothing_is_noted() {
    let cloud = Cloud::new();
    let owner = cloud.user("a").await;
    cloud.map(&owner, "n1").await;
    remove(&cloud, &owner, "n1").await;
    assert_eq!(waiting(&cloud).await, 0);
    cloud.events.listen();
    assert_eq!((sweep(&cloud).await.unwrap(), told(&cloud)), (Swept::default(), vec![]));
}

#[tokio::test]
async fn those_who_lose_a_node_are_told_before_who_gets_it() {
    let (cloud, first, second) = listening().await;
    let guest = cloud.user("g").await;
    cloud.map(&first, "n1").await;
    cloud.share(&guest, "n1").await;
    cloud.events.take();
    cloud.map(&second, "n1").await;
    assert_eq!(told(&cloud), [of(REMOVED, "n1", &[&guest, &first]), of(ADDED, "n1", &[&second])]);
    cloud.share(&guest, "n1").await;
    remove(&cloud, &guest, "n1").await;
    assert_eq!(told(&cloud), [of(REMOVED, "n1", &[&guest])]);
    cloud.call(Call::delete("/v1/user/nodes/n1").by(&second.access)).await.expect(200);
    assert_eq!(told(&cloud), [of(REMOVED, "n1", &[&second])]);
}

#[tokio::test]
async fn a_reset_tells_of_each_user_once_however_many() {
    let (cloud, owner, _) = listening().await;
    cloud.map(&owner, "n1").await;
    let mut users = BTreeSet::from([owner.id.clone()]);
    for number in 0..90 {
        let guest = User { id: format!("guest{number}"), access: String::new(), refresh: String::new() };
        cloud.share(&guest, "n1").await;
        users.insert(guest.id);
    }
    cloud.events.take();
    let reset = r#"{"node_id":"n1","user_id":"esp-rmaker","secret_key":"failed","reset":true}"#;
    for _ in 0..2 {
        cloud.publish("n1", "user/mapping", reset).await.unwrap();
    }
    let events = told(&cloud);
    assert!(events.iter().all(|(kind, node, _)| kind == REMOVED && node == "n1"));
    let all: Vec<_> = events.into_iter().flat_map(|(_, _, users)| users).collect();
    assert_eq!((all.len(), BTreeSet::from_iter(all)), (users.len(), users));
}

#[tokio::test]
async fn with_an_account_its_nodes_are_told_to_be_gone() {
    let (cloud, user, other) = listening().await;
    cloud.map(&user, "n1").await;
    cloud.map(&other, "n2").await;
    cloud.share(&user, "n2").await;
    cloud.events.take();
    cloud.call(Call::delete("/v1/user2?request=true").by(&user.access)).await.expect(200);
    let code = cloud.mail.code("a@x.io");
    cloud.call(Call::delete(&format!("/v1/user2?verification_code={code}")).by(&user.access)).await.expect(200);
    assert_eq!(told(&cloud), [of(REMOVED, "n1", &[&user]), of(REMOVED, "n2", &[&user])]);
}

#[tokio::test]
async fn what_is_not_taken_waits_and_keeps_its_id() {
    let (cloud, owner, _) = listening().await;
    cloud.events.take_only(0);
    cloud.map(&owner, "n1").await;
    remove(&cloud, &owner, "n1").await;
    assert_eq!((told(&cloud).len(), waiting(&cloud).await), (0, 2));
    assert!(sweep(&cloud).await.is_err());
    cloud.events.take_only(1);
    assert!(sweep(&cloud).await.is_err());
    assert_eq!((told(&cloud), waiting(&cloud).await), (vec![of(ADDED, "n1", &[&owner])], 1));
    cloud.events.listen();
    assert_eq!(sweep(&cloud).await.unwrap(), Swept { told: 1, ..Swept::default() });
    assert_eq!((told(&cloud), waiting(&cloud).await), (vec![of(REMOVED, "n1", &[&owner])], 0));
}

#[tokio::test]
async fn what_a_process_noted_before_it_ended_is_told_by_another() {
    let (cloud, owner, _) = listening().await;
    // Nobody tells it after the batch, as if there were nobody any more.
    cloud.events.later();
    cloud.map(&owner, "n1").await;
    cloud.events.listen();
    // What was noted just now may be on its way yet.
    assert_eq!(outbox::sweep(cloud.ports(), 1_790_000_000_000).await.unwrap(), Swept::default());
    assert_eq!(outbox::sweep(cloud.ports(), 1_790_000_000_001).await.unwrap().told, 1);
    assert_eq!(told(&cloud), [of(ADDED, "n1", &[&owner])]);
}

#[tokio::test]
async fn who_never_answers_holds_nobody_up() {
    let (cloud, owner, _) = listening().await;
    cloud.events.hang();
    // Time passes as soon as nothing else happens.
    tokio::time::pause();
    cloud.map(&owner, "n1").await;
    tokio::time::resume();
    assert_eq!(waiting(&cloud).await, 1);
    cloud.events.listen();
    assert_eq!(sweep(&cloud).await.unwrap().told, 1);
}

#[tokio::test]
async fn a_sweep_goes_by_age_and_is_bounded() {
    let (cloud, owner, _) = listening().await;
    cloud.events.later();
    for number in 0..160 {
        cloud.map(&owner, &format!("n{number}")).await;
        cloud.clock.pass_ms(1);
        remove(&cloud, &owner, &format!("n{number}")).await;
        cloud.clock.pass_ms(1);
    }
    cloud.events.listen();
    assert_eq!(sweep(&cloud).await.unwrap(), Swept { told: 300, dropped: 0, more: true });
    assert_eq!(sweep(&cloud).await.unwrap(), Swept { told: 20, dropped: 0, more: false });
    let times: Vec<_> = cloud.events.take().iter().map(|event| event["timestamp"].as_i64().unwrap()).collect();
    assert_eq!((times.len(), times.is_sorted(), waiting(&cloud).await), (320, true, 0));
}

#[tokio::test]
async fn what_is_too_old_is_given_up() {
    let (cloud, owner, _) = listening().await;
    cloud.events.later();
    for number in 0..70 {
        cloud.map(&owner, &format!("n{number}")).await;
    }
    cloud.clock.pass_ms(OLDEST_MS);
    let owner = cloud.log_in("a@x.io").await;
    remove(&cloud, &owner, "n0").await;
    cloud.clock.pass_ms(1);
    cloud.events.listen();
    assert_eq!(sweep(&cloud).await.unwrap(), Swept { told: 1, dropped: 70, more: false });
    assert_eq!((told(&cloud), waiting(&cloud).await), (vec![of(REMOVED, "n0", &[&owner])], 0));
}

#[tokio::test]
async fn two_sweeps_at_once_tell_all_and_nothing_more_than_twice() {
    let (cloud, owner, _) = listening().await;
    cloud.events.later();
    for number in 0..60 {
        cloud.map(&owner, &format!("n{number}")).await;
    }
    cloud.events.listen();
    let (one, two) = join(sweep(&cloud), sweep(&cloud)).await;
    assert!(one.is_ok() && two.is_ok());
    let mut times = BTreeMap::new();
    for (_, node, _) in told(&cloud) {
        *times.entry(node).or_insert(0) += 1;
    }
    assert_eq!(times.len(), 60);
    assert!(times.values().all(|times| (1..=2).contains(times)) && waiting(&cloud).await == 0);
}

#[tokio::test]
async fn who_leaves_twice_at_once_has_left_once() {
    for _ in 0..50 {
        let (cloud, owner, guest) = listening().await;
        cloud.map(&owner, "n1").await;
        cloud.share(&guest, "n1").await;
        cloud.events.take();
        // The guest leaves while the owner does, with whom all others leave; perhaps the guest has none any more by then.
        join(leave(&cloud, &guest, "n1"), remove(&cloud, &owner, "n1")).await;
        let mut users: Vec<_> = told(&cloud).into_iter().flat_map(|(_, _, users)| users).collect();
        users.sort();
        let mut both = [owner.id, guest.id];
        both.sort();
        assert_eq!(users, both);
    }
}
