//! `POST /v1/logout2` and `/v1/logout` (contract `rest-1.md`, `clients.md` A2). `logout_all` stands in
//! the query (CLI) or in the body (SDK). The old path also takes a refresh token from who has no access
//! token any more. Error: 101036.

use axum::extract::State;
use schemars::JsonSchema;
use serde::Deserialize;
use shared::{Refusal, user::log_out};
use web::{App, Body, Caller, Query, Result, Visitor, reply::Success};

/// The body, all of it optional.
#[derive(Deserialize, JsonSchema)]
pub struct Request {
    refreshtoken: Option<String>,
    logout_all: Option<bool>,
}

/// The query, all of it optional.
#[derive(Deserialize, JsonSchema)]
pub struct Which {
    /// End every session of the user.
    #[schemars(with = "Option<bool>")]
    logout_all: Option<String>,
}

/// Ends sessions of the caller.
pub async fn post(
    Caller(caller): Caller,
    State(app): State<App>,
    Query(which): Query<Which>,
    Body(request): Body<Request>,
) -> Result<Success> {
    let all = match which.logout_all.map(|all| all.to_ascii_lowercase()).as_deref() {
        None => request.logout_all.unwrap_or(false),
        Some("true") => true,
        Some("false") => false,
        Some(_) => return Err(Refusal::InvalidLogoutAll.into()),
    };
    log_out::log_out(&app.ports, &caller, request.refreshtoken, all).await?;
    Ok(Success::new("Logged out successfully"))
}

/// Ends sessions of the caller, or of nobody who is known the one of the refresh token.
pub async fn post_old(
    Visitor(caller): Visitor,
    State(app): State<App>,
    which: Query<Which>,
    Body(request): Body<Request>,
) -> Result<Success> {
    if let Some(caller) = caller {
        return post(Caller(caller), State(app), which, Body(request)).await;
    }
    if let Some(token) = request.refreshtoken {
        log_out::end(&app.ports, &token).await?;
    }
    Ok(Success::new("Logged out successfully"))
}
