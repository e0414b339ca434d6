//! `POST /v1/user2` and `/v1/user` (contract `rest-1.md`, `clients.md` A2): both steps on one path,
//! told apart by the key that is there. Errors: 101001 to 101004, 101006, 101011, 101012, 101037.

use axum::extract::State;
use schemars::JsonSchema;
use serde::Deserialize;
use shared::{
    Refusal,
    user::{name::UserName, sign_up},
};
use web::{
    App, Attempt, Body, Result,
    reply::{Created, created},
};

/// The body of either step.
#[derive(Deserialize, JsonSchema)]
pub struct Request {
    user_name: Option<String>,
    password: Option<String>,
    verification_code: Option<String>,
}

/// Makes an account, or confirms it.
pub async fn post(attempt: Attempt, State(app): State<App>, Body(request): Body<Request>) -> Result<Created> {
    attempt.take()?;
    let name: UserName = request.user_name.unwrap_or_default().parse()?;
    match (request.verification_code, request.password) {
        (Some(code), _) => {
            sign_up::confirm(&app.ports, &name, &code).await?;
            Ok(created("User confirmed successfully"))
        }
        (None, Some(password)) => {
            sign_up::sign_up(&app.ports, &name, &password.parse()?).await?;
            Ok(created("User created, a verification code has been sent"))
        }
        (None, None) => Err(Refusal::PasswordOrCodeMissing.into()),
    }
}
