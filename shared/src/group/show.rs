//! One group with what is in it.

use super::{Group, View, Wanted, name::Name, view};
use crate::{
    Error, Ports, Refusal, Result,
    access::{
        Caller,
        membership::{self, GroupGrant, Memberships},
        role::Secondary,
    },
    id::{GroupId, NodeId},
    node::list::{self, Details, Parts},
    port::table::Cursor,
};

/// The group. What [`super::list`] costs without the list itself.
pub async fn show(ports: &Ports, grant: GroupGrant<Secondary>, wanted: Wanted) -> Result<View> {
    view::open(ports, &[grant], wanted).await?.pop().ok_or(Error::Corrupt("group"))
}

/// The caller's grant for their group of this name that is in no other: first one of those that they named, then one of the
/// others that they have. 1 get, and that of a grant; for one of the others 1 get and 1 batched get more.
///
/// Refusal: [`Refusal::NoGroupOfName`].
pub async fn named(ports: &Ports, caller: &Caller, name: &Name) -> Result<GroupGrant<Secondary>> {
    let id = match ports.table.get(&name.key(caller.user_id())).await? {
        Some(record) => record.str("group").and_then(|id| id.parse().ok()).ok_or(Error::Corrupt("name of a group"))?,
        None => shared(ports, caller, name).await?.ok_or(Refusal::NoGroupOfName)?,
    };
    let grant = membership::grant(ports, caller, &id).await;
    grant.map_err(|error| error.instead(&Refusal::NoSuchGroup, Refusal::NoGroupOfName))
}

async fn shared(ports: &Ports, caller: &Caller, name: &Name) -> Result<Option<GroupId>> {
    let memberships = Memberships::of(ports, caller.user_id()).await?;
    let keys: Vec<_> = memberships.with_others().map(Group::key).collect();
    if keys.is_empty() {
        return Ok(None);
    }
    let groups = ports.table.get_many(&keys).await?;
    let groups = groups.iter().flatten().map(Group::read).collect::<Result<Vec<_>>>()?;
    Ok(groups.into_iter().find(|group| group.name == *name).map(|group| group.id))
}

/// Of the nodes of a group a page, by the order of their ids.
pub fn ids(view: &View, limit: usize, after: Option<&Cursor>) -> (Vec<NodeId>, Option<Cursor>) {
    let mut nodes: Vec<_> = view.nodes.iter().filter(|node| after.is_none_or(|after| node.as_str() > after.sort())).cloned().collect();
    let more = nodes.len() > limit;
    nodes.truncate(limit);
    let next = nodes.last().filter(|_| more).map(after_node);
    (nodes, next)
}

/// The same with details, shorter where it would be too large. 2 batched gets for each 100 nodes.
pub async fn details(
    ports: &Ports,
    caller: &Caller,
    view: &View,
    limit: usize,
    after: Option<&Cursor>,
) -> Result<(Vec<Details>, Option<Cursor>)> {
    let (nodes, next) = ids(view, limit, after);
    let details = list::of_group(ports, caller, (&view.group.id, view.membership), &nodes, Parts::ALL).await?;
    let cut = details.last().filter(|_| details.len() < nodes.len()).map(|last| after_node(&last.association.node));
    Ok((details, cut.or(next)))
}

fn after_node(node: &NodeId) -> Cursor {
    Cursor::at(node.as_str())
}
