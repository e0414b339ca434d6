//! The second step of a claim with a user's token: the certificate.

use super::{csr::Csr, initiate::claim_key, issue::issue};
use crate::{
    Ports, Refusal, Result,
    access::{Caller, Grant},
    node::certificate::Registration,
};

/// A certificate in PEM for the request's key, if its id is one that the caller was given. The certificate
/// that the node had before is revoked; asked again with the same key, the same one comes back.
///
/// Refusals: [`Refusal::NotYourClaim`]; [`Refusal::NodeRevoked`] if the owner of the cloud has revoked the
/// node, because otherwise its user could undo that.
pub async fn verify(ports: &Ports, caller: &Caller, csr: &Csr) -> Result<String> {
    let claim = claim_key(caller.user_id(), &csr.node);
    let mut records = ports.table.get_many(&[claim, Registration::key(&csr.node)]).await?.into_iter();
    records.next().flatten().ok_or(Refusal::NotYourClaim)?;
    let registration = records.next().flatten().map(|record| Registration::read(&record)).transpose()?;
    if registration.as_ref().is_some_and(|registration| registration.revoked) {
        return Err(Refusal::NodeRevoked.into());
    }
    let node = Grant::trusted_because("the user was given this id for a node", csr.node.clone());
    issue(ports, &node, csr, registration).await
}
