//! `GET /v1/admin/nodes` (contract `rest-1.md`, `GetAdminNodesList`, `NodeInfo`): all nodes ever registered, or one. What
//! users gave a node, and its params, are not shown. Other filters and the summary are refused. Errors: 100004, 100012,
//! 100015, 105043.

use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shared::{
    Refusal,
    id::NodeId,
    node::administer::{self, Known, MAX_PAGE},
};
use web::{Admin, App, Query, Result, extract::query::OfPage, node::Status, reply::Either};

/// Nodes on a page if it is not said how many.
const PAGE: usize = 25;

/// Which nodes.
#[derive(Deserialize, JsonSchema)]
pub struct Filter {
    #[serde(flatten)]
    page: OfPage,
    /// One node.
    node_id: Option<String>,
    #[serde(flatten)]
    others: Others,
}

/// Filters that are refused, because a list that passes over them would mislead.
#[derive(Deserialize, JsonSchema)]
pub struct Others {
    /// Refused.
    #[serde(rename = "type")]
    kind: Option<String>,
    /// Refused.
    model: Option<String>,
    /// Refused.
    fw_version: Option<String>,
    /// Refused.
    tags: Option<String>,
    /// Refused.
    node_status: Option<String>,
    /// Refused.
    subtype: Option<String>,
    /// Refused.
    project_name: Option<String>,
    /// Refused if it is `true`.
    summary: Option<bool>,
}

impl Others {
    fn refuse(&self) -> std::result::Result<(), Refusal> {
        let texts = [
            ("type", &self.kind),
            ("model", &self.model),
            ("fw_version", &self.fw_version),
            ("tags", &self.tags),
            ("node_status", &self.node_status),
            ("subtype", &self.subtype),
            ("project_name", &self.project_name),
        ];
        let given = texts.into_iter().find(|(_, value)| value.is_some()).map(|(name, _)| name);
        match given.or((self.summary == Some(true)).then_some("summary")) {
            Some(name) => Err(Refusal::InvalidRequest(format!("this deployment can't list nodes by {name}"))),
            None => Ok(()),
        }
    }
}

/// `GetAdminNodesList`.
#[derive(Serialize, JsonSchema)]
pub struct Page {
    nodes: Vec<String>,
    node_info: Vec<Node>,
    /// Only if there is another page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_id: Option<String>,
    /// On this page.
    total: usize,
}

/// `NodeInfo`. What a node says of itself is missing until it was online.
#[derive(Serialize, JsonSchema)]
#[expect(clippy::struct_field_names, reason = "the contract's names")]
pub struct Node {
    node_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fw_version: Option<String>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subtype: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    project_name: Option<String>,
    /// `deactivated`, `not_activated` (it was never online), `online` or `offline`.
    node_status: &'static str,
    /// In seconds since the epoch.
    registration_timestamp: i64,
    status: Status,
}

/// The nodes.
pub async fn get(Admin(admin): Admin, State(app): State<App>, Query(filter): Query<Filter>) -> Result<Either<Json<Page>, Json<Node>>> {
    filter.others.refuse()?;
    if let Some(id) = filter.node_id {
        let id: NodeId = id.parse().map_err(|_| Refusal::NoNodes)?;
        return Ok(Either::Other(Json(administer::one(&app.ports, &admin, &id).await?.into())));
    }
    let (limit, after) = filter.page.limits_or(PAGE, MAX_PAGE)?;
    let (known, next) = administer::list(&app.ports, &admin, limit, after).await?;
    let node_info: Vec<Node> = known.into_iter().map(Into::into).collect();
    let nodes: Vec<_> = node_info.iter().map(|node| node.node_id.clone()).collect();
    Ok(Either::One(Json(Page { total: nodes.len(), nodes, node_info, next_id: next.map(|next| next.to_string()) })))
}

impl From<Known> for Node {
    fn from(Known { registered, config, presence }: Known) -> Self {
        let info = |field| config.as_ref().and_then(|config| config.info(field)).map(str::to_owned);
        let node_status = match presence.known {
            _ if registered.revoked => "deactivated",
            None => "not_activated",
            Some((true, _)) => "online",
            Some((false, _)) => "offline",
        };
        Self {
            node_id: registered.node.to_string(),
            name: info("name"),
            fw_version: info("fw_version"),
            kind: info("type"),
            model: info("model"),
            subtype: info("subtype"),
            project_name: info("project_name"),
            node_status,
            registration_timestamp: registered.registered_at,
            status: presence.into(),
        }
    }
}
