//! `GET /v1/user/nodes/mapping?request_id=` (contract `clients.md` A4). Errors: 103016, 103018.

use axum::{Json, extract::State};
use serde::Serialize;
use shared::{Refusal, mapping::poll};
use web::{App, Caller, Query, Result};

/// `AddUserNodeMappingRequestStatus`: `requested`, `confirmed`, `timedout` or `discarded`.
#[derive(Serialize)]
pub struct Reply {
    request_status: &'static str,
}

/// What became of a request.
pub async fn get(Caller(caller): Caller, State(app): State<App>, query: Query) -> Result<Json<Reply>> {
    let id = query.get("request_id").ok_or(Refusal::RequestIdMissing)?;
    let id = id.parse().map_err(|_| Refusal::NoMappingRequest)?;
    let status = poll::poll(&app.ports, &caller, &id).await?;
    Ok(Json(Reply { request_status: status.as_str() }))
}
