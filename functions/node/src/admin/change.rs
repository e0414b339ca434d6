//! `PUT /v1/admin/nodes?activate=false&node_id=a,b` (contract `rest-1.md`, `NodeActivationAPIMultiStageResponse`): the nodes'
//! certificates prove nothing any more, for ever; each node has its own outcome. There are no tags of administrators.
//! Errors: 100004, 100006, 100012, 100015, 105003, 105018, 105025, 105062.

use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shared::{
    Refusal,
    node::administer::{self, MAX_NODES},
};
use web::{
    Admin, App, Body, Query, Result,
    reply::{Multi, Success},
};

use crate::params::set::Outcome;

/// Which nodes.
#[derive(Deserialize, JsonSchema)]
pub struct Wanted {
    /// `true` is refused: a certificate that was revoked stays revoked.
    activate: Option<bool>,
    /// At most 25, with commas between them.
    node_id: Option<String>,
}

/// None of it is needed.
#[derive(Deserialize, JsonSchema)]
pub struct Request {
    /// Refused unless empty.
    tags: Option<Vec<String>>,
}

/// `NodeActivationAPIMultiStageResponse`.
#[derive(Serialize, JsonSchema)]
pub struct Reply {
    responses: Vec<Outcome>,
}

/// Revokes certificates.
pub async fn put(
    Admin(admin): Admin,
    State(app): State<App>,
    Query(wanted): Query<Wanted>,
    Body(request): Body<Request>,
) -> Result<Multi<Reply>> {
    if request.tags.is_some_and(|tags| !tags.is_empty()) {
        return Err(Refusal::InvalidRequest("this deployment keeps no tags of administrators for nodes".to_owned()).into());
    }
    let ids = wanted.node_id.ok_or(Refusal::NodeIdsMissing)?;
    let mut ids: Vec<&str> = ids.split(',').map(str::trim).filter(|id| !id.is_empty()).collect();
    ids.sort_unstable();
    ids.dedup();
    match (ids.len(), wanted.activate) {
        (0, _) => return Err(Refusal::NodeIdsMissing.into()),
        (count, _) if count > MAX_NODES => return Err(Refusal::TooManyNodes.into()),
        (_, None) => return Err(Refusal::ActivateMissing.into()),
        (_, Some(true)) => return Err(Refusal::NoReactivation.into()),
        (_, Some(false)) => {}
    }
    let mut responses = Vec::with_capacity(ids.len());
    for id in ids {
        let revoked = match id.parse() {
            Ok(node) => administer::revoke(&app.ports, &admin, node).await,
            Err(_) => Err(Refusal::NoNodes.into()),
        };
        responses.push(Outcome::new(id.to_owned(), revoked.map(|()| Success::new("Node deactivated successfully"))));
    }
    Ok(Multi(Reply { responses }))
}
