//! `POST /v1/user/nodes/{node_id}/proxy/{action}` (contract `rest-3.md`, `mqtt-and-node.md` §4.5): what a
//! node without a network has signed. Errors: 100006, 103020, 103046 to 103049, 103052, 103062, 103063.

use axum::extract::{Path, State, rejection::PathRejection};
use serde::Deserialize;
use shared::{
    Error, Refusal,
    access::{
        grant::{self, Granted},
        role::Secondary,
    },
    id::NodeId,
    node::proxy::{self, Action},
};
use web::{App, Body, Caller, Result, reply::Success};

/// `NodeProxyRequest`: the text as it was signed, and the signature in hexadecimal digits.
#[derive(Deserialize)]
pub struct Request {
    node_payload: Option<String>,
    signature: Option<String>,
}

/// Takes a node's message from a user.
pub async fn post(
    Caller(caller): Caller,
    State(app): State<App>,
    path: std::result::Result<Path<(String, String)>, PathRejection>,
    Body(body): Body<Request>,
) -> Result<Success> {
    let Path((node, action)) = path.map_err(|_| Refusal::NotUsersNode)?;
    let node: NodeId = node.parse().map_err(|_| Refusal::NotUsersNode)?;
    let granted: Granted<Secondary, ()> = grant::grant(&app.ports, &caller, node).await.map_err(not_theirs)?;
    let action: Action = action.parse()?;
    let payload = body.node_payload.ok_or_else(|| Refusal::InvalidBody("node_payload is missing".to_owned()))?;
    let signature = body.signature.filter(|text| !text.is_empty()).ok_or(Refusal::SignatureMissing)?;
    proxy::bring(&app.ports, &granted.grant, action, &payload, &signature).await?;
    Ok(Success::new("The node's message was taken"))
}

/// Here the contract has a number of its own for a node that is not the caller's.
fn not_theirs(error: Error) -> Error {
    match error {
        Error::Refused(Refusal::NotYourNode) => Refusal::NotUsersNode.into(),
        error => error,
    }
}
