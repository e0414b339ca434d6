//! Taking an offer back before it is answered.

use super::{
    Kind, Request, What,
    request::{self, Entry, Side, Step},
};
use crate::{
    Ports, Refusal, Result,
    access::{Caller, association::user_partition},
    id::{RequestId, UserId},
    outbox,
    port::table::{Query, TableId},
};

/// Offers that are looked at in one go.
const AT_ONCE: usize = 100;

/// Withdraws the caller's offer. 1 get, 1 batch.
///
/// Refusals: [`Refusal::NoSharingRequest`], also once it was accepted; [`Refusal::RequestDeclined`].
pub async fn withdraw(ports: &Ports, caller: &Caller, kind: Kind, id: &RequestId) -> Result<()> {
    let request =
        Request::find(ports, id).await?.filter(|request| request.deal.from == *caller.user_id() && request.deal.what.kind() == kind);
    let request = request.ok_or(Refusal::NoSharingRequest)?;
    if request.declined {
        return Err(Refusal::RequestDeclined.into());
    }
    match take_back(ports, &request).await {
        Err(error) if error.is_conflict() => match Request::find(ports, id).await? {
            Some(_) => Err(Refusal::RequestDeclined.into()),
            None => Err(Refusal::NoSharingRequest.into()),
        },
        done => done,
    }
}

async fn take_back(ports: &Ports, request: &Request) -> Result<()> {
    outbox::write(ports, request.used().to_vec(), [request.deal.news(Step::Revoked, Some(&request.id))]).await
}

/// Withdraws what the caller has offered to the other of this, so that nobody from whom something is taken comes back
/// by an older offer; says how many offers that were. 1 query for each 100 offers; if there are any to the other, 1 batched get, and 1 batch each.
pub(super) async fn all_of(ports: &Ports, caller: &Caller, to: &UserId, what: &What) -> Result<usize> {
    let (mut after, mut withdrawn) = (None, 0);
    loop {
        let query = Query::prefix(TableId::Access, user_partition(caller.user_id()), Side::Offered.prefix(what.kind()), AT_ONCE);
        let page = ports.table.query(query.after(after)).await?;
        let entries = page.records.iter().map(Entry::read).collect::<Result<Vec<_>>>()?;
        let ids: Vec<_> = entries.into_iter().filter(|entry| entry.other == *to).map(|entry| entry.id).collect();
        for request in of_ids(ports, &ids).await? {
            if request.declined || !request.deal.what.meets(what) {
                continue;
            }
            match take_back(ports, &request).await {
                // It was answered at this moment: what was accepted is taken next.
                Err(error) if error.is_conflict() => {}
                done => {
                    done?;
                    withdrawn += 1;
                }
            }
        }
        match page.next {
            None => return Ok(withdrawn),
            next => after = next,
        }
    }
}

async fn of_ids(ports: &Ports, ids: &[RequestId]) -> Result<Vec<Request>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let records = ports.table.get_many(&ids.iter().map(request::key).collect::<Vec<_>>()).await?;
    ids.iter().zip(records).filter_map(|(id, record)| Some(Request::read(id, &record?))).collect()
}
