//! One group with what is in it.

use super::{View, Wanted, name::Name, view};
use crate::{
    Error, Ports, Refusal, Result,
    access::{
        Caller,
        membership::{self, GroupGrant},
        role::Secondary,
    },
    id::NodeId,
    node::list::{self, Details, Parts},
    port::table::Cursor,
};

/// The group. What [`super::list`] costs without the list itself.
pub async fn show(ports: &Ports, grant: GroupGrant<Secondary>, wanted: Wanted) -> Result<View> {
    view::open(ports, &[grant], wanted).await?.pop().ok_or(Error::Corrupt("group"))
}

/// The caller's grant for their group of this name that is in no other. 1 get, and that of a grant.
///
/// Refusal: [`Refusal::NoGroupOfName`].
pub async fn named(ports: &Ports, caller: &Caller, name: &Name) -> Result<GroupGrant<Secondary>> {
    let record = ports.table.get(&name.key(caller.user_id())).await?.ok_or(Refusal::NoGroupOfName)?;
    let id = record.str("group").and_then(|id| id.parse().ok()).ok_or(Error::Corrupt("name of a group"))?;
    let grant = membership::grant(ports, caller, &id).await;
    grant.map_err(|error| error.instead(&Refusal::NoSuchGroup, Refusal::NoGroupOfName))
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
    let (details, seen) = list::of(ports, caller, &nodes, Parts::ALL).await?;
    let cut = nodes.get(..seen).and_then(<[_]>::last).filter(|_| seen < nodes.len()).map(after_node);
    Ok((details, cut.or(next)))
}

fn after_node(node: &NodeId) -> Cursor {
    Cursor::at(node.as_str())
}
