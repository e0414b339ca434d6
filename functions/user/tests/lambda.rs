//! The function's Lambda binaries as processes behind a Runtime API, over the local AWS emulator, with the tables
//! that the function may use and no other, and with the sample of every trigger.

use serde_json::{Value, json};
use shared::port::{
    identity::Privilege,
    table::{Batch, Key, Query, TableId, Value as Stored, When, Write},
};
use tests::{
    Call, PASSWORD,
    emulator::{Base, MAIL_FROM, letters, unique, variable},
    listener::Listener,
    runtime_api::{Function, get, request, sample},
};

fn variables(base: &Base) -> Vec<(String, String)> {
    let mut variables = base.variables(user::TABLES);
    variables.push(variable("RAINCLOUD_MAIL_FROM", MAIL_FROM));
    variables
}

#[tokio::test]
async fn routes_answer_behind_the_api() {
    let base = Base::new().await;
    let mut function = Function::start(env!("CARGO_BIN_EXE_user-api"), &variables(&base)).await;
    let answer = function.invoke(get("/mqtt_host")).await.unwrap();
    let body: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
    assert_eq!(answer["statusCode"], 200);
    assert!(body["mqtt_host"].as_str().unwrap().contains("-ats.iot."), "{body}");
    assert_eq!(function.invoke(get("/readyz")).await.unwrap()["statusCode"], 200);
}

#[tokio::test]
async fn somebody_signs_up_by_a_letter_and_logs_in() {
    let base = Base::new().await;
    let mut function = Function::start(env!("CARGO_BIN_EXE_user-api"), &variables(&base)).await;
    let mut call = async |call: Call, headers: Value| {
        let answer = function.invoke(request(&call, &headers)).await.unwrap();
        assert!(answer["statusCode"].as_u64().unwrap() < 300, "{answer}");
        serde_json::from_str::<Value>(answer["body"].as_str().unwrap()).unwrap()
    };
    let name = format!("{}@x.io", unique("a"));
    call(Call::post("/v1/user2").json(&json!({ "user_name": name, "password": PASSWORD })), json!({})).await;
    let letter = letters(&name).await.pop().unwrap();
    let code = letter["BodyText"].as_str().unwrap().split_once(" is ").unwrap().1.get(..6).unwrap().to_owned();
    call(Call::post("/v1/user2").json(&json!({ "user_name": name, "verification_code": code })), json!({})).await;
    let tokens = call(Call::post("/v1/login2").json(&json!({ "user_name": name, "password": PASSWORD })), json!({})).await;
    let told = call(Call::get("/v1/user2"), json!({ "authorization": tokens["accesstoken"] })).await;
    assert_eq!(told["user_name"], name.as_str());
}

#[tokio::test]
async fn the_first_administrator_is_invited_once() {
    let base = Base::new().await;
    let mut function = Function::start(env!("CARGO_BIN_EXE_user-events"), &variables(&base)).await;
    let before = letters("owner@example.com").await.len();
    for _ in 0..2 {
        assert_eq!(function.invoke(sample("invite.json")).await, Ok(Value::Null));
    }
    assert_eq!(letters("owner@example.com").await.len(), before + 1);
    let ports = base.ports();
    let owner = ports.identity.find(&"owner@example.com".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!((owner.privilege, owner.enabled), (Privilege::SuperAdmin, true));

    // Who has an account already becomes one.
    let name = "b@x.io".parse().unwrap();
    ports.identity.make(&name, &PASSWORD.parse().unwrap(), Privilege::None).await.unwrap();
    assert_eq!(function.invoke(json!({ "invite": "b@x.io" })).await, Ok(Value::Null));
    assert_eq!(ports.identity.find(&name).await.unwrap().unwrap().privilege, Privilege::SuperAdmin);
    for bad in [json!({ "invite": "nobody" }), json!({}), json!({ "detail-type": "Something else" })] {
        assert!(function.invoke(bad).await.is_err());
    }
}

#[tokio::test]
async fn a_deletion_that_was_interrupted_is_finished_by_the_schedule_or_from_the_queue() {
    let base = Base::new().await;
    let mut function = Function::start(env!("CARGO_BIN_EXE_user-events"), &variables(&base)).await;
    let ports = base.ports();
    for (trigger, answer) in [("schedule.json", Value::Null), ("queue-user.json", json!({ "batchItemFailures": [] }))] {
        let name = "a@x.io".parse().unwrap();
        ports.identity.make(&name, &PASSWORD.parse().unwrap(), Privilege::None).await.unwrap();
        ports.identity.close(&name).await.unwrap();
        assert_eq!(ports.identity.leaving().await.unwrap().len(), 1);
        assert_eq!(function.invoke(sample(trigger)).await, Ok(answer));
        assert!(ports.identity.leaving().await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn what_nobody_took_is_told_by_the_schedule() {
    let (base, mut listener) = (Base::new().await, Listener::new().await);
    let mut variables = variables(&base);
    variables.push(variable("RAINCLOUD_EVENTS_TOPIC", &listener.topic));
    let envelope = json!({ "version": 1, "id": "a", "event_type": "rmaker.event.user_node_added" }).to_string();
    let noted = base.ports().clock.now_ms() - 120_000;
    let key = Key::new(TableId::Access, "outbox", format!("{noted:013}#00#a"));
    let note = Write::put(key, [("envelope", Stored::Json(envelope.clone()))], When::Absent);
    base.table().write(Batch::of(note).unwrap()).await.unwrap();
    let mut function = Function::start(env!("CARGO_BIN_EXE_user-events"), &variables).await;
    assert_eq!(function.invoke(sample("schedule.json")).await, Ok(Value::Null));
    assert_eq!(listener.next().await["Message"], envelope);
    let left = base.table().query(Query::prefix(TableId::Access, "outbox", "", 1)).await.unwrap();
    assert!(left.records.is_empty());
}
