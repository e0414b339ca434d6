//! Offering nodes to somebody.

use super::{Deal, MAX_REQUESTS, Request, TRIES, Terms, apply, own, request::Side};
use crate::{
    Error, Ports, Refusal, Result,
    access::{Caller, association::user_partition},
    id::{NodeId, RequestId, UserId},
    port::table::{Batch, Query, TableId},
};

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Offered {
    /// The other is asked.
    Asked(RequestId),
    /// The other had all the nodes already, so it is done; nothing is to be answered.
    Done,
}

/// Offers the caller's nodes to the other.
///
/// Refusals: [`Refusal::NotYourNodes`], [`Refusal::NotPrimaryOfNodes`], [`Refusal::TooManyRequests`], and those of
/// accepting where it is done at once.
pub async fn offer(ports: &Ports, caller: &Caller, to: UserId, nodes: Vec<NodeId>, terms: Terms) -> Result<Offered> {
    let holders = own(ports, caller, &nodes).await?;
    let deal = Deal { from: caller.user_id().clone(), to, nodes, terms };
    if holders.iter().all(|holders| holders.places().contains_key(&deal.to)) {
        return at_once(ports, &deal).await;
    }
    for side in [Side::Offered, Side::Received] {
        has_room(ports, side, side.of(&deal).0).await?;
    }
    let id: RequestId = ports.ids.id().parse().map_err(|_| Error::Corrupt("generated id"))?;
    let request = Request { id: id.clone(), deal, at: ports.clock.now(), declined: false };
    ports.table.write(Batch::new(request.put()?.to_vec())?).await?;
    Ok(Offered::Asked(id))
}

async fn at_once(ports: &Ports, deal: &Deal) -> Result<Offered> {
    for _ in 0..TRIES {
        match apply::apply(ports, deal, None).await {
            Err(error) if error.is_conflict() => {}
            done => return done.map(|()| Offered::Done),
        }
    }
    Err(Refusal::TooManyTries.into())
}

/// Two offers at the same moment may be one too many, which does no harm. 1 query.
async fn has_room(ports: &Ports, side: Side, user: &UserId) -> Result<()> {
    let query = Query::prefix(TableId::Access, user_partition(user), side.prefix(), MAX_REQUESTS);
    let open = ports.table.query(query).await?.records.len();
    if open < MAX_REQUESTS { Ok(()) } else { Err(Refusal::TooManyRequests.into()) }
}
