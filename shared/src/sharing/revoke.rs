//! Taking nodes or groups from somebody with whom they are shared.

use std::collections::BTreeSet;

use super::{AT_ONCE, Deal, TRIES, Terms, What, own, request::Step, withdraw};
use crate::{
    Ports, Refusal, Result,
    access::{Caller, association, holders, holders::Holders, membership::Memberships},
    group::{leave, shift},
    id::{GroupId, NodeId, UserId},
    mapping::history,
    outbox::{self, News},
    port::table::Write,
};

/// Takes the caller's nodes from the other, at once, with what is still offered to them of these. If the other is a node's owner,
/// the caller has that place from now on, so that nobody else loses the node.
///
/// Refusals: [`Refusal::NotYourNodes`], [`Refusal::NotPrimaryOfNodes`]; [`Refusal::NothingShared`] if the other has none
/// of them, [`Refusal::SharedByGroup`] if they have any by a group.
pub async fn nodes(ports: &Ports, caller: &Caller, from: &UserId, nodes: &[NodeId]) -> Result<()> {
    own(ports, caller, nodes).await?;
    // First what is offered: what they accept at this moment is seen by what follows.
    let withdrawn = withdraw::all_of(ports, caller, from, &What::Nodes(nodes.to_vec())).await?;
    for tried in 0..TRIES {
        let holders = own(ports, caller, nodes).await?;
        let shared: Vec<_> = nodes.iter().zip(&holders).filter(|(_, holders)| holders.places().contains_key(from)).collect();
        if shared.is_empty() && tried == 0 && withdrawn == 0 {
            let memberships = Memberships::of(ports, from).await?;
            let by_group = holders.iter().any(|holders| memberships.strongest(holders.spots.keys()).is_some());
            return Err(if by_group { Refusal::SharedByGroup } else { Refusal::NothingShared }.into());
        }
        match take(ports, caller, from, &shared).await {
            Err(error) if error.is_conflict() => {}
            done => return done,
        }
    }
    Err(Refusal::TooManyTries.into())
}

async fn take(ports: &Ports, caller: &Caller, from: &UserId, shared: &[(&NodeId, &Holders)]) -> Result<()> {
    let mut rest = shared;
    while !rest.is_empty() {
        let (mut writes, mut size, mut taken): (Vec<Write>, usize, usize) = (Vec::new(), 0, 0);
        for (node, holders) in rest {
            let owner = holders.owner.as_ref().map(|owner| if owner == from { caller.user_id() } else { owner });
            let mut whole = vec![holders.change(holders::key(node), [(from, None)], owner)?, association::delete(from, node)];
            whole.extend(history::end(ports, from, node));
            size += whole.len() + 2 * holders.spots_by(from).count();
            if size > AT_ONCE && taken > 0 {
                break;
            }
            writes.extend(whole);
            taken += 1;
        }
        let (now, later) = rest.split_at(taken);
        // Nodes may leave the same group.
        writes.extend(shift::out(now.iter().flat_map(|(node, holders)| holders.spots_by(from).map(move |group| (group, *node)))));
        let news = revoked(caller, from, What::Nodes(now.iter().map(|(node, _)| (*node).clone()).collect()))?;
        outbox::write(ports, writes, [news]).await?;
        rest = later;
    }
    Ok(())
}

/// Takes the caller's groups from the other, with what is still offered to them of these, and with the nodes that they put
/// there.
///
/// Refusals: [`Refusal::NotYourGroups`], [`Refusal::NotPrimaryOfGroups`]; [`Refusal::GroupNotShared`] if the other has none of
/// them, [`Refusal::SharedByParent`] if they have any by a group around it.
pub async fn groups(ports: &Ports, caller: &Caller, from: &UserId, ids: &[GroupId]) -> Result<()> {
    super::groups::own(ports, caller, ids, false).await?;
    let withdrawn = withdraw::all_of(ports, caller, from, &What::Groups(ids.to_vec())).await?;
    let holders = super::groups::own(ports, caller, ids, false).await?;
    let shared: BTreeSet<_> =
        ids.iter().zip(&holders).filter(|(_, holders)| holders.places().contains_key(from)).map(|(id, _)| id).collect();
    if shared.len() < ids.len() {
        super::groups::not_by_parent(ports, from, ids).await?;
    }
    if shared.is_empty() && withdrawn == 0 {
        return Err(Refusal::GroupNotShared.into());
    }
    for group in shared {
        let news = revoked(caller, from, What::Groups(vec![group.clone()]))?;
        match leave::end(ports, group, from, None, vec![news]).await {
            // They have left by themselves.
            Err(crate::Error::Refused(Refusal::GroupNotShared)) => {}
            done => done?,
        }
    }
    Ok(())
}

/// The caller, who has these groups, but not as their only primary user, gives them up.
///
/// Refusals: [`Refusal::NoSuchGroup`], [`Refusal::SoleOwnerStays`], [`Refusal::SharedByParent`].
pub async fn leave(ports: &Ports, caller: &Caller, ids: &[GroupId]) -> Result<()> {
    super::groups::may_leave(ports, caller.user_id(), ids).await?;
    for group in ids {
        leave::group(ports, group, caller.user_id()).await?;
    }
    Ok(())
}

fn revoked(caller: &Caller, from: &UserId, what: What) -> Result<News> {
    let deal = Deal { from: caller.user_id().clone(), to: from.clone(), what, terms: Terms::new(false, None, None, false, None)? };
    Ok(deal.news(Step::Revoked, None))
}
