//! `POST /v1/user/nodes/{node_id}/proxy/{action}` (contract `rest-3.md`, `mqtt-and-node.md` §4.5): what a
//! node without a network has signed. Errors: 100006, 103020, 103046 to 103049, 103052, 103062, 103063.

use axum::extract::{RawPathParams, State};
use schemars::JsonSchema;
use serde::Deserialize;
use shared::{
    Refusal,
    access::role::Secondary,
    node::proxy::{self, Action},
};
use web::{Allowed, App, Body, Naming, Result, reply::Success};

/// How the node is named here.
#[derive(Debug)]
pub enum InPath {}

impl Naming for InPath {
    const IN_PATH: bool = true;
    const NOT_YOURS: Refusal = Refusal::NodeOfSomebodyElse;
}

/// `NodeProxyRequest`: the text as it was signed, and the signature in hexadecimal digits.
#[derive(Deserialize, JsonSchema)]
pub struct Request {
    node_payload: Option<String>,
    signature: Option<String>,
}

/// Takes a node's message from a user.
pub async fn post(
    allowed: Allowed<Secondary, (), InPath>,
    State(app): State<App>,
    path: RawPathParams,
    Body(body): Body<Request>,
) -> Result<Success> {
    let action = path.iter().find(|(name, _)| *name == "action").map_or("", |(_, action)| action);
    let action: Action = action.parse()?;
    let payload = body.node_payload.ok_or_else(|| Refusal::InvalidBody("node_payload is missing".to_owned()))?;
    let signature = body.signature.filter(|text| !text.is_empty()).ok_or(Refusal::SignatureMissing)?;
    proxy::bring(&app.ports, &allowed.grant, action, &payload, &signature).await?;
    Ok(Success::new("The node's message was taken"))
}
