//! `GET /v1/user/node_group` (contract `rest-2.md`, `clients.md` A6): the caller's groups in pages, or one by its id or by its name, for
//! which the answer is an array (`clients.md` D13). `node_list` shows nodes, `sub_groups` the groups inside; for one
//! group `node_details` shows nodes with all that is known of them, and pages are of nodes. There are no Matter nodes yet,
//! nor details of fabrics. Errors: 105043, 108023, 108029, 108030.

use std::collections::BTreeMap;

use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shared::{
    Refusal,
    access::{self, GroupGrant, membership, role::Secondary},
    group::{
        MAX_NODES, Wanted,
        list::{self, MAX_PAGE, PAGE},
        show,
    },
    node::list::Parts,
    port::table::Cursor,
};
use web::{
    App, Caller, Query, Result,
    extract::query::OfPage,
    node::Node,
    reply::{Either, Found},
};

use super::{
    OfGroup,
    view::{Group, Nodes},
};

/// Which groups, and what of them.
#[derive(Deserialize, JsonSchema)]
pub struct Filter {
    #[serde(flatten)]
    group: OfGroup,
    /// The group of this name that is in no other.
    group_name: Option<String>,
    #[serde(flatten)]
    page: OfPage,
    /// Their nodes' ids.
    node_list: Option<bool>,
    /// Of one group, all that is known of its nodes.
    node_details: Option<bool>,
    /// The groups inside of them.
    sub_groups: Option<bool>,
    /// Only Matter fabrics.
    is_matter: Option<bool>,
    /// Of one group, its Matter nodes: there are none.
    matter_node_list: Option<bool>,
}

/// `GetUserDeviceGroupResponse`.
#[derive(Serialize, JsonSchema)]
pub struct Reply {
    groups: Vec<Group>,
    /// Of a list: groups on this page.
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<usize>,
    /// Of a list, if there is another page: a client would loop for ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_id: Option<String>,
}

/// The caller's groups.
pub async fn get(
    Caller(caller): Caller,
    State(app): State<App>,
    Query(filter): Query<Filter>,
) -> Result<Found<Either<Json<Reply>, Json<Vec<Reply>>>>> {
    let one = |group| Reply { groups: vec![group], total: None, next_id: None };
    let found = match (filter.group.id()?, &filter.group_name) {
        (Some(_), Some(_)) => return Err(Refusal::GroupIdOrName.into()),
        (Some(id), None) => {
            let grant = membership::grant(&app.ports, &caller, &id).await?;
            Either::One(Json(one(group(&app, &caller, grant, &filter).await?)))
        }
        (None, Some(name)) => {
            let grant = show::named(&app.ports, &caller, &name.parse().map_err(|_| Refusal::NoGroupOfName)?).await?;
            Either::Other(Json(vec![one(group(&app, &caller, grant, &filter).await?)]))
        }
        (None, None) => Either::One(Json(page(&app, &caller, &filter).await?)),
    };
    Ok(Found(found))
}

async fn page(app: &App, caller: &access::Caller, filter: &Filter) -> Result<Reply> {
    let (limit, after) = filter.page.limits_or(PAGE, MAX_PAGE)?;
    let (nodes, sub_groups) = (filter.node_list == Some(true), filter.sub_groups == Some(true));
    let (views, next) = list::list(&app.ports, caller, Wanted { nodes, sub_groups }, limit, after).await?;
    let nodes = if nodes { Nodes::Ids } else { Nodes::None };
    let groups = views.into_iter().map(|view| Group::new(view, &nodes, sub_groups));
    let groups: Vec<_> = groups.filter(|group| filter.is_matter != Some(true) || group.is_matter()).collect();
    Ok(Reply { total: Some(groups.len()), groups, next_id: next.map(|next| next.to_string()) })
}

async fn group(app: &App, caller: &access::Caller, grant: GroupGrant<Secondary>, filter: &Filter) -> Result<Group> {
    let (limit, after) = filter.page.limits_or(MAX_NODES, MAX_NODES)?;
    let [list, details, matter, sub_groups] =
        [filter.node_list, filter.node_details, filter.matter_node_list, filter.sub_groups].map(|flag| flag == Some(true));
    let mut view = show::show(&app.ports, grant, Wanted { nodes: list || details, sub_groups }).await?;
    let (nodes, next) = if details {
        let (details, next) = show::details(&app.ports, caller, &view, limit, after.as_ref()).await?;
        let nodes = details.into_iter().map(|details| Node::new(details, Parts::ALL, true));
        (Nodes::Details(nodes.map(|node| (node.id().to_owned(), node)).collect()), next)
    } else if list {
        let (ids, next) = show::ids(&view, limit, after.as_ref());
        view.nodes = ids;
        (Nodes::Ids, next)
    } else if matter {
        (Nodes::Details(BTreeMap::new()), None)
    } else {
        (Nodes::None, None)
    };
    let next = next.as_ref().map(Cursor::to_string);
    Ok(Group::new(view, &nodes, sub_groups).continued(next))
}
