//! `POST /v1/login2` and `/v1/login` (contract `rest-1.md`, `clients.md` A2): a password begins a
//! session, a refresh token extends one. Errors: 101001, 101003, 101009, 101015, 101017, 101019.

use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shared::{
    Refusal,
    user::{log_in, name::UserName},
};
use web::{App, Attempt, Body, Result};

/// The body of either way.
#[derive(Deserialize, JsonSchema)]
pub struct Request {
    user_name: Option<String>,
    password: Option<String>,
    refreshtoken: Option<String>,
}

/// `LoginSuccessResponse`; without the refresh token `LoginExtendSessionResponse`.
#[derive(Serialize, JsonSchema)]
pub struct Reply {
    status: &'static str,
    description: &'static str,
    idtoken: String,
    accesstoken: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    refreshtoken: Option<String>,
}

/// Gives tokens.
pub async fn post(attempt: Attempt, State(app): State<App>, Body(request): Body<Request>) -> Result<Json<Reply>> {
    let tokens = match request {
        Request { refreshtoken: Some(token), .. } => log_in::refresh(&app.ports, &token).await?,
        // A refresh token can't be guessed, so extending a session takes no try.
        Request { user_name, password, .. } => {
            attempt.take()?;
            let name: UserName = user_name.unwrap_or_default().parse()?;
            let password = password.ok_or(Refusal::PasswordOrCodeMissing)?;
            log_in::log_in(&app.ports, &name, &password).await?
        }
    };
    Ok(Json(Reply {
        status: "success",
        description: "Login successful",
        idtoken: tokens.id,
        accesstoken: tokens.access,
        refreshtoken: tokens.refresh,
    }))
}
