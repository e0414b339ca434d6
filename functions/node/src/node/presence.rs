//! `GET /v1/user/nodes/status?node_id=` (contract `rest-1.md`, `NodeConnectivity`). Errors: 100009,
//! 103020.

use axum::Json;
use shared::{
    Refusal,
    access::role::Secondary,
    node::presence::{self, Presence},
};
use web::{Allowed, Naming, node::Status};

/// How the node is named here.
#[derive(Debug)]
pub enum InQuery {}

impl Naming for InQuery {
    const NOT_YOURS: Refusal = Refusal::NodeOfSomebodyElse;
}

/// Whether the node is online.
pub async fn get(allowed: Allowed<Secondary, Presence, InQuery>) -> Json<Status> {
    Json(presence::show(&allowed.grant, allowed.loaded).into())
}
