//! The function's Lambda binaries as processes behind a Runtime API, with the sample of every trigger.

#![expect(clippy::unwrap_used, reason = "a test that meets an error is to fail")]

use std::path::Path;

use builtin::clock::SystemClock;
use embedded::sqlite::SqliteTable;
use serde_json::{Value, json};
use shared::port::table::{Key, Record, Table as _, TableId};
use tests::runtime_api::{Function, get};

fn sample(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events").join(name);
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

async fn stored(data: &Path, sort: &str) -> Option<Record> {
    let table = SqliteTable::open(&data.join("raincloud.db"), std::sync::Arc::new(SystemClock)).unwrap();
    table.get(&Key::new(TableId::Nodes, "node#n1", sort)).await.unwrap()
}

#[tokio::test]
async fn every_trigger_is_handled() {
    let data = tempfile::tempdir().unwrap();
    let variables = [("RAINCLOUD_DATA", data.path().to_str().unwrap())];
    let mut function = Function::start(env!("CARGO_BIN_EXE_node-events"), &variables).await;
    for name in ["rule-params-local.json", "presence-connected.json", "subscribed.json", "presence-taken-over.json"] {
        assert_eq!(function.invoke(sample(name)).await, Ok(Value::Null), "{name}");
    }
    let params = stored(data.path(), "params").await.unwrap();
    assert_eq!((params.json("p/Light/Lux"), params.fields["p/Light/Lux"].at), (Some("27.30000"), Some(1_790_000_001_000)));
    let presence = stored(data.path(), "presence").await.unwrap();
    assert_eq!((presence.bool("connected"), presence.int("at")), (Some(true), Some(1_790_000_002_000)));
    assert_eq!(function.invoke(sample("presence-disconnected.json")).await, Ok(Value::Null));
    let presence = stored(data.path(), "presence").await.unwrap();
    assert_eq!((presence.bool("connected"), presence.int("at")), (Some(false), Some(1_790_000_009_000)));
    let all = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events")).unwrap().count();
    assert_eq!(all, 5, "a sample in events/ is not used here");
}

#[tokio::test]
async fn what_is_no_trigger_is_an_error() {
    let data = tempfile::tempdir().unwrap();
    let variables = [("RAINCLOUD_DATA", data.path().to_str().unwrap())];
    let mut function = Function::start(env!("CARGO_BIN_EXE_node-events"), &variables).await;
    for bad in [json!({}), json!({ "payload": "***", "topic": "node/n1/config", "client": "n1", "ts": 1 })] {
        let failure = function.invoke(bad).await.unwrap_err();
        assert!(failure["errorMessage"].is_string(), "{failure}");
    }
    // The process goes on.
    assert!(function.invoke(sample("presence-connected.json")).await.is_ok());
}

#[tokio::test]
async fn routes_answer_behind_the_api() {
    let data = tempfile::tempdir().unwrap();
    let variables = [("RAINCLOUD_DATA", data.path().to_str().unwrap())];
    let mut function = Function::start(env!("CARGO_BIN_EXE_node-api"), &variables).await;
    let answer = function.invoke(get("/v1/user/nodes")).await.unwrap();
    assert_eq!(answer["statusCode"], 401);
    let answer = function.invoke(get("/v1/nothing")).await.unwrap();
    assert_eq!(answer["statusCode"], 404);
}
