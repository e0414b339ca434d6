//! `GET /v1/user/nodes/sharing` (contract `rest-1.md`, `rest-4-schemas.md` `GetUserNodeSharingResponse`): who has the caller's
//! nodes, or one of them. Who has more nodes than one answer holds gets the rest by `start_id`. Errors: 100010,
//! 105043, 107013.

use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use shared::{
    access::{holders::Place, role::RoleName},
    node::details::Metadata,
    sharing::list::{self, MAX_PAGE, Shared},
    user::name::UserName,
};
use web::{
    App, Caller, Query, Result,
    extract::query::{OfNode, OfPage},
};

/// Which nodes.
#[derive(Deserialize, JsonSchema)]
pub struct Filter {
    #[serde(flatten)]
    node: OfNode,
    #[serde(flatten)]
    page: OfPage,
}

/// `GetUserNodeSharingResponse`.
#[derive(Serialize, JsonSchema)]
pub struct Reply {
    node_sharing: Vec<Node>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_id: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[expect(clippy::struct_field_names, reason = "the contract's names")]
struct Node {
    node_id: String,
    users: Users,
    /// By what the caller has the node: `NODE` for sharing of the node itself, or groups. Only for who does not own it.
    #[serde(skip_serializing_if = "Option::is_none")]
    sources: Option<Vec<String>>,
}

/// Who has a node or a group.
#[derive(Default, Serialize, JsonSchema)]
pub(super) struct Users {
    // Clients break without it.
    primary: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    secondary: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    primary_metadata: Vec<Said>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    secondary_metadata: Vec<Said>,
}

/// What was said of a user when the node was offered to them, if anything was.
#[derive(Serialize, JsonSchema)]
struct Said {
    user_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Metadata>")]
    metadata: Option<Box<RawValue>>,
    /// 0: none.
    sub_role: u8,
}

/// Who has the caller's nodes.
pub async fn get(Caller(caller): Caller, State(app): State<App>, Query(filter): Query<Filter>) -> Result<Json<Reply>> {
    let (nodes, next) = if let Some(node) = filter.node.id()? {
        (vec![list::one(&app.ports, &caller, node).await?], None)
    } else {
        let (limit, after) = filter.page.limits(MAX_PAGE)?;
        list::page(&app.ports, &caller, limit, after).await?
    };
    let node_sharing = nodes.into_iter().map(node).collect();
    Ok(Json(Reply { node_sharing, next_id: next.map(|next| next.to_string()) }))
}

fn node(Shared { association, groups, users }: Shared) -> Node {
    let own = association.groups.is_empty().then(|| "NODE".to_owned());
    let sources = own.into_iter().chain(groups.iter().map(ToString::to_string)).collect();
    let by_itself = association.role == RoleName::Primary && association.groups.is_empty();
    Node { node_id: association.node.to_string(), users: Users::of(users, false), sources: (!by_itself).then_some(sources) }
}

impl Users {
    /// With what was said of each; of everybody, or only of those of whom anything was.
    pub(super) fn of(all: Vec<(UserName, Place)>, everybody: bool) -> Self {
        let mut users = Self::default();
        for (name, place) in all {
            let (names, said) = match place.role {
                RoleName::Primary => (&mut users.primary, &mut users.primary_metadata),
                RoleName::Secondary => (&mut users.secondary, &mut users.secondary_metadata),
            };
            names.push(name.as_str().to_owned());
            said.extend(said_of(&name, place, everybody));
        }
        users
    }
}

fn said_of(name: &UserName, Place { sub_role, metadata, .. }: Place, everybody: bool) -> Option<Said> {
    let anything = everybody || sub_role.is_some() || metadata.is_some();
    anything.then(|| Said { user_name: name.as_str().to_owned(), metadata, sub_role: sub_role.unwrap_or_default() })
}
