//! `GET /v1/user/nodes/mapping?request_id=` (contract `clients.md` A4). Errors: 103016, 103018.

use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shared::{Refusal, mapping::poll};
use web::{App, Caller, Query, Result};

/// Which request.
#[derive(Deserialize, JsonSchema)]
pub struct Which {
    /// What `add` answered with.
    #[schemars(required)]
    request_id: Option<String>,
}

/// `AddUserNodeMappingRequestStatus`: `requested`, `confirmed`, `timedout` or `discarded`.
#[derive(Serialize, JsonSchema)]
pub struct Reply {
    request_status: &'static str,
}

/// What became of a request.
pub async fn get(Caller(caller): Caller, State(app): State<App>, Query(which): Query<Which>) -> Result<Json<Reply>> {
    let id = which.request_id.ok_or(Refusal::RequestIdMissing)?;
    let id = id.parse().map_err(|_| Refusal::NoMappingRequest)?;
    let status = poll::poll(&app.ports, &caller, &id).await?;
    Ok(Json(Reply { request_status: status.as_str() }))
}
