//! Unmapping: by the user, or by the node's factory reset. The node is not told
//! (contract `mqtt-and-node.md` §4.4).

use super::confirm::Holders;
use crate::{
    Ports, Refusal, Result,
    access::{
        Grant, association,
        caller::Caller,
        role::{Itself, Secondary},
    },
    id::NodeId,
    port::table::{Batch, When, Write},
};

/// Tries against other changes of hands at the same moment.
const TRIES: usize = 5;

/// Takes the node from the caller; with the user who mapped it all others leave too. 1 query, 1 batch.
pub async fn remove(ports: &Ports, caller: &Caller, grant: &Grant<Secondary>) -> Result<()> {
    let node = grant.node();
    for _ in 0..TRIES {
        let holders = Holders::read(ports, node).await?;
        if holders.owner.as_ref() == Some(caller.user_id()) {
            return take_all(ports, node).await;
        }
        let mut writes = association::delete(caller.user_id(), node).to_vec();
        writes.push(Write::Check { key: association::owner_key(node), when: holders.unchanged() });
        match ports.table.write(Batch::new(writes)?).await {
            Err(error) if error.is_conflict() => {}
            done => return Ok(done.map(drop)?),
        }
    }
    Err(Refusal::TooManyTries.into())
}

/// Takes the node from all its users: it was reset by somebody who has it in hand.
pub async fn remove_all(ports: &Ports, node: &Grant<Itself>) -> Result<()> {
    take_all(ports, node.node()).await
}

/// 1 query and 1 batch for each 40 users; the owner's record goes with the last.
async fn take_all(ports: &Ports, node: &NodeId) -> Result<()> {
    loop {
        let holders = Holders::read(ports, node).await?;
        let mut writes: Vec<Write> = holders.users.iter().flat_map(|user| association::delete(user, node)).collect();
        let key = association::owner_key(node);
        match (holders.more, holders.unchanged()) {
            (_, When::Absent) if writes.is_empty() => return Ok(()),
            (true, when) => writes.push(Write::Check { key, when }),
            (false, when) => writes.push(Write::Delete { key, when }),
        }
        match ports.table.write(Batch::new(writes)?).await {
            Err(error) if error.is_conflict() => {}
            done if !holders.more => return Ok(done.map(drop)?),
            done => drop(done?),
        }
    }
}
