//! Offering nodes or groups to somebody.

use super::{
    Deal, Kind, MAX_FROM_ONE, MAX_REQUESTS, Request, TRIES, Terms, What, apply, groups, own,
    request::{Side, Step},
};
use crate::{
    Error, Ports, Refusal, Result,
    access::{Caller, association::user_partition},
    id::{RequestId, UserId},
    outbox,
    port::table::{Query, TableId},
};

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Offered {
    /// The other is asked.
    Asked(RequestId),
    /// The other had all of it already, so it is done; nothing is to be answered.
    Done,
}

/// Offers what the caller has to the other.
///
/// Refusals: [`Refusal::NotYourNodes`], [`Refusal::NotPrimaryOfNodes`], [`Refusal::NotYourGroups`],
/// [`Refusal::NotPrimaryOfGroups`], [`Refusal::NoTransferInside`], [`Refusal::TooManyRequests`], and those of accepting where it is
/// done at once.
pub async fn offer(ports: &Ports, caller: &Caller, to: UserId, what: What, terms: Terms) -> Result<Offered> {
    let holders = match &what {
        What::Nodes(nodes) => own(ports, caller, nodes).await?,
        What::Groups(ids) => groups::own(ports, caller, ids, terms.transfer).await?,
    };
    let deal = Deal { from: caller.user_id().clone(), to, what, terms };
    if holders.iter().all(|holders| holders.places().contains_key(&deal.to)) {
        return at_once(ports, &deal).await;
    }
    let kind = deal.what.kind();
    for side in [Side::Offered, Side::Received] {
        has_room(ports, side, kind, &deal).await?;
    }
    let id: RequestId = ports.ids.id().parse().map_err(|_| Error::Corrupt("generated id"))?;
    let request = Request { id: id.clone(), deal, at: ports.clock.now(), declined: false };
    outbox::write(ports, request.put()?.to_vec(), [request.deal.news(Step::Offered, Some(&id))]).await?;
    Ok(Offered::Asked(id))
}

async fn at_once(ports: &Ports, deal: &Deal) -> Result<Offered> {
    for _ in 0..TRIES {
        match apply(ports, deal, None).await {
            Err(error) if error.is_conflict() => {}
            done => return done.map(|()| Offered::Done),
        }
    }
    Err(Refusal::TooManyTries.into())
}

/// Two offers at the same moment may be one too many, which does no harm. 1 query.
async fn has_room(ports: &Ports, side: Side, kind: Kind, deal: &Deal) -> Result<()> {
    let (user, other) = side.of(deal);
    let query = Query::prefix(TableId::Access, user_partition(user), side.prefix(kind), MAX_REQUESTS);
    let open = ports.table.query(query).await?.records;
    let from_one = open.iter().filter(|entry| entry.str("other") == Some(other.as_str())).count();
    let fits = open.len() < MAX_REQUESTS && (side == Side::Offered || from_one < MAX_FROM_ONE);
    if fits { Ok(()) } else { Err(Refusal::TooManyRequests.into()) }
}
