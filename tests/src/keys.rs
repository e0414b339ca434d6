//! The keys of nodes, and what they sign.

use data_encoding::HEXLOWER;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, PKCS_ECDSA_P256_SHA256};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair},
};

/// An ECDSA key, as nodes make it.
pub struct NodeKey(KeyPair);

impl NodeKey {
    /// A new one.
    pub fn new() -> Self {
        Self(KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap())
    }

    /// A request in PEM for a certificate of this name.
    pub fn csr(&self, name: &str) -> String {
        self.request(&params(name))
    }

    /// A request in PEM for all this.
    pub fn request(&self, params: &CertificateParams) -> String {
        params.serialize_request(&self.0).unwrap().pem().unwrap()
    }

    /// A certificate of somebody else's CA, in DER.
    pub fn certificate(&self, name: &str) -> Vec<u8> {
        params(name).self_signed(&self.0).unwrap().der().to_vec()
    }

    /// `SubjectPublicKeyInfo` in DER.
    pub fn public(&self) -> Vec<u8> {
        rcgen::PublicKeyData::subject_public_key_info(&self.0)
    }

    /// The signature of a text, in small hexadecimal digits.
    pub fn sign(&self, text: &str) -> String {
        let random = SystemRandom::new();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &self.0.serialize_der(), &random).unwrap();
        HEXLOWER.encode(pair.sign(&random, text.as_bytes()).unwrap().as_ref())
    }
}

impl Default for NodeKey {
    fn default() -> Self {
        Self::new()
    }
}

/// What has this common name and nothing else.
pub fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}
