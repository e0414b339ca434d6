//! `DELETE /v1/user/nodes/cmd` (contract `clients.md` A10, D17): cancels what the caller asked for and is still open: of a request,
//! of a node, or of a command's number; several of these narrow it. Errors: 126003, 131003, 131015.

use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::Serialize;
use shared::command::cancel;
use web::{App, Caller, Query, Result, reply::Success};

use super::Named;

/// How many there were.
#[derive(Serialize, JsonSchema)]
pub struct Reply {
    #[serde(flatten)]
    success: Success,
    /// A number as text.
    total_cancelled: String,
}

/// Cancels.
pub async fn delete(Caller(caller): Caller, State(app): State<App>, Query(named): Query<Named>) -> Result<Json<Reply>> {
    let cancelled = cancel::cancel(&app.ports, &caller, &named.read()?).await?;
    Ok(Json(Reply { success: Success::new("Commands were cancelled"), total_cancelled: cancelled.to_string() }))
}
