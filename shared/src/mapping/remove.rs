//! Unmapping: by the user, or by the node's factory reset. The node is not told
//! (contract `mqtt-and-node.md` §4.4).

use super::confirm::{self, Holders};
use crate::{
    Ports, Refusal, Result,
    access::{
        Grant, association,
        caller::Caller,
        role::{Itself, Secondary},
    },
    id::{NodeId, UserId},
    port::table::{Batch, Write},
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
        let mut writes = association::delete(user, node).to_vec();
        writes.push(Write::Check { key: association::owner_key(node), when: holders.unchanged() });
        match ports.table.write(Batch::new(writes)?).await {
            Err(error) if error.is_conflict() => {}
            done => return Ok(done.map(drop)?),
        }
    }
    Err(Refusal::TooManyTries.into())
}

/// Takes the node from all users but one: it was reset, at this moment, by somebody who has it in hand.
/// A reset that is told late changes nothing about a mapping that was made after it.
pub async fn reset(ports: &Ports, node: &Grant<Itself>, keep: Option<&UserId>, at: i64) -> Result<()> {
    take(ports, node.node(), keep, |holders| holders.since <= at).await
}

/// Takes the node from all users but one, as long as this holds. 1 query and 1 batch for each 40 users;
/// the owner's record goes with the last.
async fn take(ports: &Ports, node: &NodeId, keep: Option<&UserId>, holds: impl Fn(&Holders) -> bool) -> Result<()> {
    loop {
        let holders = Holders::read(ports, node).await?;
        if !holds(&holders) {
            return Ok(());
        }
        let mut writes = confirm::leave(node, holders.users.iter().filter(|user| Some(*user) != keep));
        let owner_leaves = holders.owner.as_ref().is_some_and(|owner| Some(owner) != keep);
        if writes.is_empty() && !owner_leaves {
            return Ok(());
        }
        let (key, when) = (association::owner_key(node), holders.unchanged());
        writes.push(if owner_leaves && !holders.more { Write::Delete { key, when } } else { Write::Check { key, when } });
        match ports.table.write(Batch::new(writes)?).await {
            Err(error) if error.is_conflict() => {}
            done if !holders.more => return Ok(done.map(drop)?),
            done => drop(done?),
        }
    }
}
