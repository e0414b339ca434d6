//! `DELETE /v1/user2` and `/v1/user` (contract `rest-1.md`): `request=true` has a code sent, `verification_code`
//! deletes the account with it. Errors: 119005, 119007, 119015, 119016, 119017.

use axum::extract::State;
use schemars::JsonSchema;
use serde::Deserialize;
use shared::{Refusal, user::delete};
use web::{App, Caller, Query, Result, reply::Success};

/// Which step.
#[derive(Deserialize, JsonSchema)]
pub struct Step {
    /// Have a code sent.
    request: Option<bool>,
    /// The code that was sent: the account is deleted.
    verification_code: Option<String>,
}

/// Asks for the deletion, or confirms it.
pub async fn delete(Caller(caller): Caller, State(app): State<App>, Query(step): Query<Step>) -> Result<Success> {
    if let Some(code) = step.verification_code {
        delete::confirm(&app.ports, &caller, &code).await?;
        return Ok(Success::new("User deleted successfully"));
    }
    if step.request != Some(true) {
        return Err(Refusal::DeletionCodeMissing.into());
    }
    delete::request(&app.ports, &caller).await?;
    Ok(Success::new("User deletion was requested"))
}
