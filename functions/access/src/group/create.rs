//! `POST /v1/user/node_group` (contract `rest-2.md`, `CreateDeviceGroupRequest`): a group, perhaps inside of another, perhaps with its first
//! nodes. With `is_matter`, which the command line always says (`clients.md` D22), it also gets the id of a fabric.
//! Errors: 100006, 108001 to 108003, 108007, 108009, 108011, 108013, 108015, 108025, 108056, 108073, 108080.

use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shared::{
    Refusal,
    access::membership,
    group::create::{self, New},
    id::GroupId,
};
use web::{App, Body, Caller, Result, reply::Success};

use super::CustomData;

/// `CreateDeviceGroupRequest` and `CreateMatterFabricRequest`.
#[derive(Deserialize, JsonSchema)]
pub struct Request {
    group_name: Option<String>,
    /// The group inside of which it is to be.
    parent_group_id: Option<String>,
    r#type: Option<String>,
    /// A node of it can be in no other such group of the same type and parent.
    mutually_exclusive: Option<bool>,
    /// The first nodes.
    nodes: Option<Vec<String>>,
    description: Option<String>,
    is_matter: Option<bool>,
    #[serde(flatten)]
    custom_data: CustomData,
}

/// `CreateDeviceGroupResponse`.
#[derive(Serialize, JsonSchema)]
pub struct Reply {
    #[serde(flatten)]
    success: Success,
    group_id: String,
    /// Of a fabric.
    #[serde(skip_serializing_if = "Option::is_none")]
    fabric_id: Option<String>,
}

/// Makes a group.
pub async fn post(Caller(caller): Caller, State(app): State<App>, Body(body): Body<Request>) -> Result<Json<Reply>> {
    let name = body.group_name.filter(|name| !name.is_empty()).ok_or(Refusal::GroupNameMissing)?;
    let new = New {
        name: name.parse()?,
        kind: body.r#type.unwrap_or_default(),
        description: body.description.unwrap_or_default(),
        custom_data: body.custom_data.first(),
        exclusive: body.mutually_exclusive.unwrap_or_default(),
        fabric: body.is_matter.unwrap_or_default(),
        nodes: super::nodes(&body.nodes.unwrap_or_default())?,
    };
    let parent = match body.parent_group_id.filter(|id| !id.is_empty()) {
        None => None,
        Some(id) => {
            let id: GroupId = id.parse().map_err(|_| Refusal::InvalidParentGroup)?;
            let grant = membership::grant(&app.ports, &caller, &id).await;
            Some(grant.map_err(|error| error.instead(&Refusal::NoSuchGroup, Refusal::InvalidParentGroup))?)
        }
    };
    let group = create::create(&app.ports, &caller, parent.as_ref(), new).await?;
    let success = Success::new("Group created successfully");
    Ok(Json(Reply { success, group_id: group.id.to_string(), fabric_id: group.fabric_id }))
}
