//! The certificate of a claimed node.

use super::{authority::Authority, csr::Csr};
use crate::{
    Ports, Refusal, Result,
    access::{Grant, role::Itself},
    node::certificate::{self, NewCertificate, Registration},
    port::table::Write,
};

/// Tries against certificates for the same node at the same moment.
const TRIES: usize = 3;

/// Issues and registers, unless the node's certificate is one of the same key: then a request was repeated,
/// and the first answer may be the one that counts. `beside` goes into the batch, to check what must hold.
/// 1 get of the CA, 1 batch.
pub(super) async fn issue(
    ports: &Ports,
    node: &Grant<Itself>,
    csr: &Csr,
    mut known: Option<Registration>,
    beside: Vec<Write>,
) -> Result<String> {
    for _ in 0..TRIES {
        if let Some(known) = &known
            && let Some(certificate) = again(ports, node, csr, known).await?
        {
            return Ok(certificate);
        }
        let authority = Authority::open(ports).await?;
        let issued = NewCertificate::of(authority.issue(node.node(), &csr.public_key, ports.clock.now())?);
        match certificate::replace(ports, node, known.as_ref(), &issued, beside.clone()).await {
            Err(error) if error.is_conflict() => {
                known = certificate::of(ports, node).await?;
                // By the owner, just now.
                if known.as_ref().is_some_and(|known| known.revoked) {
                    return Err(Refusal::NodeRevoked.into());
                }
            }
            registered => {
                registered?;
                return Ok(certificate::to_pem(&issued.der));
            }
        }
    }
    Err(Refusal::TooManyTries.into())
}

/// The node's certificate in PEM, if it is good and of the request's key: the request was repeated.
pub(crate) async fn again(ports: &Ports, node: &Grant<Itself>, csr: &Csr, known: &Registration) -> Result<Option<String>> {
    if known.revoked || certificate::public_key_of(&known.certificate).as_ref() != Some(&csr.public_key) {
        return Ok(None);
    }
    certificate::open(ports, node, known).await?;
    Ok(Some(certificate::to_pem(&known.certificate)))
}
