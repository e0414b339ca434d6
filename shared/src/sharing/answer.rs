//! Answering an offer.

use super::{Request, TRIES, apply};
use crate::{Ports, Refusal, Result, access::Caller, id::RequestId, port::table::Batch};

/// Accepts: the caller gets the nodes, all of them, as long as who offered them is a primary user of each.
///
/// Refusals: [`Refusal::NoRequestToAnswer`], [`Refusal::NothingShared`].
pub async fn accept(ports: &Ports, caller: &Caller, id: &RequestId) -> Result<()> {
    for _ in 0..TRIES {
        let request = waiting(ports, caller, id).await?;
        match apply::apply(ports, &request.deal, Some(&request)).await {
            Err(error) if error.is_conflict() => {}
            done => return done,
        }
    }
    Err(Refusal::TooManyTries.into())
}

/// Declines: nothing happens but that both see it. Refusal: [`Refusal::NoRequestToAnswer`].
pub async fn decline(ports: &Ports, caller: &Caller, id: &RequestId) -> Result<()> {
    let request = waiting(ports, caller, id).await?;
    match ports.table.write(Batch::of(request.decline())?).await {
        Err(error) if error.is_conflict() => Err(Refusal::NoRequestToAnswer.into()),
        done => Ok(done.map(drop)?),
    }
}

/// The request, if the caller is to answer it.
async fn waiting(ports: &Ports, caller: &Caller, id: &RequestId) -> Result<Request> {
    let request = Request::find(ports, id).await?;
    let theirs = request.filter(|request| request.deal.to == *caller.user_id() && !request.declined);
    Ok(theirs.ok_or(Refusal::NoRequestToAnswer)?)
}
