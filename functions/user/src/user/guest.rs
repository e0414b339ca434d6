//! Guests (contract `rest-1.md`): `POST /v1/user/guest` begins, `POST /v1/user/guest/conversion/initiate` and
//! `…/verify` make the account a regular one. Errors: 100004, 100012 (not enabled), 101002, 101003, 101004,
//! 101006, 101012, 101097.

use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shared::{
    Refusal,
    user::{guest, name::UserName},
};
use web::{
    App, Attempt, Body, Caller, Result,
    reply::{Created, Success},
};

use super::log_in::Tokens;

/// `GuestLoginSuccessResponse`.
#[derive(Serialize, JsonSchema)]
pub struct Begun {
    #[serde(flatten)]
    tokens: Tokens,
    user_name: String,
}

/// `GuestConversionInitiateRequest`, `GuestConversionVerifyRequest`.
#[derive(Deserialize, JsonSchema)]
pub struct Request {
    user_name: Option<String>,
    verification_code: Option<String>,
    password: Option<String>,
}

/// Makes a guest.
pub async fn begin(attempt: Attempt, State(app): State<App>) -> Result<Created<Begun>> {
    attempt.take()?;
    let (name, tokens) = guest::begin(&app.ports).await?;
    Ok(Created(Begun { tokens: tokens.into(), user_name: name.as_str().to_owned() }))
}

/// Has a code sent to the name.
pub async fn initiate(Caller(caller): Caller, attempt: Attempt, State(app): State<App>, Body(request): Body<Request>) -> Result<Success> {
    attempt.take()?;
    guest::send_code(&app.ports, &caller, &name(request.user_name)?).await?;
    Ok(Success::new("Verification code sent successfully"))
}

/// Converts the account.
pub async fn verify(Caller(caller): Caller, attempt: Attempt, State(app): State<App>, Body(request): Body<Request>) -> Result<Success> {
    attempt.take()?;
    let name = name(request.user_name)?;
    let (Some(code), Some(password)) = (request.verification_code, request.password) else {
        return Err(Refusal::PasswordOrCodeMissing.into());
    };
    guest::convert(&app.ports, &caller, &name, &code, &password.parse()?).await?;
    Ok(Success::new("Guest account converted to regular account successfully"))
}

/// Here the contract has a refusal of its own for phone numbers.
fn name(given: Option<String>) -> std::result::Result<UserName, Refusal> {
    given.unwrap_or_default().parse().map_err(|refusal| match refusal {
        Refusal::NoPhoneNumbers => Refusal::GuestNeedsEmail,
        refusal => refusal,
    })
}
