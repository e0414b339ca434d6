//! `GET /v1/user/node_group/node_acl` (contract `rest-2.md`, `GetNodeACLResponse`): who may do what with the Matter nodes of
//! the caller's fabrics. None can be commissioned yet, so a fabric has none of whom anything could be said. Errors: 108041,
//! 108117 to 108119.

use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared::{Refusal, group::fabric};
use web::{App, Caller, Query, Result};

use super::OfGroup;

/// Which fabric.
#[derive(Deserialize, JsonSchema)]
pub struct Filter {
    #[serde(flatten)]
    group: OfGroup,
    /// One kind of rights in one Matter node.
    type_entity: Option<String>,
}

/// `GetNodeACLResponse`.
#[derive(Serialize, JsonSchema)]
pub struct Reply {
    fabric_node_acl: Vec<Value>,
}

/// The rights in the nodes of the caller's fabrics.
pub async fn get(Caller(caller): Caller, State(app): State<App>, Query(filter): Query<Filter>) -> Result<Json<Reply>> {
    let group = filter.group.id().map_err(|_| Refusal::NotYourFabric)?;
    if filter.type_entity.is_some() && group.is_none() {
        return Err(Refusal::TypeEntityAlone.into());
    }
    fabric::check(&app.ports, &caller, group.as_ref()).await?;
    Ok(Json(Reply { fabric_node_acl: Vec::new() }))
}
