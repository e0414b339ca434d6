//! Certificate signing requests (contract `mqtt-and-node.md` §3.3). Of what a request asks for only the key
//! and the name are taken; extensions that it wants are passed over.

use std::str::FromStr;

use x509_parser::{
    certification_request::X509CertificationRequest,
    oid_registry::{OID_PKCS1_SHA256WITHRSA, OID_SIG_ECDSA_WITH_SHA256, OID_X509_COMMON_NAME},
    prelude::FromDer as _,
    x509::X509Name,
};

use crate::{Refusal, id::NodeId, node::public_key::PublicKey};

/// Bytes of PEM. Nodes send at most 1,023; a request with RSA-4096 has some 1,700.
const MAX: usize = 4096;

/// A request whose signature shows that whoever made it has the key.
#[derive(Clone, Debug)]
pub struct Csr {
    /// The only name in it.
    pub node: NodeId,
    /// The key, `SubjectPublicKeyInfo` in DER.
    pub public_key: Vec<u8>,
}

impl FromStr for Csr {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let refuse = |why: &'static str| move || Refusal::InvalidCsr(why);
        if text.len() > MAX {
            return Err(Refusal::InvalidCsr("it is too long"));
        }
        let pem = pem::parse(text).ok().filter(|pem| ["CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"].contains(&pem.tag()));
        let pem = pem.ok_or_else(refuse("it is no PEM of a certificate request"))?;
        let parsed = X509CertificationRequest::from_der(pem.contents()).ok().filter(|(rest, _)| rest.is_empty());
        let (_, request) = parsed.ok_or_else(refuse("it is damaged"))?;
        let info = &request.certification_request_info;
        let node = only_name(&info.subject).ok_or_else(refuse("its subject is not exactly CN=<node id>"))?;
        let public_key = info.subject_pki.raw.to_vec();
        PublicKey::of_spki(&public_key).ok_or_else(refuse("its key is neither ECDSA P-256 nor RSA with 2048 to 4096 bits"))?;
        let algorithm = &request.signature_algorithm.algorithm;
        if ![OID_PKCS1_SHA256WITHRSA, OID_SIG_ECDSA_WITH_SHA256].contains(algorithm) || request.verify_signature().is_err() {
            return Err(Refusal::InvalidCsr("its signature is not one with SHA-256 of its own key"));
        }
        Ok(Self { node, public_key })
    }
}

fn only_name(subject: &X509Name<'_>) -> Option<NodeId> {
    let mut attributes = subject.iter_attributes();
    let name = attributes.next().filter(|name| *name.attr_type() == OID_X509_COMMON_NAME)?;
    if attributes.next().is_some() {
        return None;
    }
    name.as_str().ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rcgen::{
        CertificateParams, DistinguishedName, DnType, DnValue, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519,
    };

    use super::*;

    fn params(names: &[(DnType, &str)]) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        for (kind, name) in names {
            params.distinguished_name.push(kind.clone(), *name);
        }
        params
    }

    fn request(names: &[(DnType, &str)]) -> String {
        let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        params(names).serialize_request(&pair).unwrap().pem().unwrap()
    }

    fn why(text: &str) -> &'static str {
        match text.parse::<Csr>() {
            Err(Refusal::InvalidCsr(why)) => why,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_request_names_the_node_and_its_key() {
        let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let text = params(&[(DnType::CommonName, "n1")]).serialize_request(&pair).unwrap().pem().unwrap();
        for text in [text.clone(), text.replace('\n', "\r\n"), format!("\n{text}\n"), text.replace("CERTIFICATE", "NEW CERTIFICATE")] {
            let csr: Csr = text.parse().unwrap();
            assert_eq!((csr.node.as_str(), csr.public_key), ("n1", rcgen::PublicKeyData::subject_public_key_info(&pair)));
        }
        let mut printable = params(&[]);
        printable.distinguished_name.push(DnType::CommonName, DnValue::PrintableString("n1".try_into().unwrap()));
        assert!(printable.serialize_request(&pair).unwrap().pem().unwrap().parse::<Csr>().is_ok());
    }

    #[test]
    fn the_subject_is_one_common_name_of_an_id() {
        let subject = "its subject is not exactly CN=<node id>";
        for name in ["", "n/1", "n+1", "n#1", "n 1", "n1\0", "*", "é", &"x".repeat(64)] {
            assert_eq!(why(&request(&[(DnType::CommonName, name)])), subject, "{name:?}");
        }
        assert_eq!(why(&request(&[])), subject);
        assert_eq!(why(&request(&[(DnType::OrganizationName, "n1")])), subject);
        assert_eq!(why(&request(&[(DnType::CommonName, "n1"), (DnType::OrganizationName, "o")])), subject);
        let second = DnType::CustomDnType(vec![2, 5, 4, 3]);
        assert_eq!(why(&request(&[(DnType::CommonName, "n1"), (second, "n2")])), subject);
    }

    #[test]
    fn other_keys_and_broken_signatures_are_refused() {
        for kind in [&PKCS_ECDSA_P384_SHA384, &PKCS_ED25519] {
            let pair = KeyPair::generate_for(kind).unwrap();
            let text = params(&[(DnType::CommonName, "n1")]).serialize_request(&pair).unwrap().pem().unwrap();
            assert!(why(&text).starts_with("its key is"));
        }
        let good = pem::parse(request(&[(DnType::CommonName, "n1")])).unwrap().into_contents();
        let text = |der: Vec<u8>| pem::encode(&pem::Pem::new("CERTIFICATE REQUEST", der));
        let mut broken = good.clone();
        *broken.last_mut().unwrap() ^= 1;
        assert!(why(&text(broken)).starts_with("its signature"));
        let at = good.windows(2).position(|two| two == b"n1").unwrap();
        let mut renamed = good.clone();
        renamed[at + 1] = b'2';
        assert!(why(&text(renamed)).starts_with("its signature"), "the signature covers the name");
        assert_eq!(why(&text([&good[..], b"x"].concat())), "it is damaged");
        assert_eq!(why(&text(good[..good.len() - 1].to_vec())), "it is damaged");
        assert_eq!(why(&pem::encode(&pem::Pem::new("CERTIFICATE", good))), "it is no PEM of a certificate request");
        assert_eq!(why(""), "it is no PEM of a certificate request");
        assert_eq!(why(&"x".repeat(MAX + 1)), "it is too long");
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(at in 0_usize..300, bits in 1_u8.., cut in 0_usize..300) {
            let mut der = pem::parse(request(&[(DnType::CommonName, "n1")])).unwrap().into_contents();
            let length = der.len();
            der[at % length] ^= bits;
            der.truncate(length - cut % length);
            let _ = pem::encode(&pem::Pem::new("CERTIFICATE REQUEST", der)).parse::<Csr>();
        }
    }
}
