//! Forgetting the offers of an account that goes.

use super::request::{Entry, Kind, Side, forget};
use crate::{
    Ports, Result,
    access::association::user_partition,
    id::UserId,
    port::table::{Batch, Query, TableId, When},
};

/// Offers forgotten in one batch: three records each.
const AT_ONCE: usize = 33;

/// Forgets all offers that the user has made or received. 4 queries, and 1 query and 1 batch for each `AT_ONCE` offers.
pub async fn all(ports: &Ports, user: &UserId) -> Result<()> {
    for (side, kind) in [Side::Offered, Side::Received].into_iter().flat_map(|side| [(side, Kind::Nodes), (side, Kind::Groups)]) {
        loop {
            let page = ports.table.query(Query::prefix(TableId::Access, user_partition(user), side.prefix(kind), AT_ONCE)).await?;
            let entries = page.records.iter().map(Entry::read).collect::<Result<Vec<_>>>()?;
            let writes = entries.iter().flat_map(|Entry { id, other, at }| {
                let (from, to) = match side {
                    Side::Offered => (user, other),
                    Side::Received => (other, user),
                };
                forget(kind, id, *at, from, to, When::Always)
            });
            let writes: Vec<_> = writes.collect();
            if writes.is_empty() {
                break;
            }
            ports.table.write(Batch::new(writes)?).await?;
        }
    }
    Ok(())
}
