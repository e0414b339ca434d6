//! Nodes come into groups and leave them. A node comes into a group that is in no other by a primary user who has the node
//! itself; into a group inside of that it comes from the group around it, by a primary user of that one, or by one of
//! both the group and the node.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Group, MAX_CHANGED, MAX_NODES, TRIES,
    shift::{Shift, nodes_key},
};
use crate::{
    Error, Ports, Refusal, Result,
    access::{
        holders::{self, Holders, MAX_ALL_SPOTS, MAX_SPOTS, Spot, Spots},
        membership::{self, GroupGrant},
        role::{Primary, RoleName},
    },
    id::{GroupId, NodeId, UserId},
    port::table::{Record, Write},
};

/// Puts nodes into the group. A node that was in a group which this one excludes leaves that. 1 batched get, and 1 write for
/// as many as go into one batch.
///
/// Refusals: [`Refusal::NumberOfNodes`], [`Refusal::NodesNotMapped`], [`Refusal::NotInParentGroup`].
pub async fn add(ports: &Ports, grant: &GroupGrant<Primary>, nodes: &[NodeId]) -> Result<()> {
    let nodes = checked(nodes)?;
    let mut newer = None;
    for _ in 0..TRIES {
        let grant = newer.as_ref().unwrap_or(grant);
        // Who puts a node there is to have the group as long as the node is in it.
        let also = vec![grant.stands()?];
        let id = grant.group().id.clone();
        let plan = |group: &Group, holders: &Holders| added(group, holders, grant.user(), !grant.is_direct());
        match rearrange(ports, &id, &nodes, also, plan).await {
            // Perhaps only another's place at it has changed.
            Err(Error::Refused(Refusal::NoSuchGroup)) => newer = Some(membership::again(ports, grant).await?),
            done => return done,
        }
    }
    Err(Refusal::TooManyTries.into())
}

/// Puts a node that is the user's now into a group of theirs, as [`add`]; where that can't be, it stays where it is.
pub(crate) async fn settle(ports: &Ports, user: &UserId, group: &GroupId, node: &NodeId) -> Result<()> {
    let settled = async { add(ports, &membership::of_user(ports, user, group).await?, std::slice::from_ref(node)).await };
    match settled.await {
        Err(Error::Refused(refusal)) => {
            tracing::info!(%node, %group, %refusal, "a mapped node does not come into the group");
            Ok(())
        }
        done => done,
    }
}

/// Takes nodes out of the group and of those inside of it; those that are not in it are no error. As [`add`].
///
/// Refusals: [`Refusal::NumberOfNodes`].
pub async fn remove(ports: &Ports, grant: &GroupGrant<Primary>, nodes: &[NodeId]) -> Result<()> {
    take(ports, &grant.group().id, &checked(nodes)?).await
}

/// Refuses what [`add`] would refuse. 1 batched get.
pub async fn could_add(ports: &Ports, grant: &GroupGrant<Primary>, nodes: &[NodeId]) -> Result<()> {
    check(ports, grant.user(), grant.group(), nodes, !grant.is_direct()).await
}

/// Could these nodes be put by the user into the group, if it were there? With `around` they have one around it. 1 batched get.
pub(super) async fn check(ports: &Ports, user: &UserId, group: &Group, nodes: &[NodeId], around: bool) -> Result<()> {
    let keys: Vec<_> = checked(nodes)?.iter().map(holders::key).collect();
    for record in ports.table.get_many(&keys).await? {
        added(group, &Holders::of(record.as_ref())?, user, around)?;
    }
    Ok(())
}

/// Takes these out of the group and of those inside of it.
pub(super) async fn take(ports: &Ports, group: &GroupId, nodes: &BTreeSet<NodeId>) -> Result<()> {
    rearrange(ports, group, nodes, Vec::new(), |group, holders| Ok(without(&group.id, &holders.spots))).await
}

/// Takes those of these out of the group, and of those inside of it, which this user has put there.
pub(super) async fn take_of(ports: &Ports, group: &GroupId, user: &UserId, nodes: &BTreeSet<NodeId>) -> Result<()> {
    let theirs = |group: &Group, holders: &Holders| holders.spots.get(&group.id).is_some_and(|spot| spot.by == *user);
    let plan = |group: &Group, holders: &Holders| {
        Ok(if theirs(group, holders) { without(&group.id, &holders.spots) } else { holders.spots.clone() })
    };
    rearrange(ports, group, nodes, Vec::new(), plan).await
}

/// Has all nodes of the group where the group is now, and out of those that exclude it.
pub(super) async fn replace(ports: &Ports, group: &GroupId) -> Result<()> {
    let nodes = of(ports, group).await?.into_keys().collect();
    let again = |group: &Group, holders: &Holders| match holders.spots.get(&group.id) {
        Some(spot) => Ok(placed(group, &spot.by, &holders.spots)),
        None => Ok(holders.spots.clone()),
    };
    rearrange(ports, group, &nodes, Vec::new(), again).await
}

