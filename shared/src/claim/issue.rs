//! The certificate of a claimed node.

use pem::{EncodeConfig, LineEnding, Pem};

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
/// and the first answer may be the one that counts. `beside` goes into the batch, to check what must hold. In PEM, with `\n` as firmware needs it. 1 get of the CA,
/// 1 batch.
pub(super) async fn issue(
    ports: &Ports,
    node: &Grant<Itself>,
    csr: &Csr,
    mut known: Option<Registration>,
    beside: Vec<Write>,
) -> Result<String> {
    for _ in 0..TRIES {
        if let Some(known @ Registration { revoked: false, .. }) = &known
            && certificate::public_key_of(&known.certificate) == Some(csr.public_key.clone())
        {
            certificate::open(ports, node, known).await?;
            return Ok(to_pem(&known.certificate));
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
                return Ok(to_pem(&issued.der));
            }
        }
    }
    Err(Refusal::TooManyTries.into())
}

/// In PEM, with `\n` as firmware needs it.
pub(crate) fn to_pem(certificate: &[u8]) -> String {
    pem::encode_config(&Pem::new("CERTIFICATE", certificate), EncodeConfig::new().set_line_ending(LineEnding::LF))
}
