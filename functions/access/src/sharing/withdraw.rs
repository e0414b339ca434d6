//! `DELETE /v1/user/nodes/sharing/requests?request_id=` (contract `rest-1.md`) and the same of `/v1/user/node_group` (`rest-2.md`):
//! takes an offer back. Errors: 107021, 107025; 404 with 107026; of groups 108035, 108039; 404 with 108040.

use axum::extract::State;
use schemars::JsonSchema;
use serde::Deserialize;
use shared::{
    Refusal,
    sharing::{Kind, withdraw},
};
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

/// Takes back an offer of nodes.
pub async fn nodes(Caller(caller): Caller, State(app): State<App>, Query(which): Query<Which>) -> Result<Found<Success>> {
    let id = of(which.request_id, Refusal::NoSharingRequest)?;
    withdraw::withdraw(&app.ports, &caller, Kind::Nodes, &id).await?;
    Ok(Found(Success::new("Node sharing request removed successfully")))
}

/// Takes back an offer of groups.
pub async fn groups(Caller(caller): Caller, State(app): State<App>, Query(which): Query<Which>) -> Result<Found<Success>> {
    let id = of(which.request_id, Refusal::NoSharingRequest).map_err(|refusal| Refusal::OfGroups(Box::new(refusal)))?;
    withdraw::withdraw(&app.ports, &caller, Kind::Groups, &id).await.map_err(shared::Error::of_groups)?;
    Ok(Found(Success::new("Group sharing request removed successfully")))
}
