//! `PUT /v1/user/nodes/mapping` (contract `clients.md` A4): `add` notes the user's half and answers
//! with the id to poll, `remove` takes the node from the caller. Errors: 100006, 100009, 100036, 103003 to
//! 103006, 103013, 105046, 108023, 108056.

use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use shared::{
    Refusal,
    access::{
        grant::{self, Granted},
        role::Mapped,
    },
    id::NodeId,
    mapping::{self, Gift, remove, request},
    node::details::{Change, Metadata},
};
use web::{App, Body, Caller, Result, reply::Success};

/// `AddRemoveUserNodeMappingRequest`. The user is the caller, whatever `user_id` the CLI sends beside.
#[derive(Deserialize, JsonSchema)]
pub struct Request {
    node_id: Option<String>,
    secret_key: Option<String>,
    operation: Option<String>,
    tags: Option<Vec<String>>,
    #[schemars(with = "Option<Metadata>")]
    metadata: Option<Box<RawValue>>,
    group_id: Option<String>,
}

/// Of `add` with the id to poll.
#[derive(Serialize, JsonSchema)]
pub struct Reply {
    #[serde(flatten)]
    success: Success,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
}

/// Adds or removes a mapping.
pub async fn put(Caller(caller): Caller, State(app): State<App>, Body(body): Body<Request>) -> Result<Json<Reply>> {
    let node = body.node_id.filter(|id| !id.is_empty()).ok_or(Refusal::NodeIdMissing)?;
    let node: NodeId = node.parse().map_err(|_| Refusal::InvalidNodeId)?;
    match body.operation.as_deref() {
        Some("add") => {
            let group = mapping::group(&app.ports, &caller, body.group_id.as_deref()).await?;
            let gift = Gift { details: Change::new(body.tags.unwrap_or_default(), body.metadata.as_deref(), None)?, group };
            let id = request::request(&app.ports, &caller, &node, &body.secret_key.unwrap_or_default(), gift).await?;
            let success = Success::new("User node mapping request was added");
            Ok(Json(Reply { success, request_id: Some(id.to_string()) }))
        }
        Some("remove") => {
            let granted = grant::grant(&app.ports, &caller, node).await;
            let granted: Granted<Mapped, ()> = granted.map_err(|error| error.instead(&Refusal::NotYourNode, Refusal::NoMapping))?;
            remove::remove(&app.ports, &caller, &granted.grant).await?;
            Ok(Json(Reply { success: Success::new("User node mapping was removed"), request_id: None }))
        }
        _ => Err(Refusal::InvalidOperation.into()),
    }
}
