//! `PUT /v1/forgotpassword2` and `/v1/forgotpassword` (contract `rest-1.md`, `clients.md` A2): a name alone has
//! a code sent; with code and password the password is replaced. Keys that are `null` are absent.
//! Whether the name has an account is not told. Errors: 101001, 101002, 101004, 101012, 101019, 101030,
//! 101032, 101087.

use axum::extract::State;
use schemars::JsonSchema;
use serde::Deserialize;
use shared::{
    Refusal,
    user::{name::UserName, password},
};
use web::{App, Attempt, Body, Result, reply::Success};

/// The body of either step.
#[derive(Deserialize, JsonSchema)]
pub struct Request {
    user_name: Option<String>,
    password: Option<String>,
    verification_code: Option<String>,
}

/// Has a code sent, or takes it.
pub async fn put(attempt: Attempt, State(app): State<App>, Body(request): Body<Request>) -> Result<Success> {
    attempt.take()?;
    let name: UserName = request.user_name.unwrap_or_default().parse()?;
    match (request.verification_code, request.password) {
        (None, None) => {
            password::forgot(&app.ports, &name).await?;
            Ok(Success::new("If the account exists, a verification code has been sent"))
        }
        (Some(code), Some(new)) => {
            password::reset(&app.ports, &name, &code, &new.parse()?).await?;
            Ok(Success::new("Password was set successfully"))
        }
        (None, Some(_)) => Err(Refusal::CodeMissing.into()),
        (Some(_), None) => Err(Refusal::PasswordMissing.into()),
    }
}
