//! `GET /v1/user/node_group/sharing` (contract `rest-2.md` `GetUserGroupSharingResponse`, `clients.md` A6): who has the caller's groups, or one
//! of them, with the groups inside and around where that is wanted. With `metadata` everybody stands also among those of whom
//! something was said: the SDK then reads nothing else. It also wants the group around in a list. Errors: 108023.

use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shared::{
    group::Group,
    sharing::list_groups::{self, SharedGroup, Wanted},
};
use web::{App, Caller, Query, Result};

use super::list::Users;
use crate::group::OfGroup;

/// Which groups, and what of them.
#[derive(Deserialize, JsonSchema)]
pub struct Filter {
    #[serde(flatten)]
    group: OfGroup,
    /// Also who has the groups inside.
    sub_groups: Option<bool>,
    /// Also the groups around.
    parent_groups: Option<bool>,
    /// Everybody with what was said of them, even if nothing was.
    metadata: Option<bool>,
}

/// `GetUserGroupSharingResponse`.
#[derive(Serialize, JsonSchema)]
pub struct Reply {
    group_sharing: Vec<Shared>,
}

#[derive(Serialize, JsonSchema)]
struct Shared {
    group_id: String,
    mutually_exclusive: bool,
    users: Users,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub_groups: Option<Vec<Inside>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_groups: Option<Vec<Around>>,
}

#[derive(Serialize, JsonSchema)]
struct Inside {
    group_id: String,
    users: Users,
}

#[derive(Serialize, JsonSchema)]
struct Around {
    group_id: String,
    group_name: String,
    group_type: String,
    mutually_exclusive: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_group: Option<Box<Self>>,
}

/// Who has the caller's groups.
pub async fn get(Caller(caller): Caller, State(app): State<App>, Query(filter): Query<Filter>) -> Result<Json<Reply>> {
    let wanted = Wanted { sub_groups: filter.sub_groups == Some(true), parents: filter.parent_groups == Some(true) };
    let groups = match filter.group.id()? {
        Some(group) => list_groups::one(&app.ports, &caller, &group, wanted).await?,
        None => list_groups::all(&app.ports, &caller, wanted).await?,
    };
    Ok(Json(Reply { group_sharing: groups.into_iter().map(|group| shown(group, wanted, filter.metadata == Some(true))).collect() }))
}

fn shown(SharedGroup { group, users, sub_groups, parents }: SharedGroup, wanted: Wanted, everybody: bool) -> Shared {
    let inside =
        |(id, users): (shared::id::GroupId, list_groups::Users)| Inside { group_id: id.to_string(), users: Users::of(users, everybody) };
    Shared {
        group_id: group.id.to_string(),
        mutually_exclusive: group.is_exclusive(),
        users: Users::of(users, everybody),
        sub_groups: wanted.sub_groups.then(|| sub_groups.into_iter().map(inside).collect()),
        parent_groups: wanted.parents.then(|| {
            let nearest = parents.into_iter().fold(None, |around, parent| Some(Around::of(parent, around.map(Box::new))));
            nearest.into_iter().collect()
        }),
    }
}

impl Around {
    fn of(group: Group, parent_group: Option<Box<Self>>) -> Self {
        let mutually_exclusive = group.is_exclusive();
        let (group_id, group_name) = (group.id.to_string(), group.name.as_str().to_owned());
        Self { group_id, group_name, group_type: group.kind, mutually_exclusive, parent_group }
    }
}
