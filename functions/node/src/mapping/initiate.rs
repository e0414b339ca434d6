//! `POST /v1/user/nodes/mapping/initiate` (contract `mqtt-and-node.md` §4.3, `rest-1.md`): a challenge for a
//! node to sign. Errors: 100006, 103029, 108023, 108056.

use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shared::mapping::{self, initiate};
use web::{App, Body, Caller, Result};

/// `InitiateUserNodeMappingRequest`, all of it optional.
#[derive(Deserialize, JsonSchema)]
pub struct Request {
    timeout: Option<i64>,
    group_id: Option<String>,
}

/// `InitiateUserNodeMappingResponse`.
#[derive(Serialize, JsonSchema)]
pub struct Reply {
    request_id: String,
    challenge: String,
}

/// Begins a mapping by challenge.
pub async fn post(Caller(caller): Caller, State(app): State<App>, Body(request): Body<Request>) -> Result<Json<Reply>> {
    let group = mapping::group(&app.ports, &caller, request.group_id.as_deref()).await?;
    let challenge = initiate::initiate(&app.ports, &caller, request.timeout, group).await?;
    Ok(Json(Reply { request_id: challenge.request.to_string(), challenge: challenge.text }))
}
