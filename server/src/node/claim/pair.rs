//! The key that a node makes for itself, and its request for a certificate.

use anyhow::Context as _;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, PKCS_ECDSA_P256_SHA256, PublicKeyData as _};

use crate::ca::{self, KeyKind};

/// A key pair with the form in which its private half is kept.
pub(crate) struct Pair {
    /// ECDSA as PKCS#8, RSA as PKCS#1.
    pub(crate) pem: String,
    keys: KeyPair,
}

impl Pair {
    /// A new one.
    pub(crate) fn make(kind: KeyKind) -> anyhow::Result<Self> {
        match kind {
            KeyKind::Ecdsa => {
                let keys = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).context("cannot make a key")?;
                Ok(Self { pem: keys.serialize_pem(), keys })
            }
            KeyKind::Rsa => {
                let (pem, keys) = ca::rsa_pair()?;
                Ok(Self { pem, keys })
            }
        }
    }

    /// Its public half, without the algorithm.
    pub(crate) fn public_key(&self) -> &[u8] {
        self.keys.der_bytes()
    }

    /// The request for a certificate of this node: its name is all of the subject, and nothing more is asked for.
    pub(crate) fn request(&self, node_id: &str) -> anyhow::Result<String> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, node_id);
        let request = params.serialize_request(&self.keys).and_then(|request| request.pem());
        request.context("cannot make a certificate request")
    }
}

#[cfg(test)]
mod tests {
    use x509_parser::certification_request::X509CertificationRequest;
    use x509_parser::prelude::FromDer as _;

    use super::*;

    #[test]
    fn a_request_names_the_node_alone_and_fits_the_devices_buffer() {
        for kind in [KeyKind::Ecdsa, KeyKind::Rsa] {
            let pair = Pair::make(kind).unwrap();
            let pem = pair.request("240AC4AABBCC").unwrap();
            assert!(pem.starts_with("-----BEGIN CERTIFICATE REQUEST-----") && pem.len() <= 1023, "{pem}");
            let (_, block) = x509_parser::pem::parse_x509_pem(pem.as_bytes()).unwrap();
            let (_, request) = X509CertificationRequest::from_der(&block.contents).unwrap();
            let info = &request.certification_request_info;
            assert_eq!(info.subject.to_string(), "CN=240AC4AABBCC");
            assert_eq!(info.subject_pki.subject_public_key.data.as_ref(), pair.public_key());
            assert_eq!(info.attributes().len(), 0);
        }
    }
}
