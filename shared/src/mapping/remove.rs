//! Unmapping: by a user, or by the node's factory reset. The node is not told
//! (contract `mqtt-and-node.md` §4.4). With the last user goes what users gave the node.

use super::{
    confirm::{self, Holders},
    history, node_half_key, user_half_key,
};
use crate::{
    Ports, Refusal, Result,
    access::{
        Grant, association,
        caller::Caller,
        grant,
        role::{Itself, Primary, Secondary},
    },
    id::{NodeId, UserId},
    node::details,
    params::deliver,
    port::table::{Batch, When, Write},
};

/// Tries against other changes of hands at the same moment.
const TRIES: usize = 5;

/// Takes the node from the caller; with the user who mapped it all others leave too. 1 query, 1 batch.
pub async fn remove(ports: &Ports, caller: &Caller, grant: &Grant<Secondary>) -> Result<()> {
    leave(ports, caller.user_id(), grant.node()).await
}

/// Takes the node from the user, who may be gone by now.
pub(crate) async fn leave(ports: &Ports, user: &UserId, node: &NodeId) -> Result<()> {
    for _ in 0..TRIES {
        let holders = Holders::read(ports, node).await?;
        if holders.owner.as_ref() == Some(user) {
            return take(ports, node, None, |holders| holders.owner.as_ref() == Some(user)).await;
        }
        let mut writes = match holders.find(ports, user, node).await? {
            Some(holding) => holding.end(node),
            None => vec![Write::Delete { key: association::user_key(user, node), when: When::Always }],
        };
        writes.extend(history::end(ports, user, node));
        if let [only] = holders.users.as_slice()
            && only.user == *user
        {
            writes.push(details::forget(node));
        }
        writes.push(Write::Check { key: association::owner_key(node), when: holders.unchanged() });
        match ports.table.write(Batch::new(writes)?).await {
            Err(error) if error.is_conflict() => {}
            done => return Ok(done.map(drop)?),
        }
    }
    Err(Refusal::TooManyTries.into())
}

/// Takes the node from all its users, at the wish of one of its primary users, and forgets what they gave it
/// and still wanted of it. The node's own record, its certificate and what it reports stay (contract
/// `rest-1.md`, `DELETE /v1/user/nodes/{node_id}`). 2 queries, 1 batched get, 1 get and 2 batches.
pub async fn clear(ports: &Ports, caller: &Caller, grant: &Grant<Primary>) -> Result<()> {
    let node = grant.node();
    let owner = Holders::read(ports, node).await?.unchanged();
    // Seen after the lock, so whoever takes the node over later breaks that.
    grant::grant::<Primary, ()>(ports, caller, node.clone()).await?;
    // First what waits, so that nothing is touched that begins when the node is free.
    let halves = [node_half_key(node), user_half_key(caller.user_id(), node)];
    let halves = halves.into_iter().map(|key| Write::Delete { key, when: When::Always }).collect();
    ports.table.write(Batch::new(halves)?).await?;
    deliver::forget(ports, node).await?;
    take(ports, node, None, |holders| holders.unchanged() == owner).await
}

/// Takes the node from all users but one: it was reset, at this moment, by somebody who has it in hand.
/// A reset that is told late changes nothing about a mapping that was made after it.
pub async fn reset(ports: &Ports, node: &Grant<Itself>, keep: Option<&UserId>, at: i64) -> Result<()> {
    take(ports, node.node(), keep, |holders| holders.since <= at).await
}

/// Takes the node from all users but one, as long as this holds. 1 query and 1 batch for each 24 users;
/// the owner's record, and what users gave the node, go with the last.
async fn take(ports: &Ports, node: &NodeId, keep: Option<&UserId>, holds: impl Fn(&Holders) -> bool) -> Result<()> {
    loop {
        let holders = Holders::read(ports, node).await?;
        if !holds(&holders) {
            return Ok(());
        }
        let (mut writes, all) = confirm::leave(ports, node, holders.users.iter().filter(|holding| Some(&holding.user) != keep));
        let owner_leaves = holders.owner.as_ref().is_some_and(|owner| Some(owner) != keep);
        if writes.is_empty() && !owner_leaves {
            return Ok(());
        }
        let (key, when) = (association::owner_key(node), holders.unchanged());
        let last = all && !holders.more;
        writes.push(if owner_leaves && last { Write::Delete { key, when } } else { Write::Check { key, when } });
        if last && (owner_leaves || keep.is_none()) {
            writes.push(details::forget(node));
        }
        match ports.table.write(Batch::new(writes)?).await {
            Err(error) if error.is_conflict() => {}
            done if last => return Ok(done.map(drop)?),
            done => drop(done?),
        }
    }
}
