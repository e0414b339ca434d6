//! Doing what was offered: the other gets the nodes.
//!
//! A batch for some of the nodes at a time. What one has done the next try finds done, so whatever was interrupted is
//! finished by doing it again.

use super::{AT_ONCE, Deal, MAX_USERS, Request, request};
use crate::{
    Ports, Refusal, Result,
    access::{
        association::{self, Association},
        holders::{self, Holders, Place},
        role::RoleName,
    },
    id::{NodeId, UserId},
    mapping::history,
    port::table::{Batch, Key, Record, Write},
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
/// each `AT_ONCE` nodes.
///
/// Refusals: [`Refusal::NothingShared`] if who offers is no primary user of all of them any more;
/// [`Refusal::InvalidRequest`] if a node has too many users.
pub(super) async fn apply(ports: &Ports, deal: &Deal, request: Option<&Request>) -> Result<()> {
    let mut open = standing(ports, deal).await?;
    open.retain(|standing| !is_done(deal, &standing.holders));
    for Standing { holders, .. } in &open {
        if !holders.has(&deal.from, RoleName::Primary) {
            return Err(Refusal::NothingShared.into());
        }
        if holders.places().len() >= MAX_USERS && !holders.places().contains_key(&deal.to) {
            return Err(Refusal::InvalidRequest(format!("a node has at most {MAX_USERS} users")).into());
        }
    }
    let mut rest = open.as_slice();
    loop {
        let (now, later) = rest.split_at(rest.len().min(AT_ONCE));
        let mut writes = Vec::new();
        for standing in now {
            writes.extend(change(ports, deal, standing)?);
        }
        let new = now.iter().filter(|standing| !standing.holders.places().contains_key(&deal.to));
        writes.extend(history::begun(ports, &deal.to, new.map(|standing| (standing.node, standing.before.as_ref()))));
        match request {
            Some(request) if later.is_empty() => writes.extend(request.used()),
            Some(request) => writes.push(Write::Check { key: request::key(&request.id), when: request::waits() }),
            None => {}
        }
        if !writes.is_empty() {
            ports.table.write(Batch::new(writes)?).await?;
        }
        if later.is_empty() {
            return Ok(());
        }
        rest = later;
    }
}

async fn standing<'a>(ports: &Ports, deal: &'a Deal) -> Result<Vec<Standing<'a>>> {
    let before = |node| history::before_key(ports, &deal.to, node);
    let keys: Vec<Key> = deal.nodes.iter().flat_map(|node| std::iter::once(holders::key(node)).chain(before(node))).collect();
    let mut records = ports.table.get_many(&keys).await?.into_iter();
    let nodes = deal.nodes.iter().map(|node| {
        let holders = Holders::of(records.next().flatten().as_ref())?;
        let before = if before(node).is_some() { records.next().flatten() } else { None };
        Ok(Standing { node, holders, before })
    });
    nodes.collect()
}

/// Has everybody what they are to have?
fn is_done(deal: &Deal, holders: &Holders) -> bool {
    let place = |user: &UserId| holders.places().get(user);
    let same = |is: Option<&Place>, wanted: Option<&Place>| match (is, wanted) {
        (Some(is), Some(wanted)) => is.is(wanted),
        (is, wanted) => is.is_none() && wanted.is_none(),
    };
    let given = same(place(&deal.to), Some(&deal.terms.place));
    given && (!deal.terms.transfer || same(place(&deal.from), deal.terms.left().as_ref()))
}

/// The writes for one node, but those of the other's history where they did not have it.
fn change(ports: &Ports, deal: &Deal, Standing { node, holders, .. }: &Standing<'_>) -> Result<Vec<Write>> {
    let Deal { from, to, terms, .. } = deal;
    let (place, left) = (&terms.place, terms.left());
    let owner = match holders.owner.as_ref() {
        // The owner's place goes on, and a node is never without one while it has a primary user who gave it.
        Some(owner) if owner == from && terms.transfer => Some(to),
        Some(owner) if owner == to && place.role != RoleName::Primary => Some(from),
        owner => owner,
    };
    let leaver = terms.transfer.then_some((from, left.as_ref()));
    let mut writes = vec![holders.change(node, std::iter::once((to, Some(place))).chain(leaver), owner)?];
    if holders.places().contains_key(to) {
        writes.push(association::change(to, node, place.role, place.sub_role));
        writes.extend(history::renew(ports, to, node));
    } else {
        let (role, sub_role, mapped_at) = (place.role, place.sub_role, ports.clock.now());
        writes.push(association::put(to, &Association { node: (*node).clone(), role, sub_role, mapped_at }));
    }
    if let Some(left) = left {
        writes.push(association::change(from, node, left.role, left.sub_role));
        writes.extend(history::renew(ports, from, node));
    } else if terms.transfer {
        writes.push(association::delete(from, node));
        writes.extend(history::end(ports, from, node));
    }
    Ok(writes)
}
