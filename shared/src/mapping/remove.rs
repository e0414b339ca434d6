//! Unmapping: by a user, or by the node's factory reset. The node is not told
//! (contract `mqtt-and-node.md` §4.4). With the last user goes what users gave the node.

use super::{
    confirm::{self, FOR_EACH},
    node_half_key, user_half_key,
};
use crate::{
    Ports, Refusal, Result,
    access::{
        Grant,
        caller::Caller,
        grant,
        holders::Holders,
        role::{Itself, Mapped, MappedPrimary},
    },
    id::{NodeId, UserId},
    node::details,
    outbox,
    params::deliver,
    port::table::{Batch, When, Write},
};

/// Tries against other changes of hands at the same moment.
const TRIES: usize = 5;

/// Takes the node from the caller; with its owner all others leave too. 1 get, 1 batch; for the owner 1 get more.
pub async fn remove(ports: &Ports, caller: &Caller, grant: &Grant<Mapped>) -> Result<()> {
    leave(ports, caller.user_id(), grant.node()).await
}

/// Takes the node from the user, who may be gone by now.
pub(crate) async fn leave(ports: &Ports, user: &UserId, node: &NodeId) -> Result<()> {
    for _ in 0..TRIES {
        let holders = Holders::read(ports, node).await?;
        if holders.owner.as_ref() == Some(user) {
            return take(ports, node, None, |holders| holders.owner.as_ref() == Some(user)).await;
        }
        if !holders.places().contains_key(user) {
            return Ok(());
        }
        let mut writes = confirm::leave(ports, node, &[user]);
        writes.extend(holders.without(node, &[user])?);
        if holders.users().eq([user]) {
            writes.push(details::forget(node));
        }
        match outbox::write(ports, writes, confirm::left(node, &[user])).await {
            Err(error) if error.is_conflict() => {}
            done => return done,
        }
    }
    Err(Refusal::TooManyTries.into())
}

/// Takes the node from all its users, at the wish of one of its primary users, and forgets what they gave it
/// and still wanted of it. The node's own record, its certificate and what it reports stay (contract
/// `rest-1.md`, `DELETE /v1/user/nodes/{node_id}`). 3 gets, 1 batched get and 2 batches.
pub async fn clear(ports: &Ports, caller: &Caller, grant: &Grant<MappedPrimary>) -> Result<()> {
    let node = grant.node();
    let before = Holders::read(ports, node).await?;
    // Seen after the owner, so whoever takes the node over later is another one, or has it since then.
    grant::grant::<MappedPrimary, ()>(ports, caller, node.clone()).await?;
    // First what waits, so that nothing is touched that begins when the node is free.
    let halves = [node_half_key(node), user_half_key(caller.user_id(), node)];
    let halves = halves.into_iter().map(|key| Write::Delete { key, when: When::Always }).collect();
    ports.table.write(Batch::new(halves)?).await?;
    deliver::forget(ports, node).await?;
    take(ports, node, None, |holders| holders.owner == before.owner && holders.since == before.since).await
}

/// Takes the node from all users but one: it was reset, at this moment, by somebody who has it in hand.
/// A reset that is told late changes nothing about a mapping that was made after it.
pub async fn reset(ports: &Ports, node: &Grant<Itself>, keep: Option<&UserId>, at: i64) -> Result<()> {
    take(ports, node.node(), keep, |holders| holders.since <= at).await
}

/// Takes the node from all users but one, as long as this holds. 1 get and 1 batch for as many users as one has room for;
/// the owner, and what users gave the node, go with the last.
async fn take(ports: &Ports, node: &NodeId, keep: Option<&UserId>, holds: impl Fn(&Holders) -> bool) -> Result<()> {
    loop {
        let holders = Holders::read(ports, node).await?;
        let leaving: Vec<_> = holders.users().filter(|user| Some(*user) != keep).collect();
        if leaving.is_empty() || !holds(&holders) {
            return Ok(());
        }
        let now = holders.can_leave(&leaving, FOR_EACH);
        let last = now.len() == leaving.len();
        let mut writes = confirm::leave(ports, node, &now);
        writes.extend(holders.without(node, &now)?);
        if last && (keep.is_none() || leaving.last().copied() == holders.owner.as_ref()) {
            writes.push(details::forget(node));
        }
        match outbox::write(ports, writes, confirm::left(node, &now)).await {
            Err(error) if error.is_conflict() => {}
            done if last => return done,
            done => done?,
        }
    }
}
