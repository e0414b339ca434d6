//! Doing what was offered of nodes: the other gets them.
//!
//! A batch for some of the nodes at a time. What one has done the next try finds done, so whatever was interrupted is
//! finished by doing it again.

use super::{
    AT_ONCE, Deal, Request,
    request::{self, Step},
};
use crate::{
    Ports, Refusal, Result,
    access::{
        association::{self, Association},
        holders::{self, Holders, MAX_USERS, Place},
        role::RoleName,
    },
    group::shift,
    id::{GroupId, NodeId, UserId},
    mapping::history,
    outbox,
    port::table::{Key, Record, Write},
};

/// A node as it stands.
struct Standing<'a> {
    node: &'a NodeId,
    holders: Holders,
    /// Of the other's history with it.
    before: Option<Record>,
}

/// Gives the nodes to the other, and uses the request up, if it is one. An error for which
/// [`crate::Error::is_conflict`] holds says that something has changed meanwhile: look again. 1 batched get, and 1 batch for
/// as many nodes as it has room for, 18 as a rule.
///
/// Refusals: [`Refusal::NothingShared`] if who offers is no primary user of all of them any more;
/// [`Refusal::InvalidRequest`] if a node has too many users.
pub(super) async fn apply(ports: &Ports, deal: &Deal, nodes: &[NodeId], request: Option<&Request>) -> Result<()> {
    let mut open = standing(ports, deal, nodes).await?;
    open.retain(|standing| !is_done(deal, &standing.holders));
    for Standing { holders, .. } in &open {
        if !holders.has(&deal.from, RoleName::Primary) {
            return Err(Refusal::NothingShared.into());
        }
        has_room(holders, &deal.to)?;
    }
    let (mut batches, mut size) = (vec![Vec::new()], 0);
    for standing in &open {
        let change = change(ports, deal, standing)?;
        // And one of the history, which also counts.
        let more = change.writes.len() + 2 * change.vacated.len() + 1;
        size += more;
        if size > AT_ONCE {
            size = more;
            batches.push(Vec::new());
        }
        batches.iter_mut().last().into_iter().for_each(|last| last.push((standing, change.clone())));
    }
    let all = batches.len();
    for (number, batch) in (1..).zip(batches) {
        let done = number == all;
        let new = batch.iter().map(|(standing, _)| standing).filter(|standing| !standing.holders.places().contains_key(&deal.to));
        let mut writes = history::begun(ports, &deal.to, new.map(|standing| (standing.node, standing.before.as_ref())));
        // Nodes may leave the same group.
        writes.extend(shift::out(batch.iter().flat_map(|(standing, change)| change.vacated.iter().map(|group| (group, standing.node)))));
        writes.extend(batch.into_iter().flat_map(|(_, change)| change.writes));
        match request {
            Some(request) if done => writes.extend(request.used()),
            Some(request) => writes.push(Write::Check { key: request::key(&request.id), when: request::waits() }),
            None => {}
        }
        let news = done.then(|| deal.news(Step::Accepted, request.map(|request| &request.id)));
        if !writes.is_empty() {
            outbox::write(ports, writes, news).await?;
        }
    }
    Ok(())
}

/// What becomes of one node.
#[derive(Clone)]
struct Change {
    writes: Vec<Write>,
    /// Groups that it leaves.
    vacated: Vec<GroupId>,
}

/// Refuses one user too many.
pub(super) fn has_room(holders: &Holders, user: &UserId) -> Result<()> {
    if holders.places().len() >= MAX_USERS && !holders.places().contains_key(user) {
        return Err(Refusal::InvalidRequest(format!("a node or group has at most {MAX_USERS} users")).into());
    }
    Ok(())
}

async fn standing<'a>(ports: &Ports, deal: &Deal, nodes: &'a [NodeId]) -> Result<Vec<Standing<'a>>> {
    let before = |node| history::before_key(ports, &deal.to, node);
    let keys: Vec<Key> = nodes.iter().flat_map(|node| std::iter::once(holders::key(node)).chain(before(node))).collect();
    let mut records = ports.table.get_many(&keys).await?.into_iter();
    let nodes = nodes.iter().map(|node| {
        let holders = Holders::of(records.next().flatten().as_ref())?;
        let before = if before(node).is_some() { records.next().flatten() } else { None };
        Ok(Standing { node, holders, before })
    });
    nodes.collect()
}

/// Has everybody what they are to have?
pub(super) fn is_done(deal: &Deal, holders: &Holders) -> bool {
    let place = |user: &UserId| holders.places().get(user);
    let same = |is: Option<&Place>, wanted: Option<&Place>| match (is, wanted) {
        (Some(is), Some(wanted)) => is.is(wanted),
        (is, wanted) => is.is_none() && wanted.is_none(),
    };
    let given = same(place(&deal.to), Some(&deal.terms.place));
    given && (!deal.terms.transfer || same(place(&deal.from), deal.terms.left().as_ref()))
}

/// The owner from then on: that place goes on, and nothing is without one while it has a primary user who gave it.
pub(super) fn owner<'a>(deal: &'a Deal, holders: &'a Holders) -> Option<&'a UserId> {
    let Deal { from, to, terms, .. } = deal;
    match holders.owner.as_ref() {
        Some(owner) if owner == from && terms.transfer => Some(to),
        Some(owner) if owner == to && terms.place.role != RoleName::Primary => Some(from),
        owner => owner,
    }
}

/// The writes for one node, but those of the other's history where they did not have it.
fn change(ports: &Ports, deal: &Deal, Standing { node, holders, .. }: &Standing<'_>) -> Result<Change> {
    let Deal { from, to, terms, .. } = deal;
    let (place, left) = (&terms.place, terms.left());
    let owner = owner(deal, holders);
    let leaver = terms.transfer.then_some((from, left.as_ref()));
    let mut writes = vec![holders.change(holders::key(node), std::iter::once((to, Some(place))).chain(leaver), owner)?];
    let leaves = [(to, place.role != RoleName::Primary), (from, terms.transfer)];
    let vacated = leaves.into_iter().filter(|(_, leaves)| *leaves).flat_map(|(user, _)| holders.spots_by(user).cloned()).collect();
    if holders.places().contains_key(to) {
        writes.push(association::change(to, node, place.role, place.sub_role));
        writes.extend(history::renew(ports, to, node));
    } else {
        let (role, sub_role, mapped_at) = (place.role, place.sub_role, ports.clock.now());
        writes.push(association::put(to, &Association::own((*node).clone(), role, sub_role, mapped_at)));
    }
    if let Some(left) = left {
        writes.push(association::change(from, node, left.role, left.sub_role));
        writes.extend(history::renew(ports, from, node));
    } else if terms.transfer {
        writes.push(association::delete(from, node));
        writes.extend(history::end(ports, from, node));
    }
    Ok(Change { writes, vacated })
}
