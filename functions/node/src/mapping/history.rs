//! `GET /v1/user/nodes/history` (contract `rest-1.md`, `rest-4-schemas.md` `UserNodeHistoryResponse`): the nodes
//! that the caller has and had, in pages; with `node_id` one of them; with `node_type` those of a type.
//! Errors: 103042 to 103044, 105043.

use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shared::{
    Refusal,
    mapping::history::{self, Entry, History, MAX_PAGE},
    node::config::Config,
};
use web::{
    App, Caller, Query, Result,
    extract::query::{OfNode, OfPage},
};

/// What every node here is.
const TYPE: &str = "rainmaker";
/// What the contract knows beside.
const OTHER_TYPES: [&str; 3] = ["rainmaker_matter", "pure_matter", "ocpp"];

/// Which nodes.
#[derive(Deserialize, JsonSchema)]
pub struct Filter {
    #[serde(flatten)]
    node: OfNode,
    #[serde(flatten)]
    page: OfPage,
    /// Only nodes of this type; not together with a node.
    node_type: Option<String>,
}

/// `UserNodeHistoryResponse`.
#[derive(Serialize, JsonSchema)]
pub struct Reply {
    user_id: String,
    user_name: String,
    /// If it was asked for by type.
    #[serde(skip_serializing_if = "Option::is_none")]
    node_type: Option<String>,
    /// On all pages.
    total: i64,
    nodes: Vec<Node>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_id: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[expect(clippy::struct_field_names, reason = "the contract's names")]
struct Node {
    node_id: String,
    first_mapping_ts: i64,
    last_updated_ts: i64,
    mapping_count: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    node_type: Option<&'static str>,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    r#type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subtype: Option<String>,
}

/// The caller's nodes of now and before.
pub async fn get(Caller(caller): Caller, State(app): State<App>, Query(filter): Query<Filter>) -> Result<Json<Reply>> {
    let node_type = filter.node_type.as_deref();
    if node_type.is_some_and(|is| is != TYPE && !OTHER_TYPES.contains(&is)) {
        return Err(Refusal::InvalidNodeType.into());
    }
    let node = filter.node.id()?;
    if node.is_some() && node_type.is_some() {
        return Err(Refusal::InvalidHistoryQuery.into());
    }
    let (limit, after) = filter.page.limits(MAX_PAGE)?;
    let history = match node {
        Some(node) => history::one(&app.ports, &caller, &node).await?,
        None => history::list(&app.ports, &caller, limit, after).await?,
    };
    let of_type = node_type.is_none_or(|is| is == TYPE);
    let History { entries, total, next } = if of_type { history } else { History::default() };
    let nodes = entries.iter().map(|entry| show(entry, node_type.is_none())).collect();
    let (user_id, user_name) = (caller.user_id().to_string(), caller.user_name().as_str().to_owned());
    let next_id = next.map(|next| next.to_string());
    Ok(Json(Reply { user_id, user_name, node_type: filter.node_type, total, nodes, next_id }))
}

fn show(entry: &Entry, with_type: bool) -> Node {
    let info = |field: &str| entry.config.as_ref().and_then(|config: &Config| config.info(field)).map(str::to_owned);
    Node {
        first_mapping_ts: entry.first,
        last_updated_ts: entry.updated,
        mapping_count: entry.count,
        node_type: with_type.then_some(TYPE),
        status: if entry.active { "active" } else { "inactive" },
        r#type: info("type"),
        model: info("model"),
        subtype: info("subtype"),
        node_id: entry.node.to_string(),
    }
}
