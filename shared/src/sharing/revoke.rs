//! Taking nodes from somebody with whom they are shared.

use super::{AT_ONCE, TRIES, own, withdraw};
use crate::{
    Ports, Refusal, Result,
    access::{Caller, association, holders::Holders},
    id::{NodeId, UserId},
    mapping::history,
    port::table::{Batch, Write},
};

/// Takes the caller's nodes from the other, at once, with what is still offered to them of these. If the other is a node's owner,
/// the caller has that place from now on, so that nobody else loses the node.
///
/// Refusals: [`Refusal::NotYourNodes`], [`Refusal::NotPrimaryOfNodes`]; [`Refusal::NothingShared`] if the other has none
/// of them.
pub async fn revoke(ports: &Ports, caller: &Caller, from: &UserId, nodes: &[NodeId]) -> Result<()> {
    for tried in 0..TRIES {
        let holders = own(ports, caller, nodes).await?;
        let shared: Vec<_> = nodes.iter().zip(&holders).filter(|(_, holders)| holders.places().contains_key(from)).collect();
        if tried == 0 {
            if shared.is_empty() {
                return Err(Refusal::NothingShared.into());
            }
            withdraw::all_of(ports, caller, from, nodes).await?;
        }
        match take(ports, caller, from, &shared).await {
            Err(error) if error.is_conflict() => {}
            done => return done,
        }
    }
    Err(Refusal::TooManyTries.into())
}

async fn take(ports: &Ports, caller: &Caller, from: &UserId, shared: &[(&NodeId, &Holders)]) -> Result<()> {
    for some in shared.chunks(AT_ONCE) {
        let mut writes: Vec<Write> = Vec::new();
        for (node, holders) in some {
            let owner = holders.owner.as_ref().map(|owner| if owner == from { caller.user_id() } else { owner });
            writes.push(holders.change(node, [(from, None)], owner)?);
            writes.push(association::delete(from, node));
            writes.extend(history::end(ports, from, node));
        }
        ports.table.write(Batch::new(writes)?).await?;
    }
    Ok(())
}
