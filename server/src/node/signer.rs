//! What a node signs with the key of its certificate (contract `mqtt-and-node.md` §4.3, §4.5): challenges, by which
//! somebody who stands in front of it maps it, and what it says through an app.

use std::fmt::{self, Write as _};
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use tokio_rustls::rustls::SignatureScheme;
use tokio_rustls::rustls::crypto::ring::sign::any_supported_type;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::sign::SigningKey;

use super::dialect::Writer;

/// ECDSA over SHA-256 in DER, or RSASSA-PSS with SHA-256 and a salt of 32 bytes: what the kind of the key asks for.
const SCHEMES: [SignatureScheme; 2] = [SignatureScheme::ECDSA_NISTP256_SHA256, SignatureScheme::RSA_PSS_SHA256];

/// Signs for one node.
#[derive(Clone)]
pub(super) struct Signer {
    /// Who signs.
    pub(super) node_id: Arc<str>,
    key: Arc<dyn SigningKey>,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("node_id", &self.node_id).finish_non_exhaustive()
    }
}

impl Signer {
    /// For the node with this key: ECDSA on P-256, or RSA.
    pub(super) fn new(node_id: &str, key: &PrivateKeyDer<'_>) -> anyhow::Result<Self> {
        let key = any_supported_type(key).map_err(|error| anyhow!("the node's key is not usable: {error}"))?;
        let signer = Self { node_id: node_id.into(), key };
        signer.key.choose_scheme(&SCHEMES).context("the node's key is neither ECDSA on P-256 nor RSA")?;
        Ok(signer)
    }

    /// The signature of these bytes.
    pub(super) fn sign(&self, bytes: &[u8]) -> anyhow::Result<Vec<u8>> {
        let signer = self.key.choose_scheme(&SCHEMES).context("the node's key is neither ECDSA on P-256 nor RSA")?;
        signer.sign(bytes).map_err(|error| anyhow!("the node's key does not sign: {error}"))
    }

    /// What an app posts to `user/nodes/{id}/proxy/...` for the node: `data`, which is JSON, with a moment in seconds and
    /// the signature of the very text of both.
    pub(super) fn state(&self, data: &str, now: i64) -> anyhow::Result<serde_json::Value> {
        let payload = Writer::object().raw("data", data).raw("timestamp", now).end();
        let signature = hex(&self.sign(payload.as_bytes())?);
        Ok(serde_json::json!({ "node_payload": payload, "signature": signature }))
    }
}

/// Bytes in lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use ring::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
    use tokio_rustls::rustls::pki_types::pem::PemObject as _;

    use super::*;
    use crate::ca::{Authority, KeyKind};

    /// A signer, and the public key of its certificate.
    fn signer(kind: KeyKind) -> (Signer, Vec<u8>) {
        let folder = tempfile::tempdir().unwrap();
        let issued = Authority::open(folder.path(), 1_790_000_000).unwrap().node(&"n1".parse().unwrap(), kind, 1_790_000_000).unwrap();
        let key = PrivateKeyDer::from_pem_slice(issued.key_pem.as_bytes()).unwrap();
        let (_, certificate) = x509_parser::parse_x509_certificate(&issued.certificate).unwrap();
        (Signer::new("n1", &key).unwrap(), certificate.public_key().subject_public_key.data.to_vec())
    }

    fn verifies(algorithm: &'static dyn VerificationAlgorithm, public: &[u8], message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(algorithm, public).verify(message, signature).is_ok()
    }

    #[test]
    fn a_challenge_is_signed_as_the_keys_kind_asks_for() {
        let (ecdsa, public) = signer(KeyKind::Ecdsa);
        let signature = ecdsa.sign(b"challenge").unwrap();
        assert!(verifies(&signature::ECDSA_P256_SHA256_ASN1, &public, b"challenge", &signature));
        assert!(!verifies(&signature::ECDSA_P256_SHA256_ASN1, &public, b"another", &signature));
        let (rsa, public) = signer(KeyKind::Rsa);
        let signature = rsa.sign(b"challenge").unwrap();
        assert_eq!(signature.len(), 256);
        // ring takes no salt but one as long as the hash.
        assert!(verifies(&signature::RSA_PSS_2048_8192_SHA256, &public, b"challenge", &signature));
    }

    #[test]
    fn a_state_is_signed_with_its_moment_and_its_floats_as_they_are() {
        let (ecdsa, public) = signer(KeyKind::Ecdsa);
        let state = ecdsa.state(r#"{"Sensor":{"Temperature":21.00000}}"#, 1_786_500_123).unwrap();
        let payload = state["node_payload"].as_str().unwrap();
        assert_eq!(payload, r#"{"data":{"Sensor":{"Temperature":21.00000}},"timestamp":1786500123}"#);
        let signature = state["signature"].as_str().unwrap();
        assert!(signature.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')));
        let bytes: Vec<_> = (0..signature.len()).step_by(2).map(|at| u8::from_str_radix(&signature[at..at + 2], 16).unwrap()).collect();
        assert!(verifies(&signature::ECDSA_P256_SHA256_ASN1, &public, payload.as_bytes(), &bytes));
    }
}
