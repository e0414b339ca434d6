//! Answering an offer.

use super::{Kind, Request, TRIES, apply, request::Step};
use crate::{Ports, Refusal, Result, access::Caller, id::RequestId, outbox};

/// Accepts: the caller gets the nodes or groups, all of them, as long as who offered them is a primary user of each.
///
/// Refusals: [`Refusal::NoRequestToAnswer`], [`Refusal::NothingShared`], [`Refusal::NotYourGroups`].
pub async fn accept(ports: &Ports, caller: &Caller, kind: Kind, id: &RequestId) -> Result<()> {
    for _ in 0..TRIES {
        let request = waiting(ports, caller, kind, id).await?;
        match apply(ports, &request.deal, Some(&request)).await {
            Err(error) if error.is_conflict() => {}
            done => return done,
        }
    }
    Err(Refusal::TooManyTries.into())
}

/// Declines: nothing happens but that who offered sees it; who was asked need not see it again. Refusal: [`Refusal::NoRequestToAnswer`].
pub async fn decline(ports: &Ports, caller: &Caller, kind: Kind, id: &RequestId) -> Result<()> {
    let request = waiting(ports, caller, kind, id).await?;
    match outbox::write(ports, request.decline().to_vec(), [request.deal.news(Step::Declined, Some(id))]).await {
        Err(error) if error.is_conflict() => Err(Refusal::NoRequestToAnswer.into()),
        done => done,
    }
}

/// The request, if the caller is to answer it.
async fn waiting(ports: &Ports, caller: &Caller, kind: Kind, id: &RequestId) -> Result<Request> {
    let request = Request::find(ports, id).await?;
    let theirs = request.filter(|request| request.deal.what.kind() == kind && request.deal.to == *caller.user_id() && !request.declined);
    Ok(theirs.ok_or(Refusal::NoRequestToAnswer)?)
}
