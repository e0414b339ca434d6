//! `PUT /v1/user/node_group?group_id=` (contract `rest-2.md`, `UpdateDeviceGroupRequest`): what a group says of itself, and with
//! `operation` nodes that come or leave. What belongs to Matter fabrics is refused. Errors: 100006, 100036, 108002, 108003, 108007, 108009, 108013,
//! 108015 to 108017, 108023 to 108025, 108056, 108127.

use axum::extract::State;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use shared::{
    Refusal,
    access::{GroupGrant, membership, role::Primary},
    group::{
        edit::{self, Change},
        members,
    },
    id::GroupId,
};
use web::{App, Body, Caller, Query, Result, reply::Success};

use super::{CustomData, OfGroup};

/// Which group.
#[derive(Deserialize, JsonSchema)]
pub struct Of {
    #[serde(flatten)]
    group: OfGroup,
    /// A Matter controller is meant: there are none.
    matter_controller: Option<bool>,
}

/// `UpdateDeviceGroupRequest`.
#[derive(Deserialize, JsonSchema)]
pub struct Request {
    group_name: Option<String>,
    r#type: Option<String>,
    description: Option<String>,
    mutually_exclusive: Option<bool>,
    /// Where the group is already: it stays.
    parent_group_id: Option<String>,
    #[serde(flatten)]
    custom_data: CustomData,
    /// `add` or `remove`, of the nodes.
    operation: Option<String>,
    nodes: Option<Vec<String>>,
    /// To a Matter fabric: refused.
    is_matter: Option<bool>,
    /// Of a Matter fabric: refused.
    csr_type: Option<String>,
    /// Of a Matter fabric: refused.
    csr_requests: Option<Vec<Value>>,
    /// Of a Matter fabric: refused.
    #[serde(rename = "request_id")]
    commissioning: Option<String>,
}

impl Request {
    fn is_of_fabric(&self) -> bool {
        self.is_matter == Some(true) || self.csr_type.is_some() || self.csr_requests.is_some() || self.commissioning.is_some()
    }
}

/// Which way nodes go.
enum Operation {
    Add,
    Remove,
}

/// Changes a group, then its nodes.
pub async fn put(Caller(caller): Caller, State(app): State<App>, Query(of): Query<Of>, Body(body): Body<Request>) -> Result<Success> {
    if body.is_of_fabric() || of.matter_controller == Some(true) {
        return Err(Refusal::NoFabrics.into());
    }
    let group = of.group.required()?;
    let operation = operation(&body)?;
    let nodes = super::nodes(body.nodes.as_deref().unwrap_or_default())?;
    let grant: GroupGrant<Primary> = membership::grant(&app.ports, &caller, &group).await?;
    if body.parent_group_id.as_ref().is_some_and(|parent| !stays(&grant, parent)) {
        return Err(Refusal::InvalidParentGroup.into());
    }
    let change = Change {
        name: body.group_name.map(|name| name.parse()).transpose()?,
        kind: body.r#type,
        description: body.description,
        exclusive: body.mutually_exclusive,
        custom_data: body.custom_data.given(),
    };
    if change.is_empty() && operation.is_none() {
        return Err(Refusal::NothingToChangeInGroup.into());
    }
    if matches!(operation, Some(Operation::Add)) {
        members::could_add(&app.ports, &grant, &nodes).await?;
    }
    if !change.is_empty() {
        edit::edit(&app.ports, &caller, &grant, &change).await?;
    }
    match operation {
        None => {}
        Some(Operation::Add) => members::add(&app.ports, &grant, &nodes).await?,
        Some(Operation::Remove) => members::remove(&app.ports, &grant, &nodes).await?,
    }
    Ok(Success::new("Group updated successfully"))
}

fn operation(body: &Request) -> Result<Option<Operation>> {
    match (body.operation.as_deref(), &body.nodes) {
        (None, None) => Ok(None),
        (Some(word), Some(_)) if word.eq_ignore_ascii_case("add") => Ok(Some(Operation::Add)),
        (Some(word), Some(_)) if word.eq_ignore_ascii_case("remove") => Ok(Some(Operation::Remove)),
        (Some(_), None) => Err(Refusal::NumberOfNodes.into()),
        _ => Err(Refusal::InvalidGroupOperation.into()),
    }
}

fn stays(grant: &GroupGrant<Primary>, parent: &str) -> bool {
    grant.group().parent().as_ref().map_or("", GroupId::as_str) == parent
}
