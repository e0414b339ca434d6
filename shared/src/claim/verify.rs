//! The second step of a claim with a user's token: the certificate.

use super::{csr::Csr, initiate::claim_key, issue::issue};
use crate::{
    Ports, Refusal, Result,
    access::{Caller, Grant, holders},
    node::certificate::Registration,
    port::table::{When, Write},
};

/// A certificate in PEM for the request's key, if its id is one that the caller was given. The certificate
/// that the node had before is revoked; asked again with the same key, the same one comes back.
///
/// Refusals: [`Refusal::NotYourClaim`], also of a node that is another user's by now; [`Refusal::NodeRevoked`] if the owner of the cloud has revoked the
/// node, because otherwise its user could undo that.
pub async fn verify(ports: &Ports, caller: &Caller, csr: &Csr) -> Result<String> {
    let claim = claim_key(caller.user_id(), &csr.node);
    let owner = holders::key(&csr.node);
    let mut records = ports.table.get_many(&[claim, Registration::key(&csr.node), owner.clone()]).await?.into_iter();
    records.next().flatten().ok_or(Refusal::NotYourClaim)?;
    let registration = records.next().flatten().map(|record| Registration::read(&record)).transpose()?;
    if registration.as_ref().is_some_and(|registration| registration.revoked) {
        return Err(Refusal::NodeRevoked.into());
    }
    let held = records.next().flatten();
    // It has changed hands: who has it now claims it under an id of their own.
    if held.as_ref().and_then(|owner| owner.str("user")).is_some_and(|user| user != caller.user_id().as_str()) {
        return Err(Refusal::NotYourClaim.into());
    }
    let unchanged = held.map_or(When::Absent, |owner| When::Version(owner.version));
    let node = Grant::trusted_because("the user was given this id for a node", csr.node.clone());
    issue(ports, &node, csr, registration, vec![Write::Check { key: owner, when: unchanged }]).await
}
