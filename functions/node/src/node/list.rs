//! `GET /v1/user/nodes` (contract `clients.md` A3, `rest-4-schemas.md` `NodeDetailsObject`): ids, or
//! with `node_details=true` all that is known, in pages; with `node_id` one node, always with details.
//! `status`, `config`, `params` and `show_tags` say what of the details is wanted; all by default. `tags` lists
//! nodes with these tags; such a page may be short and yet have a next. There are no Matter nodes. Errors:
//! 100010, 105042, 105043, 105046.

use axum::{Json, extract::State};
use serde::Serialize;
use serde_json::{Map, Value};
use shared::{
    access::{association::Association, role::RoleName},
    node::{
        details::{AdminAccess, Metadata},
        filter::TagFilter,
        list::{self, Details, MAX_PAGE, Parts},
    },
    params::Values,
};
use web::{App, Caller, Query, Result};

use super::presence::Status;

/// `GetNodesList`.
#[derive(Serialize)]
pub struct Reply {
    nodes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    node_details: Option<Vec<Node>>,
    /// Only if there is another page: a client would loop for ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_id: Option<String>,
    /// On this page.
    total: usize,
}

#[derive(Serialize)]
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
    metadata: Metadata,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    admin_access: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status>,
    #[serde(skip_serializing_if = "Option::is_none")]
    config: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    params: Option<Values>,
}

/// The caller's nodes.
pub async fn get(Caller(caller): Caller, State(app): State<App>, query: Query) -> Result<Json<Reply>> {
    if query.flag("is_matter") == Some(true) {
        let node_details = (query.flag("node_details") == Some(true)).then(Vec::new);
        return Ok(Json(Reply { nodes: Vec::new(), node_details, next_id: None, total: 0 }));
    }
    if let Some(node) = query.node_id()? {
        let details = list::one(&app.ports, &caller, node).await?;
        return Ok(Json(reply(vec![details], None, &query)));
    }
    let (limit, after) = query.page(MAX_PAGE)?;
    let filter = query.get("tags").map(str::parse::<TagFilter>).transpose()?;
    if query.flag("node_details") == Some(true) {
        let (details, next) = list::details(&app.ports, &caller, filter.as_ref(), parts(&query), limit, after).await?;
        return Ok(Json(reply(details, next.map(|next| next.to_string()), &query)));
    }
    let (associations, next) = match filter {
        Some(filter) => {
            let (found, next) = list::tagged(&app.ports, &caller, &filter, limit, after).await?;
            (found.into_iter().map(|(association, _)| association).collect(), next)
        }
        None => list::ids(&app.ports, &caller, limit, after).await?,
    };
    let nodes = ids(associations.iter());
    Ok(Json(Reply { total: nodes.len(), nodes, node_details: None, next_id: next.map(|next| next.to_string()) }))
}

fn ids<'a>(associations: impl Iterator<Item = &'a Association>) -> Vec<String> {
    associations.map(|association| association.node.to_string()).collect()
}

fn wants(query: &Query, part: &str) -> bool {
    query.flag(part) != Some(false)
}

fn parts(query: &Query) -> Parts {
    Parts { config: wants(query, "config"), params: wants(query, "params"), status: wants(query, "status") }
}

fn reply(details: Vec<Details>, next_id: Option<String>, query: &Query) -> Reply {
    let nodes = ids(details.iter().map(|details| &details.association));
    let details = details.into_iter().map(|details| node(details, query)).collect();
    Reply { total: nodes.len(), nodes, node_details: Some(details), next_id }
}

fn node(details: Details, query: &Query) -> Node {
    let Details { association, given, config, params, presence } = details;
    let wants = |part: &str| wants(query, part);
    let params = wants("params").then(|| params.readable(config.as_ref()));
    Node {
        id: association.node.to_string(),
        node_id: association.node.to_string(),
        node_type: "rainmaker",
        role: association.role.as_str(),
        primary: association.role == RoleName::Primary,
        is_matter: false,
        mapping_timestamp: association.mapped_at,
        metadata: given.metadata,
        tags: wants("show_tags").then_some(given.tags),
        admin_access: given.admin_access.map(AdminAccess::as_str),
        status: wants("status").then(|| presence.into()),
        config: config.filter(|_| wants("config")).map(|config| config.as_json().clone()),
        params,
    }
}
