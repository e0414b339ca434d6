//! It is proved whose the node is: it changes hands. In a mapping by secret that is so when both halves are
//! there.

use super::{Gift, NodeHalf, UserHalf, history, node_half_key, request_key, user_half_key};
use crate::{
    Ports, Refusal, Result,
    access::{
        association::{self, Association},
        holders::Holders,
        role::RoleName,
    },
    group::members,
    id::{NodeId, UserId},
    node::details,
    outbox::{self, News},
    port::{
        events::EventType,
        table::{Merge, When, Write},
    },
};

/// Writes for each user who leaves, beside those of the node's groups.
pub(super) const FOR_EACH: usize = 2;
/// Tries against other changes of hands at the same moment.
const TRIES: usize = 5;

/// A change of hands that somebody has proved.
pub(super) struct Handover<'a> {
    /// The node.
    pub(super) node: &'a NodeId,
    /// Its new owner.
    pub(super) user: &'a UserId,
    /// Others leave even if the user is the owner already.
    pub(super) reset: bool,
    /// What they bring for the node.
    pub(super) gift: &'a Gift,
    /// What uses the proof up, each write under the condition that it is still there.
    pub(super) proof: Vec<Write>,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The node is the user's.
    Done,
    /// Something else has used the proof up.
    ProofGone,
}

/// Gives the node to the user if the halves match. Several callers may see both halves: one batch
/// succeeds, for the others there is nothing left to do. 2 gets, 1 batch.
pub(super) async fn confirm(ports: &Ports, node: &NodeId, request: &UserHalf, report: &NodeHalf) -> Result<()> {
    if !report.matches(request) {
        return Ok(());
    }
    let user = &request.user;
    let wanted = When::FieldEq("request".to_owned(), request.request.as_str().into());
    let proof = vec![
        Write::Delete { key: user_half_key(user, node), when: wanted },
        Write::Delete { key: node_half_key(node), when: When::Version(report.version) },
        Write::Merge(Merge::new(request_key(user, &request.request)).set("status", "confirmed").when(When::Present)),
    ];
    hand_over(ports, &Handover { node, user, reset: report.reset, gift: &request.gift, proof }).await.map(drop)
}

/// Gives the node to the user. Whoever had it leaves, unless the user is its owner already. 1 get and 1
/// batch, and as much again for as many users who leave as one batch has no room for.
pub(super) async fn hand_over(ports: &Ports, handover: &Handover<'_>) -> Result<Outcome> {
    let mut tries = 0;
    while tries < TRIES {
        let holders = Holders::read(ports, handover.node).await?;
        let keeps_shares = holders.owner.as_ref() == Some(handover.user) && !handover.reset;
        let others: Vec<_> = holders.users().filter(|other| *other != handover.user && !keeps_shares).collect();
        // Who gets the node takes it from where they had put it, too, unless they keep it as it is.
        let own = Some(handover.user).filter(|user| !keeps_shares && holders.spots_by(user).next().is_some());
        let going: Vec<_> = others.iter().copied().chain(own).collect();
        let mut leaving = holders.can_leave(&going, FOR_EACH);
        let last = leaving.len() == going.len();
        leaving.truncate(others.len());
        let writes =
            if last { give(ports, handover, &holders, &leaving, keeps_shares).await? } else { clear(ports, handover, &holders, &leaving)? };
        let comes = last && holders.owner.as_ref() != Some(handover.user);
        match outbox::write(ports, writes, left(handover.node, &leaving).into_iter().chain(comes.then(|| came(handover)))).await {
            Ok(()) if last => {
                if let Some(group) = &handover.gift.group {
                    members::settle(ports, handover.user, group, handover.node).await?;
                }
                return Ok(Outcome::Done);
            }
            Ok(()) => {}
            // Unless someone else used the proof up, only the node's users have changed.
            Err(error) if error.is_conflict() => {
                if !ports.table.all_hold(&handover.proof).await? {
                    return Ok(Outcome::ProofGone);
                }
                tries += 1;
            }
            Err(error) => return Err(error),
        }
    }
    Err(Refusal::TooManyTries.into())
}

/// The writes by which users leave.
pub(super) fn leave(ports: &Ports, node: &NodeId, users: &[&UserId]) -> Vec<Write> {
    users.iter().flat_map(|user| std::iter::once(association::delete(user, node)).chain(history::end(ports, user, node))).collect()
}

/// What is told when they have left; nothing if nobody has.
pub(super) fn left(node: &NodeId, users: &[&UserId]) -> Option<News> {
    (!users.is_empty()).then(|| News::of(EventType::NodeRemoved).node(node).users(users.iter().copied()))
}

/// What is told when the user has become the owner.
fn came(handover: &Handover<'_>) -> News {
    News::of(EventType::NodeAdded).node(handover.node).users([handover.user]).data("role", RoleName::Primary.as_str())
}

/// The last batch: everybody else leaves, the user comes with what they bring, the proof is used up.
async fn give(ports: &Ports, handover: &Handover<'_>, holders: &Holders, others: &[&UserId], keeps_shares: bool) -> Result<Vec<Write>> {
    let Handover { node, user, gift, proof, .. } = handover;
    let before = holders.places().get(user);
    let mut writes = leave(ports, node, others);
    writes.push(holders.give(node, user, ports.clock.now_ms(), keeps_shares));
    let vacated = others.iter().copied().chain([*user]).filter(|_| !keeps_shares);
    writes.extend(vacated.flat_map(|user| holders.vacated(node, user)));
    let sub_role = before.filter(|_| keeps_shares).and_then(|place| place.sub_role);
    let association = Association::own((*node).clone(), RoleName::Primary, sub_role, ports.clock.now());
    writes.push(association::put(user, &association));
    writes.extend(proof.iter().cloned());
    writes.extend(details_of(ports, node, &gift.details, keeps_shares).await?);
    writes.extend(note(ports, node, user, before.is_some()).await?);
    Ok(writes)
}

/// What the user brings along. 1 get if they have the node already and bring anything.
async fn details_of(ports: &Ports, node: &NodeId, gift: &details::Change, keeps: bool) -> Result<Vec<Write>> {
    match (keeps, gift.is_empty()) {
        (true, true) => Ok(Vec::new()),
        (true, false) => details::give(node, Some(&details::kept(ports, node).await?), gift),
        (false, _) => details::give(node, None, gift),
    }
}

/// The history of the user who gets the node. 1 get if they did not have it.
async fn note(ports: &Ports, node: &NodeId, user: &UserId, has_it: bool) -> Result<Vec<Write>> {
    if has_it {
        return Ok(history::renew(ports, user, node).into_iter().collect());
    }
    history::begin(ports, user, node).await
}

/// A batch before the last: there are too many users for one, so these leave first.
fn clear(ports: &Ports, handover: &Handover<'_>, holders: &Holders, leaving: &[&UserId]) -> Result<Vec<Write>> {
    let Handover { node, proof, .. } = handover;
    let mut writes = leave(ports, node, leaving);
    writes.extend(holders.without(node, leaving)?);
    writes.extend(proof.iter().map(|write| Write::Check { key: write.key().clone(), when: write.when().clone() }));
    Ok(writes)
}
