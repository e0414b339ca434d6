//! Nodes come into groups and leave them.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Group, MAX_CHANGED, MAX_NODES, TRIES,
    shift::{Shift, nodes_key},
};
use crate::{
    Ports, Refusal, Result,
    access::{
        Caller,
        holding::{Holding, MAX_PLACES, Places},
        membership::GroupGrant,
        role::{Primary, RoleName},
    },
    id::{GroupId, NodeId, UserId},
    port::table::Record,
};

/// Puts nodes of the caller's into the group. A node that was in a group which this one excludes leaves that.
/// 1 batched get, and 1 write for as many as go into one batch.
///
/// Refusals: [`Refusal::NumberOfNodes`], [`Refusal::NodesNotMapped`], [`Refusal::NotInParentGroup`].
pub async fn add(ports: &Ports, caller: &Caller, grant: &GroupGrant<Primary>, nodes: &[NodeId]) -> Result<()> {
    put(ports, caller.user_id(), &grant.group().id, nodes).await
}

/// Takes nodes out of the group and of those inside of it; those that are not in it are no error. 1 get, then as
/// [`add`].
///
/// Refusals: [`Refusal::NumberOfNodes`].
pub async fn remove(ports: &Ports, grant: &GroupGrant<Primary>, nodes: &[NodeId]) -> Result<()> {
    let nodes = checked(nodes)?;
    let group = &grant.group().id;
    let within = of(ports, group).await?.into_iter().filter(|(node, _)| nodes.contains(node)).collect();
    take(ports, group, within).await
}

/// The same as [`add`], of the user's.
pub(super) async fn put(ports: &Ports, user: &UserId, group: &GroupId, nodes: &[NodeId]) -> Result<()> {
    let nodes = checked(nodes)?.into_iter().map(|node| (node, user.clone())).collect();
    rearrange(ports, group, nodes, |group, holding| added(group, holding).map(Some)).await
}

/// Could these nodes of the user's be put into the group, if it were there? 1 batched get.
pub(super) async fn check(ports: &Ports, user: &UserId, group: &Group, nodes: &[NodeId]) -> Result<()> {
    let keys: Vec<_> = checked(nodes)?.iter().map(|node| Holding::key(user, node)).collect();
    for record in ports.table.get_many(&keys).await? {
        added(group, record.as_ref().and_then(Holding::read).as_ref())?;
    }
    Ok(())
}

/// Takes these out of the group and of those inside of it.
pub(super) async fn take(ports: &Ports, group: &GroupId, nodes: BTreeMap<NodeId, UserId>) -> Result<()> {
    rearrange(ports, group, nodes, |group, holding| Ok(holding.map(|holding| without(&group.id, &holding.places)))).await
}

/// Has all nodes of the group where the group is now, and out of those that exclude it.
pub(super) async fn replace(ports: &Ports, group: &GroupId) -> Result<()> {
    let nodes = of(ports, group).await?;
    rearrange(ports, group, nodes, |group, holding| Ok(holding.map(|holding| placed(group, &holding.places)))).await
}

/// The nodes of a group, and who put each there. 1 get.
pub(super) async fn of(ports: &Ports, group: &GroupId) -> Result<BTreeMap<NodeId, UserId>> {
    Ok(read(ports.table.get(&nodes_key(group)).await?.as_ref()))
}

/// Reads the record of a group's nodes.
pub(super) fn read(record: Option<&Record>) -> BTreeMap<NodeId, UserId> {
    let entry = |(name, record): (&String, &Record)| Some((name.parse().ok()?, record.str(name)?.parse().ok()?));
    record.into_iter().flat_map(|record| record.fields.keys().map(move |name| (name, record))).filter_map(entry).collect()
}

fn checked(nodes: &[NodeId]) -> Result<BTreeSet<NodeId>> {
    if (1..=MAX_CHANGED).contains(&nodes.len()) { Ok(nodes.iter().cloned().collect()) } else { Err(Refusal::NumberOfNodes.into()) }
}

/// Where the node is when it was put into the group.
fn added(group: &Group, holding: Option<&Holding>) -> Result<Places> {
    let holding = holding.filter(|holding| holding.role == Some(RoleName::Primary)).ok_or(Refusal::NodesNotMapped)?;
    if group.parent().is_some_and(|parent| !holding.places.contains_key(&parent)) {
        return Err(Refusal::NotInParentGroup.into());
    }
    let after = placed(group, &holding.places);
    if after.len() > MAX_PLACES {
        return Err(Refusal::InvalidRequest(format!("a node is in at most {MAX_PLACES} groups")).into());
    }
    Ok(after)
}

/// These, the group, and none that it excludes.
fn placed(group: &Group, places: &Places) -> Places {
    let excluded = places.iter().filter(|(id, place)| **id != group.id && place.excludes(&group.place)).map(|(id, _)| id);
    let mut after = excluded.fold(places.clone(), |after, excluded| without(excluded, &after));
    after.insert(group.id.clone(), group.place.clone());
    after
}

/// These but for the group and those inside of it.
fn without(group: &GroupId, places: &Places) -> Places {
    places.iter().filter(|(id, place)| *id != group && !place.is_in(group)).map(|(id, place)| (id.clone(), place.clone())).collect()
}

/// Has each of these nodes where the plan says, `None` leaving it. Nothing is written if the plan refuses any. Each batch holds
/// whole nodes, and done again changes nothing, so where another change was faster all is read and planned anew.
async fn rearrange(
    ports: &Ports,
    group: &GroupId,
    nodes: BTreeMap<NodeId, UserId>,
    plan: impl Fn(&Group, Option<&Holding>) -> Result<Option<Places>>,
) -> Result<()> {
    let mut keys = vec![Group::key(group)];
    keys.extend(nodes.iter().map(|(node, user)| Holding::key(user, node)));
    for _ in 0..TRIES {
        let mut records = ports.table.get_many(&keys).await?.into_iter();
        let group = Group::read(&records.next().flatten().ok_or(Refusal::NoSuchGroup)?)?;
        let (mut shifts, mut total) = (vec![Shift::default()], group.total);
        for (node, record) in nodes.keys().zip(records) {
            let holding = record.as_ref().and_then(Holding::read);
            let after = plan(&group, holding.as_ref())?;
            let (Some(holding), Some(after)) = (holding, after) else { continue };
            if after == holding.places {
                continue;
            }
            total += i64::from(after.contains_key(&group.id)) - i64::from(holding.places.contains_key(&group.id));
            let longer = shifts.pop().unwrap_or_default();
            let whole = longer.clone().with(node, &holding, &after);
            shifts.extend(if whole.fits() { vec![whole] } else { vec![longer, Shift::default().with(node, &holding, &after)] });
        }
        if total > i64::try_from(MAX_NODES).unwrap_or(i64::MAX) {
            return Err(Refusal::InvalidRequest(format!("a group has at most {MAX_NODES} nodes")).into());
        }
        match write(ports, &group, &shifts).await {
            Err(error) if error.is_conflict() => {}
            done => return done,
        }
    }
    Err(Refusal::TooManyTries.into())
}

async fn write(ports: &Ports, group: &Group, shifts: &[Shift]) -> Result<()> {
    for shift in shifts {
        if let Some(batch) = shift.batch(group)? {
            ports.table.write(batch).await?;
        }
    }
    Ok(())
}
