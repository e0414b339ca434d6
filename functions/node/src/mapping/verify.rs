//! `POST /v1/user/nodes/mapping/verify` (contract `mqtt-and-node.md` §4.3, `rest-1.md`): the node's signature
//! makes it the caller's. Errors: 100006, 100009, 100015, 103005, 103011, 103016, 103018, 103031, 103033,
//! 103034, 105046, 108023, 108056.

use axum::extract::State;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::value::RawValue;
use shared::{
    Refusal,
    id::NodeId,
    mapping::{self, Gift, verify},
    node::details::{Change, Metadata},
};
use web::{App, Body, Caller, Result, reply::Success};

/// `VerifyUserNodeMappingRequest`.
#[derive(Deserialize, JsonSchema)]
#[expect(clippy::struct_field_names, reason = "the contract's names")]
pub struct Request {
    request_id: Option<String>,
    node_id: Option<String>,
    challenge_response: Option<String>,
    tags: Option<Vec<String>>,
    #[schemars(with = "Option<Metadata>")]
    metadata: Option<Box<RawValue>>,
    group_id: Option<String>,
}

/// Ends a mapping by challenge.
pub async fn post(Caller(caller): Caller, State(app): State<App>, Body(body): Body<Request>) -> Result<Success> {
    let given = |text: Option<String>, missing| text.filter(|text| !text.is_empty()).ok_or(missing);
    let request = given(body.request_id, Refusal::RequestIdMissing)?.parse().map_err(|_| Refusal::NoMappingRequest)?;
    let node: NodeId = given(body.node_id, Refusal::NodeIdMissing)?.parse().map_err(|_| Refusal::InvalidNodeId)?;
    let response = given(body.challenge_response, Refusal::WrongResponse)?;
    let group = mapping::group(&app.ports, &caller, body.group_id.as_deref()).await?;
    let gift = Gift { details: Change::new(body.tags.unwrap_or_default(), body.metadata.as_deref(), None)?, group };
    verify::verify(&app.ports, &caller, &request, &node, &response, gift).await?;
    Ok(Success::new("User node mapping was added"))
}
