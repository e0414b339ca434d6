//! A node changes hands with the group in which it is: one batch, so it is always in one hand and never out of the group.

use std::collections::BTreeSet;

use super::{TRIES, members, shift};
use crate::{
    Ports, Refusal, Result,
    access::{
        association::{self, Association},
        holders::{self, Holders, MAX_SPOTS, Place, Spot, Spots},
        membership::Memberships,
        role::RoleName,
    },
    id::{GroupId, NodeId, UserId},
    mapping::history,
    outbox::{self, News},
    port::{
        events::EventType,
        table::{Key, MAX_MERGE_FIELDS, MAX_WRITES, Record, Write},
    },
};

/// Gives the node to the other, if who gives it has put it into the group. It stays there, in all groups that the other gets,
/// and in those inside; it leaves the other groups of who gives it, and those of the other's that exclude these. 1 batched
/// get, 1 batch.
///
/// Refusals: [`Refusal::NotYourGroups`] if the other has lost the group meanwhile; [`Refusal::InvalidRequest`] if the node is in
/// too many groups.
pub(crate) async fn node(ports: &Ports, (group, all): (&GroupId, &[GroupId]), node: &NodeId, from: &UserId, to: &UserId) -> Result<()> {
    let mut keys: Vec<Key> = vec![holders::key(node), Memberships::key(to)];
    keys.extend(history::before_key(ports, to, node));
    for _ in 0..TRIES {
        let mut records = ports.table.get_many(&keys).await?.into_iter();
        let holders = Holders::of(records.next().flatten().as_ref())?;
        if holders.spots.get(group).is_none_or(|spot| spot.by != *from) {
            return Ok(());
        }
        let mut writes = vec![Memberships::read(records.next().flatten().as_ref())?.stands(to, group)?];
        writes.extend(self::writes(ports, all, node, (from, to), &holders, records.next().flatten().as_ref())?);
        let left = News::of(EventType::NodeRemoved).node(node).users([from]);
        let came = News::of(EventType::NodeAdded).node(node).users([to]).data("role", RoleName::Primary.as_str());
        match outbox::write(ports, writes, [left, came]).await {
            Err(error) if error.is_conflict() => {}
            done => return done,
        }
    }
    Err(Refusal::TooManyTries.into())
}

fn writes(
    ports: &Ports,
    groups: &[GroupId],
    node: &NodeId,
    (from, to): (&UserId, &UserId),
    holders: &Holders,
    before: Option<&Record>,
) -> Result<Vec<Write>> {
    let after = after(groups, from, to, &holders.spots);
    let owner = holders.owner.as_ref().map(|owner| if owner == from { to } else { owner });
    let place = Place::plain(RoleName::Primary);
    let mut writes = vec![holders.change_with(holders::key(node), &[(to, Some(&place)), (from, None)], owner, &after)?];
    writes.extend(shift::between(node, &holders.spots, &after));
    let association = Association::own(node.clone(), place.role, None, ports.clock.now());
    writes.extend([association::put(to, &association), association::delete(from, node)]);
    if !holders.places().contains_key(to) {
        writes.extend(history::begun(ports, to, [(node, before)]));
    }
    writes.extend(history::end(ports, from, node));
    // Beside: what is told, and the check of the membership.
    let moved = after.keys().chain(holders.spots.keys()).collect::<BTreeSet<_>>().len();
    if writes.len() + 3 > MAX_WRITES || moved + 3 > MAX_MERGE_FIELDS || after.values().filter(|spot| spot.by == *to).count() > MAX_SPOTS {
        return Err(Refusal::InvalidRequest("a node is in too many groups to change hands".to_owned()).into());
    }
    Ok(writes)
}

fn after(groups: &[GroupId], from: &UserId, to: &UserId, spots: &Spots) -> Spots {
    let moves =
        |id: &GroupId, spot: &Spot| spot.by == *from && (groups.contains(id) || groups.iter().any(|group| spot.position.is_in(group)));
    let (moved, others): (Spots, Spots) = spots.clone().into_iter().partition(|(id, spot)| moves(id, spot));
    let excluded = |spot: &Spot| spot.by == *to && moved.values().any(|moved| moved.position.excludes(&spot.position));
    let stay: Spots = others.iter().filter(|(_, spot)| spot.by != *from).map(|(id, spot)| (id.clone(), spot.clone())).collect();
    let mut after = others.iter().filter(|(_, spot)| excluded(spot)).fold(stay, |after, (id, _)| members::without(id, &after));
    after.extend(moved.iter().map(|(id, spot)| (id.clone(), Spot { by: to.clone(), ..spot.clone() })));
    after
}
