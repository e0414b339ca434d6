//! `POST /v1/login2` and `/v1/login` (contract `rest-1.md`, `clients.md` A2): a password begins a session; a
//! name alone has a code sent, which begins one with the `session` that was answered; a refresh token
//! extends one. Errors: 101001, 101003, 101009, 101012, 101015 to 101017, 101019, 101039, 101087.

use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shared::{
    Refusal,
    port::identity,
    user::{log_in, name::UserName},
};
use web::{
    App, Attempt, Body, Result,
    reply::{Either, Success},
};

/// The body of either way.
#[derive(Deserialize, JsonSchema)]
pub struct Request {
    user_name: Option<String>,
    password: Option<String>,
    refreshtoken: Option<String>,
    verification_code: Option<String>,
    session: Option<String>,
}

/// `LoginSuccessResponse`; without the refresh token `LoginExtendSessionResponse`.
#[derive(Serialize, JsonSchema)]
pub struct Tokens {
    #[serde(flatten)]
    success: Success,
    idtoken: String,
    accesstoken: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    refreshtoken: Option<String>,
}

/// `LoginWithoutPassword`.
#[derive(Serialize, JsonSchema)]
pub struct Sent {
    #[serde(flatten)]
    success: Success,
    session: String,
}

impl From<identity::Tokens> for Tokens {
    fn from(tokens: identity::Tokens) -> Self {
        let success = Success::new("Login successful");
        Self { success, idtoken: tokens.id, accesstoken: tokens.access, refreshtoken: tokens.refresh }
    }
}

/// Gives tokens, or has a code sent.
pub async fn post(attempt: Attempt, State(app): State<App>, Body(request): Body<Request>) -> Result<Either<Json<Tokens>, Json<Sent>>> {
    if let Some(token) = request.refreshtoken {
        // It can't be guessed, so extending a session takes no try.
        return Ok(Either::One(Json(log_in::refresh(&app.ports, &token).await?.into())));
    }
    attempt.take()?;
    let name: UserName = request.user_name.unwrap_or_default().parse()?;
    let tokens = match (request.password, request.verification_code) {
        (_, Some(code)) => {
            let session = request.session.ok_or(Refusal::SessionMissing)?;
            log_in::log_in_by_code(&app.ports, &name, &session, &code).await?
        }
        (Some(password), None) => log_in::log_in(&app.ports, &name, &password).await?,
        (None, None) => {
            let session = log_in::send_code(&app.ports, &name).await?;
            let success = Success::new("Login request successful. Verification code sent");
            return Ok(Either::Other(Json(Sent { success, session })));
        }
    };
    Ok(Either::One(Json(tokens.into())))
}
