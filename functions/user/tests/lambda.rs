//! The function's Lambda binary as a process behind a Runtime API.

use serde_json::Value;
use tests::runtime_api::{Function, get};

#[tokio::test]
async fn routes_answer_behind_the_api() {
    let data = tempfile::tempdir().unwrap();
    let variables = [("RAINCLOUD_DATA", data.path().to_str().unwrap()), ("RAINCLOUD_HOST", "cloud.test")];
    let mut function = Function::start(env!("CARGO_BIN_EXE_user-api"), &variables).await;
    let answer = function.invoke(get("/mqtt_host")).await.unwrap();
    let body: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
    assert_eq!((answer["statusCode"].as_u64(), &body["mqtt_host"]), (Some(200), &"cloud.test".into()));
    let answer = function.invoke(get("/readyz")).await.unwrap();
    assert_eq!(answer["statusCode"], 200);
}
