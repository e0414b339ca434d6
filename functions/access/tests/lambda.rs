//! The function's Lambda binaries as processes behind a Runtime API.

#![expect(clippy::unwrap_used, reason = "a test that meets an error is to fail")]

use serde_json::json;
use tests::runtime_api::{Function, get};

#[tokio::test]
async fn its_health_is_served_and_nothing_else() {
    let mut function = Function::start(env!("CARGO_BIN_EXE_access-api"), &[]).await;
    assert_eq!(function.invoke(get("/access/healthz")).await.unwrap()["statusCode"], 200);
    assert_eq!(function.invoke(get("/v1/user")).await.unwrap()["statusCode"], 404);
}

#[tokio::test]
async fn there_are_no_events_yet() {
    let mut function = Function::start(env!("CARGO_BIN_EXE_access-events"), &[]).await;
    assert!(function.invoke(json!({ "detail-type": "Scheduled Event" })).await.is_err());
}
