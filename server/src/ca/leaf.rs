//! Certificates of nodes.

use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PublicKeyData, SubjectPublicKeyInfo};
use rustls::pki_types::CertificateDer;
use shared::{
    claim::profile::{self, MakeError},
    id::NodeId,
};
use time::Duration;
use x509_parser::parse_x509_certificate;

use super::{Authority, CaError, rsa_key};

/// What kind of key a node has. Both are in the field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum KeyKind {
    /// ECDSA on P-256: small and fast
    #[default]
    Ecdsa,
    /// RSA with 2,048 bits, for firmware that knows nothing else; takes a second to make
    Rsa,
}

/// A certificate and its key.
pub struct Issued {
    /// The certificate.
    pub certificate_pem: String,
    /// Its key: ECDSA as PKCS#8, RSA as PKCS#1.
    pub key_pem: String,
    /// The certificate in DER.
    pub certificate: CertificateDer<'static>,
}

impl Authority {
    /// A new key and certificate for the node.
    pub fn node(&self, node: &NodeId, kind: KeyKind, now: i64) -> Result<Issued, CaError> {
        let params = profile::node(node, now)?;
        match kind {
            KeyKind::Ecdsa => {
                let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(MakeError::from)?;
                self.sign(&params, &pair, pair.serialize_pem())
            }
            KeyKind::Rsa => {
                let (key_pem, public) = rsa_key::generate()?;
                self.sign(&params, &SubjectPublicKeyInfo::from_der(&public).map_err(MakeError::from)?, key_pem)
            }
        }
    }

    pub(super) fn sign(&self, params: &CertificateParams, public: &impl PublicKeyData, key_pem: String) -> Result<Issued, CaError> {
        let certificate = params.signed_by(public, &self.issuer).map_err(MakeError::from)?;
        Ok(Issued { certificate_pem: certificate.pem(), key_pem, certificate: certificate.into() })
    }
}

/// How long a server's certificate is good for, less the leeway: strict clients take at most 825 days.
pub(super) const SERVER_LIFE: Duration = Duration::days(820);

/// The certificate's public key, without the algorithm.
pub(super) fn public_key(certificate: &[u8]) -> Option<Vec<u8>> {
    let (_, parsed) = parse_x509_certificate(certificate).ok()?;
    Some(parsed.public_key().subject_public_key.data.to_vec())
}

#[cfg(test)]
mod tests {
    use x509_parser::{extensions::ParsedExtension, time::ASN1Time};

    use super::*;

    const NOW: i64 = 1_790_000_000;

    #[test]
    fn a_nodes_certificate_names_the_node_and_never_ends() {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::open(folder.path(), NOW).unwrap();
        let node: NodeId = "kT3vYw8uQm1rZs5dLb9xNa".parse().unwrap();
        for kind in [KeyKind::Ecdsa, KeyKind::Rsa] {
            let issued = authority.node(&node, kind, NOW).unwrap();
            let (_, parsed) = parse_x509_certificate(&issued.certificate).unwrap();
            assert_eq!(parsed.subject().to_string(), "CN=kT3vYw8uQm1rZs5dLb9xNa");
            assert_eq!(parsed.version().0, 2);
            assert!(!parsed.basic_constraints().unwrap().unwrap().value.ca);
            assert!(parsed.key_usage().unwrap().unwrap().value.digital_signature());
            let extended = parsed.extended_key_usage().unwrap().unwrap().value;
            assert!(extended.client_auth && !extended.server_auth);
            assert_eq!(parsed.validity().not_after, ASN1Time::from_timestamp(profile::NEVER).unwrap());
            let der = issued.certificate.windows(15).any(|bytes| bytes == b"99991231235959Z");
            assert!(der, "the form that RFC 5280 asks for");
            let (_, ca) = parse_x509_certificate(authority.der()).unwrap();
            assert_eq!(parsed.issuer(), ca.subject());
            let has = |wanted: fn(&ParsedExtension<'_>) -> bool| parsed.extensions().iter().any(|is| wanted(is.parsed_extension()));
            assert!(has(|is| matches!(is, ParsedExtension::SubjectKeyIdentifier(_))));
            assert!(has(|is| matches!(is, ParsedExtension::AuthorityKeyIdentifier(_))));
            let begins = match kind {
                KeyKind::Ecdsa => "-----BEGIN PRIVATE KEY-----\n",
                KeyKind::Rsa => "-----BEGIN RSA PRIVATE KEY-----\n",
            };
            assert!(issued.key_pem.starts_with(begins) && issued.key_pem.ends_with("-----\n"), "{}", issued.key_pem);
        }
    }

    #[test]
    fn no_two_certificates_share_a_serial_number() {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::open(folder.path(), NOW).unwrap();
        let serial = || {
            let issued = authority.node(&"n1".parse().unwrap(), KeyKind::Ecdsa, NOW).unwrap();
            parse_x509_certificate(&issued.certificate).unwrap().1.raw_serial().to_vec()
        };
        let (one, two) = (serial(), serial());
        assert_ne!(one, two);
        assert_eq!(one.len(), 16);
    }
}