/// The nodes of a group, and who put each there. 1 get.
pub(crate) async fn of(ports: &Ports, group: &GroupId) -> Result<BTreeMap<NodeId, UserId>> {
    Ok(read(ports.table.get(&nodes_key(group)).await?.as_ref()))
}

/// Reads the record of a group's nodes.
pub(crate) fn read(record: Option<&Record>) -> BTreeMap<NodeId, UserId> {
    let entry = |(name, record): (&String, &Record)| Some((name.parse().ok()?, record.str(name)?.parse().ok()?));
    record.into_iter().flat_map(|record| record.fields.keys().map(move |name| (name, record))).filter_map(entry).collect()
}

fn checked(nodes: &[NodeId]) -> Result<BTreeSet<NodeId>> {
    if (1..=MAX_CHANGED).contains(&nodes.len()) { Ok(nodes.iter().cloned().collect()) } else { Err(Refusal::NumberOfNodes.into()) }
}

/// Where the node is when the user has put it into the group. Who has only a group inside of others puts there no more of their
/// nodes: that would give it to them.
fn added(group: &Group, holders: &Holders, user: &UserId, around: bool) -> Result<Spots> {
    if holders.spots.contains_key(&group.id) {
        return Ok(holders.spots.clone());
    }
    let by = match group.parent() {
        Some(parent) if around || holders.has(user, RoleName::Primary) => &holders.spots.get(&parent).ok_or(Refusal::NotInParentGroup)?.by,
        None if holders.has(user, RoleName::Primary) => user,
        _ => return Err(Refusal::NodesNotMapped.into()),
    };
    let after = placed(group, by, &holders.spots);
    if after.values().filter(|spot| spot.by == *by).count() > MAX_SPOTS || after.len() > MAX_ALL_SPOTS {
        return Err(Refusal::InvalidRequest(format!("a node is in at most {MAX_SPOTS} groups of a user")).into());
    }
    Ok(after)
}

/// These, the group, and none that it excludes. Groups of one user do not exclude those of another.
fn placed(group: &Group, by: &UserId, spots: &Spots) -> Spots {
    let excluded = |(id, spot): &(&GroupId, &Spot)| **id != group.id && spot.by == *by && spot.position.excludes(&group.position);
    let mut after = spots.iter().filter(excluded).fold(spots.clone(), |after, (excluded, _)| without(excluded, &after));
    after.insert(group.id.clone(), Spot { by: by.clone(), position: group.position.clone() });
    after
}

/// These but for the group and those inside of it.
pub(super) fn without(group: &GroupId, spots: &Spots) -> Spots {
    let stays = |(id, spot): &(&GroupId, &Spot)| *id != group && !spot.position.is_in(group);
    spots.iter().filter(stays).map(|(id, spot)| (id.clone(), spot.clone())).collect()
}

/// Has each of these nodes where the plan says. Nothing is written if the plan refuses any. Each batch holds whole nodes, with
/// these writes beside, and done again changes nothing: so where another change was faster all is read and planned anew.
async fn rearrange(
    ports: &Ports,
    group: &GroupId,
    nodes: &BTreeSet<NodeId>,
    also: Vec<Write>,
    plan: impl Fn(&Group, &Holders) -> Result<Spots>,
) -> Result<()> {
    let mut keys = vec![Group::key(group)];
    keys.extend(nodes.iter().map(holders::key));
    for _ in 0..TRIES {
        let mut records = ports.table.get_many(&keys).await?.into_iter();
        let group = Group::read(&records.next().flatten().ok_or(Refusal::NoSuchGroup)?)?;
        let (mut shifts, mut total) = (vec![Shift::default()], group.total);
        for (node, record) in nodes.iter().zip(records) {
            let holders = Holders::of(record.as_ref())?;
            let after = plan(&group, &holders)?;
            if after == holders.spots {
                continue;
            }
            total += i64::from(after.contains_key(&group.id)) - i64::from(holders.spots.contains_key(&group.id));
            let longer = shifts.pop().unwrap_or_default();
            let whole = longer.clone().with(node, &holders, &after)?;
            shifts.extend(if whole.fits() { vec![whole] } else { vec![longer, Shift::default().with(node, &holders, &after)?] });
        }
        if total > i64::try_from(MAX_NODES).unwrap_or(i64::MAX) {
            return Err(Refusal::InvalidRequest(format!("a group has at most {MAX_NODES} nodes")).into());
        }
        match write(ports, &group, &shifts, &also).await {
            Err(error) if error.is_conflict() => {
                // What stands beside may be what has changed.
                if !also.is_empty() && !ports.table.all_hold(&also).await? {
                    return Err(Refusal::NoSuchGroup.into());
                }
            }
            done => return done,
        }
    }
    Err(Refusal::TooManyTries.into())
}

async fn write(ports: &Ports, group: &Group, shifts: &[Shift], also: &[Write]) -> Result<()> {
    for shift in shifts {
        if let Some(batch) = shift.batch(group, also)? {
            ports.table.write(batch).await?;
        }
    }
    Ok(())
}
