//! `PUT /v1/password2` and `/v1/password` (contract `rest-1.md`): ends all other sessions. Errors: 101004,
//! 101007, 101018, 101019, 101032, 101087.

use axum::extract::State;
use schemars::JsonSchema;
use serde::Deserialize;
use shared::{Refusal, user::password};
use web::{App, Body, Caller, Result, reply::Success};

/// `PasswordChangeRequest`.
#[derive(Deserialize, JsonSchema)]
pub struct Request {
    password: Option<String>,
    newpassword: Option<String>,
}

/// Changes the caller's password.
pub async fn put(Caller(caller): Caller, State(app): State<App>, Body(request): Body<Request>) -> Result<Success> {
    let old = request.password.ok_or(Refusal::PasswordMissing)?;
    let new = request.newpassword.ok_or(Refusal::NewPasswordMissing)?;
    password::change(&app.ports, &caller, &old, &new.parse()?).await?;
    Ok(Success::new("Password changed successfully"))
}
