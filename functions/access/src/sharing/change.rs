//! `PUT /v1/user/nodes/sharing/requests`, and without its last part (contract `rest-1.md`, `clients.md` A5): with nodes
//! it offers them to a user, with `accept` it answers an offer. Errors: 100006, 100036, 107001 to 107003, 107005, 107007,
//! 107008, 107011, 107017, 107021 to 107024, 107027, 107033, 107035, 107040; 429 with 100070.

use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use shared::{
    Refusal,
    id::RequestId,
    node::details::Metadata,
    sharing::{
        self, Terms, answer,
        offer::{self, Offered},
    },
};
use web::{App, Body, Caller, Result, reply::Success};

/// `AddRemoveUserNodeSharingRequest` or `AcceptOrDeclineNodeSharingRequest`.
#[derive(Deserialize, JsonSchema)]
#[expect(clippy::struct_field_names, reason = "the contract's names")]
pub struct Request {
    /// What is offered.
    #[serde(alias = "node_ids")]
    nodes: Option<Vec<String>>,
    /// To whom.
    user_name: Option<String>,
    /// As another primary user.
    primary: Option<bool>,
    /// 1 to 4, which the application gives a meaning.
    sub_role: Option<i64>,
    #[schemars(with = "Option<Metadata>")]
    metadata: Option<Box<RawValue>>,
    /// In the place of the caller.
    transfer: Option<bool>,
    /// What the caller is after a transfer: `secondary`.
    new_role: Option<String>,
    /// The answer to an offer.
    #[serde(alias = "confirm_sharing")]
    accept: Option<bool>,
    /// The offer that is answered.
    request_id: Option<String>,
}

/// Of an offer with its id; where it was done at once, no offer has that id.
#[derive(Serialize, JsonSchema)]
pub struct Reply {
    #[serde(flatten)]
    success: Success,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
}

/// Offers, or answers.
pub async fn put(Caller(caller): Caller, State(app): State<App>, Body(body): Body<Request>) -> Result<Json<Reply>> {
    let (ports, reply) = (&app.ports, |text: &str, request_id| Ok(Json(Reply { success: Success::new(text), request_id })));
    if body.nodes.is_none() && (body.accept.is_some() || body.request_id.is_some()) {
        let id = of(body.request_id, Refusal::NoRequestToAnswer)?;
        if body.accept.ok_or(Refusal::AcceptMissing)? {
            answer::accept(ports, &caller, &id).await?;
            return reply("Node sharing request accepted successfully", None);
        }
        answer::decline(ports, &caller, &id).await?;
        return reply("Node sharing request declined successfully", None);
    }
    let nodes = sharing::nodes(body.nodes.iter().flatten().map(String::as_str))?;
    let said = |word: Option<bool>| word == Some(true);
    let terms = Terms::new(said(body.primary), body.sub_role, body.metadata, said(body.transfer), body.new_role.as_deref())?;
    let other = sharing::other(ports, &caller, body.user_name.as_deref().unwrap_or_default()).await?;
    match offer::offer(ports, &caller, other, nodes, terms).await? {
        Offered::Asked(id) => reply("Node sharing request added for the user successfully", Some(id.to_string())),
        Offered::Done => reply("Node sharing added for the user successfully", Some(ports.ids.id())),
    }
}

/// The id of a request; this refusal if it can't be one.
pub(super) fn of(id: Option<String>, unknown: Refusal) -> std::result::Result<RequestId, Refusal> {
    let id = id.filter(|id| !id.is_empty()).ok_or(Refusal::SharingRequestMissing)?;
    id.parse().map_err(|_| unknown)
}
