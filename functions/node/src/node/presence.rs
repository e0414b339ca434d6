//! `GET /v1/user/nodes/status?node_id=` (contract `rest-1.md`, `NodeConnectivity`). Errors: 100009,
//! 103020.

use axum::Json;
use schemars::JsonSchema;
use serde::Serialize;
use shared::{
    Refusal,
    access::role::Secondary,
    node::presence::{self, Presence},
};
use web::{Allowed, Naming};

/// `{"connectivity":{"connected":<bool>,"timestamp":<ms>}}`; `{"connectivity":{}}` of a node that never
/// connected.
#[derive(Serialize, JsonSchema)]
pub struct Status {
    connectivity: Connectivity,
}

#[derive(Serialize, JsonSchema)]
struct Connectivity {
    #[serde(skip_serializing_if = "Option::is_none")]
    connected: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<i64>,
}

impl From<Presence> for Status {
    fn from(presence: Presence) -> Self {
        let (connected, timestamp) = presence.known.unzip();
        Self { connectivity: Connectivity { connected, timestamp } }
    }
}

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
