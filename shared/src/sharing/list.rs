//! Who has which of a user's nodes.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    Ports, Refusal, Result,
    access::{
        Caller,
        association::Association,
        grant::{self, Granted},
        holders::{self, Holders, Place},
        membership::Memberships,
        role::{RoleName, Secondary},
    },
    id::{GroupId, NodeId, UserId},
    node::list,
    port::table::Cursor,
    user::{directory, name::UserName},
};

/// Nodes in one answer.
pub const MAX_PAGE: usize = 1000;

/// A node with those of its users whom the caller may see: a primary user everybody, others themselves and the primary
/// users.
#[derive(Clone, Debug)]
pub struct Shared {
    /// What the caller is to it.
    pub association: Association,
    /// The caller's groups in which it is; not looked for in pages where the caller has the node itself.
    pub groups: Vec<GroupId>,
    /// Who has it.
    pub users: Vec<(UserName, Place)>,
}

/// Who has one of the caller's nodes. 2 batched gets; 1 get more for a guest of a node that is in groups. Refusal:
/// [`Refusal::NotYourNode`].
pub async fn one(ports: &Ports, caller: &Caller, node: NodeId) -> Result<Shared> {
    let Granted { association, loaded, .. }: Granted<Secondary, Holders> = grant::grant(ports, caller, node).await?;
    let mut groups = Vec::new();
    if association.role == RoleName::Secondary && association.groups.is_empty() && !loaded.spots.is_empty() {
        let memberships = Memberships::of(ports, caller.user_id()).await?;
        groups = loaded.spots.keys().filter(|group| memberships.has(group)).cloned().collect();
    }
    let nodes = named(ports, caller, vec![(association, loaded)], &mut BTreeMap::new()).await?;
    let mut shared = nodes.into_iter().next().ok_or(Refusal::NotYourNode)?;
    shared.groups.extend(groups);
    Ok(shared)
}

/// Who has the caller's nodes. 1 query and 2 batched gets for each 100 nodes.
///
/// Refusal: [`Refusal::NoNodesAtAll`] if there are none to begin with.
pub async fn page(ports: &Ports, caller: &Caller, limit: usize, mut after: Option<Cursor>) -> Result<(Vec<Shared>, Option<Cursor>)> {
    let (first, mut names, mut nodes) = (after.is_none(), BTreeMap::new(), Vec::new());
    loop {
        let (associations, next) = list::ids(ports, caller, limit - nodes.len(), after).await?;
        if associations.is_empty() && first && nodes.is_empty() {
            return Err(Refusal::NoNodesAtAll.into());
        }
        let keys: Vec<_> = associations.iter().map(|association| holders::key(&association.node)).collect();
        let records = ports.table.get_many(&keys).await?;
        let held = associations.into_iter().zip(records).map(|(association, record)| Ok((association, Holders::of(record.as_ref())?)));
        nodes.extend(named(ports, caller, held.collect::<Result<_>>()?, &mut names).await?);
        after = next;
        if after.is_none() || nodes.len() >= limit {
            return Ok((nodes, after));
        }
    }
}

/// With the names of those whom the caller may see. 1 batched get for those that are not known yet.
async fn named(
    ports: &Ports,
    caller: &Caller,
    held: Vec<(Association, Holders)>,
    names: &mut BTreeMap<UserId, UserName>,
) -> Result<Vec<Shared>> {
    names.entry(caller.user_id().clone()).or_insert_with(|| caller.user_name().clone());
    let seen = |association: &Association, user: &UserId, place: &Place| {
        association.role == RoleName::Primary || place.role == RoleName::Primary || user == caller.user_id()
    };
    let all = held.iter().flat_map(|(association, holders)| {
        holders.places().iter().filter(move |(user, place)| seen(association, user, place)).map(|(user, _)| user)
    });
    let unknown: BTreeSet<UserId> = all.filter(|user| !names.contains_key(user)).cloned().collect();
    names.extend(directory::names(ports, &unknown).await?);
    let nodes = held.into_iter().map(|(association, holders)| {
        let users = holders.places().iter().filter(|(user, place)| seen(&association, user, place));
        let users = users.filter_map(|(user, place)| Some((names.get(user)?.clone(), place.clone()))).collect();
        Shared { groups: association.groups.clone(), association, users }
    });
    Ok(nodes.collect())
}
