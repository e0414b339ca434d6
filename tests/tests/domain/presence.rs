//! Presence: whatever the order of events, the newest session counts.

use serde_json::{Value, json};
use shared::{
    event::Event,
    node::presence::{Change, Order},
    port::clock::Clock as _,
};
use tests::{Call, Cloud, User};

async fn connectivity(cloud: &Cloud, user: &User) -> Value {
    cloud.call(Call::get("/v1/user/nodes/status?nodeid=n1").by(&user.access)).await.expect(200)["connectivity"].clone()
}

async fn mapped() -> (Cloud, User) {
    let cloud = Cloud::new();
    let user = cloud.user("a").await;
    cloud.map(&user, "n1").await;
    (cloud, user)
}

fn change(connected: bool, taken_over: bool, session: &str, ms: i64, version: u64) -> Change {
    Change { connected, taken_over, session: session.to_owned(), order: Order { ms, version } }
}

async fn report(cloud: &Cloud, change: Change) {
    node::on_event(&cloud.app, Event::Presence { client_id: "n1".to_owned(), change }).await.unwrap();
}

#[tokio::test]
async fn a_node_that_was_never_online_says_nothing() {
    let (cloud, user) = mapped().await;
    assert_eq!(connectivity(&cloud, &user).await, json!({}));
    let node = cloud.call(Call::get("/v1/user/nodes?node_id=n1").by(&user.access)).await.expect(200)["node_details"][0].clone();
    assert_eq!((node.get("config"), &node["params"], &node["status"]), (None, &json!({}), &json!({ "connectivity": {} })));
    for (what, code) in [("config", 103_002), ("params", 102_006)] {
        cloud.call(Call::get(&format!("/v1/user/nodes/{what}?node_id=n1")).by(&user.access)).await.expect_failure(400, code);
    }
}

/// Delivers the events in every order, each twice, and returns how many orders there were.
async fn ends_in(events: &[Change], expected: Value) -> usize {
    let mut order: Vec<usize> = (0..events.len()).collect();
    let mut permutations = 0;
    loop {
        let (cloud, user) = mapped().await;
        for index in order.iter().chain(&order) {
            report(&cloud, events[*index].clone()).await;
        }
        assert_eq!(connectivity(&cloud, &user).await, expected, "{order:?}");
        permutations += 1;
        if !next_permutation(&mut order) {
            return permutations;
        }
    }
}

#[tokio::test]
async fn every_order_of_events_ends_alike() {
    let t = 1_790_000_000_000;
    let begins_s1 = change(true, false, "s1", t, 1);
    let begins_s2 = change(true, false, "s2", t + 10, 2);
    // Ends after the session that took it over has begun.
    let s1_taken_over = change(false, true, "s1", t + 11, 1);
    let ends_s2 = change(false, false, "s2", t + 20, 2);
    let begins_s3 = change(true, false, "s3", t + 20, 3);
    let all = [begins_s1.clone(), begins_s2.clone(), s1_taken_over.clone(), ends_s2.clone(), begins_s3];
    assert_eq!(ends_in(&all, json!({ "connected": true, "timestamp": t + 20 })).await, 120);
    assert_eq!(ends_in(&all[..4], json!({ "connected": false, "timestamp": t + 20 })).await, 24);
    assert_eq!(ends_in(&[begins_s1, begins_s2, s1_taken_over], json!({ "connected": true, "timestamp": t + 10 })).await, 6);
}

fn next_permutation(order: &mut [usize]) -> bool {
    let Some(pivot) = order.windows(2).rposition(|pair| pair[0] < pair[1]) else { return false };
    let swap = order.iter().rposition(|value| *value > order[pivot]).unwrap();
    order.swap(pivot, swap);
    order[pivot + 1..].reverse();
    true
}

#[tokio::test]
async fn the_end_of_a_session_that_was_taken_over_is_not_the_nodes() {
    let (cloud, user) = mapped().await;
    let t = cloud.clock.now_ms();
    report(&cloud, change(true, false, "s1", t, 1)).await;
    report(&cloud, change(true, false, "s2", t + 1, 2)).await;
    report(&cloud, change(false, true, "s1", t + 50, 1)).await;
    assert_eq!(connectivity(&cloud, &user).await["connected"], true);
    report(&cloud, change(false, true, "s2", t + 60, 2)).await;
    assert_eq!(connectivity(&cloud, &user).await["connected"], false);
}

#[tokio::test]
async fn a_clock_that_is_set_back_does_not_freeze_the_status() {
    let (cloud, user) = mapped().await;
    cloud.presence("n1", true, 1).await.unwrap();
    cloud.clock.pass(-3600);
    cloud.presence("n1", false, 1).await.unwrap();
    assert_eq!(connectivity(&cloud, &user).await["connected"], false);
    cloud.clock.pass(7200);
    cloud.presence("n1", true, 2).await.unwrap();
    cloud.clock.pass(-7200);
    let user = cloud.log_in("a@x.io").await;
    cloud.presence("n1", true, 3).await.unwrap();
    cloud.clock.pass(1);
    cloud.presence("n1", false, 3).await.unwrap();
    assert_eq!(connectivity(&cloud, &user).await["connected"], false);
}

#[tokio::test]
async fn sessions_of_a_broker_that_died_are_over() {
    let (cloud, user) = mapped().await;
    cloud.presence("n1", true, 1).await.unwrap();
    cloud.clock.pass(10);
    cloud.fleet.restart_at(cloud.clock.now_ms());
    assert_eq!(connectivity(&cloud, &user).await, json!({ "connected": false, "timestamp": cloud.clock.now_ms() }));
    cloud.clock.pass(1);
    cloud.presence("n1", true, 1).await.unwrap();
    assert_eq!(connectivity(&cloud, &user).await["connected"], true);
}
