//! `GET /v1/user/nodes` (contract `clients.md` A3, `rest-4-schemas.md` `NodeDetailsObject`): ids, or
//! with `node_details=true` all that is known, in pages; with `node_id` one node, always with details.
//! `status`, `config`, `params` and `show_tags` say what of the details is wanted; all by default. `tags` lists
//! nodes with these tags; such a page may be short and yet have a next. There are no Matter nodes. Errors:
//! 100010, 105042, 105043, 105046.

use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shared::{
    access::association::Association,
    node::{
        filter::TagFilter,
        list::{self, Details, MAX_PAGE, Parts},
    },
};
use web::{
    App, Caller, Query, Result,
    extract::query::{OfNode, OfPage},
    node::Node,
};

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
    /// `false` leaves the tags out of the details.
    show_tags: Option<bool>,
    /// Only nodes with these tags.
    tags: Option<String>,
    /// Only Matter nodes: there are none.
    is_matter: Option<bool>,
}

impl Filter {
    fn parts(&self) -> Parts {
        let wants = |part: Option<bool>| part != Some(false);
        Parts { config: wants(self.config), params: wants(self.params), status: wants(self.status) }
    }
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
    /// On this page.
    total: usize,
}

/// The caller's nodes.
pub async fn get(Caller(caller): Caller, State(app): State<App>, Query(filter): Query<Filter>) -> Result<Json<Reply>> {
    let with_details = filter.node_details == Some(true);
    if filter.is_matter == Some(true) {
        let node_details = with_details.then(Vec::new);
        return Ok(Json(Reply { nodes: Vec::new(), node_details, next_id: None, total: 0 }));
    }
    if let Some(node) = filter.node.id()? {
        let details = list::one(&app.ports, &caller, node).await?;
        return Ok(Json(reply(vec![details], None, &filter)));
    }
    let (limit, after) = filter.page.limits(MAX_PAGE)?;
    let tags: Option<TagFilter> = filter.tags.as_deref().map(str::parse).transpose()?;
    if with_details {
        let (details, next) = list::details(&app.ports, &caller, tags.as_ref(), filter.parts(), limit, after).await?;
        return Ok(Json(reply(details, next.map(|next| next.to_string()), &filter)));
    }
    let (associations, next) = match tags {
        Some(tags) => {
            let (found, next) = list::tagged(&app.ports, &caller, &tags, limit, after).await?;
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

fn reply(details: Vec<Details>, next_id: Option<String>, filter: &Filter) -> Reply {
    let nodes = ids(details.iter().map(|details| &details.association));
    let with_tags = filter.show_tags != Some(false);
    let details = details.into_iter().map(|details| Node::new(details, filter.parts(), with_tags)).collect();
    Reply { total: nodes.len(), nodes, node_details: Some(details), next_id }
}
