//! The first step of a claim with a user's token: the id of the node to be.

use super::{Mac, Platform};
use crate::{
    Error, Ports, Refusal, Result,
    access::Caller,
    id::{NodeId, UserId},
    port::table::{Batch, Key, Merge, Record, TableError, Value, When, Write},
    user::key,
};

/// The place of the counter in the batch.
const COUNTER: usize = 2;

/// The record by which the second step knows that the id was given to this user.
pub(super) fn claim_key(user: &UserId, node: &NodeId) -> Key {
    key(user, &format!("claim-of#{node}"))
}

/// The id under which the caller's chip with this MAC address is a node: a new random one the first time,
/// afterwards always the same. 1 get, and the first time 1 batch.
///
/// Refusal: [`Refusal::ClaimQuota`] if the owner allows a user no more chips.
pub async fn initiate(ports: &Ports, caller: &Caller, mac: &Mac, platform: Platform) -> Result<NodeId> {
    let user = caller.user_id();
    let own = key(user, &format!("claim#{mac}"));
    if let Some(record) = ports.table.get(&own).await? {
        return read(&record);
    }
    let node: NodeId = ports.ids.id().parse().map_err(|_| Error::Corrupt("generated id"))?;
    let fields = [("node", Value::from(node.as_str())), ("platform", platform.as_str().into()), ("at", ports.clock.now().into())];
    let quota = ports.rules.claims_per_user;
    let room = if quota == 0 { When::Always } else { When::FieldLess("count".to_owned(), quota.into()) };
    let batch = Batch::new(vec![
        Write::put(own.clone(), fields, When::Absent),
        Write::put(claim_key(user, &node), [("mac", mac.as_str())], When::Absent),
        Write::Merge(Merge::new(key(user, "claims")).add("count", 1).when(room)),
    ])?;
    match ports.table.write(batch).await {
        Ok(_) => Ok(node),
        Err(TableError::Conflict(COUNTER)) => Err(Refusal::ClaimQuota(quota).into()),
        // The same claim at the same moment was faster.
        Err(error) if error.is_conflict() => read(&ports.table.get(&own).await?.ok_or(error)?),
        Err(error) => Err(error.into()),
    }
}

fn read(record: &Record) -> Result<NodeId> {
    record.str("node").and_then(|id| id.parse().ok()).ok_or(Error::Corrupt("claim"))
}
