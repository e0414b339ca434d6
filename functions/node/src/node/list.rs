//! `GET /v1/user/nodes` (contract `clients.md` A3, `rest-4-schemas.md` `NodeDetailsObject`): ids, or
//! with `node_details=true` all that is known, in pages; with `node_id` one node, always with details.
//! `status`, `config` and `params` say what of the details is wanted; all by default. Errors: 100010,
//! 105043.

use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use shared::{
    access::role::RoleName,
    node::list::{self, Details, MAX_PAGE},
    params::Values,
};
use web::{
    App, Caller, Query, Result,
    extract::query::{OfNode, OfPage},
};

use super::presence::Status;

/// Which nodes, and what of them.
#[derive(Deserialize, JsonSchema)]
pub struct Filter {
    #[serde(flatten)]
    node: OfNode,
    #[serde(flatten)]
    page: OfPage,
    /// All that is known of each, not its id alone.
    node_details: Option<bool>,
    /// `false` leaves the status out of the details.
    status: Option<bool>,
    /// `false` leaves the config out of the details.
    config: Option<bool>,
    /// `false` leaves the params out of the details.
    params: Option<bool>,
}

/// `GetNodesList`.
#[derive(Serialize, JsonSchema)]
pub struct Reply {
    nodes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    node_details: Option<Vec<Node>>,
    /// Only if there is another page: a client would loop for ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_id: Option<String>,
    total: usize,
}

#[derive(Serialize, JsonSchema)]
#[expect(clippy::struct_field_names, reason = "the contract's names")]
struct Node {
    // Some clients read `id`, others `node_id`.
    id: String,
    node_id: String,
    node_type: &'static str,
    role: &'static str,
    primary: bool,
    is_matter: bool,
    mapping_timestamp: i64,
    metadata: Map<String, Value>,
    tags: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status>,
    #[serde(skip_serializing_if = "Option::is_none")]
    config: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    params: Option<Values>,
}

/// The caller's nodes.
pub async fn get(Caller(caller): Caller, State(app): State<App>, Query(filter): Query<Filter>) -> Result<Json<Reply>> {
    if let Some(node) = filter.node.id()? {
        let details = list::one(&app.ports, &caller, node).await?;
        return Ok(Json(reply(vec![details], None, &filter)));
    }
    let (limit, after) = filter.page.limits(MAX_PAGE)?;
    if filter.node_details == Some(true) {
        let (details, next) = list::details(&app.ports, &caller, limit, after).await?;
        return Ok(Json(reply(details, next.map(|next| next.to_string()), &filter)));
    }
    let (associations, next) = list::ids(&app.ports, &caller, limit, after).await?;
    let nodes: Vec<_> = associations.iter().map(|association| association.node.to_string()).collect();
    Ok(Json(Reply { total: nodes.len(), nodes, node_details: None, next_id: next.map(|next| next.to_string()) }))
}

fn reply(details: Vec<Details>, next_id: Option<String>, filter: &Filter) -> Reply {
    let nodes: Vec<_> = details.iter().map(|details| details.association.node.to_string()).collect();
    let details = details.into_iter().map(|details| node(details, filter)).collect();
    Reply { total: nodes.len(), nodes, node_details: Some(details), next_id }
}

fn node(details: Details, filter: &Filter) -> Node {
    let Details { association, config, params, presence } = details;
    let wants = |part: Option<bool>| part != Some(false);
    let params = wants(filter.params).then(|| params.readable(config.as_ref()));
    Node {
        id: association.node.to_string(),
        node_id: association.node.to_string(),
        node_type: "rainmaker",
        role: association.role.as_str(),
        primary: association.role == RoleName::Primary,
        is_matter: false,
        mapping_timestamp: association.mapped_at,
        metadata: Map::new(),
        tags: Vec::new(),
        status: wants(filter.status).then(|| presence.into()),
        config: config.filter(|_| wants(filter.config)).map(|config| config.as_json().clone()),
        params,
    }
}
