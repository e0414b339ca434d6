//! `DELETE /v1/user/nodes/sharing/requests?request_id=` (contract `rest-1.md`): takes an offer back. Errors: 107021,
//! 107025; 404 with 107026.

use axum::extract::State;
use schemars::JsonSchema;
use serde::Deserialize;
use shared::{Refusal, sharing::withdraw};
use web::{
    App, Caller, Query, Result,
    reply::{Found, Success},
};

use super::change::of;

/// Which offer.
#[derive(Deserialize, JsonSchema)]
pub struct Which {
    /// Its id.
    #[schemars(required)]
    request_id: Option<String>,
}

/// Takes back an offer of the caller's.
pub async fn delete(Caller(caller): Caller, State(app): State<App>, Query(which): Query<Which>) -> Result<Found<Success>> {
    let id = of(which.request_id, Refusal::NoSharingRequest)?;
    withdraw::withdraw(&app.ports, &caller, &id).await?;
    Ok(Found(Success::new("Node sharing request removed successfully")))
}
