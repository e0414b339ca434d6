//! RSA keys. `ring` can sign with them but not make them, so this one thing comes from the `rsa` crate;
//! no operation with a private key is done by it.

use rcgen::{KeyPair, PKCS_RSA_SHA256};
use rsa::{
    RsaPrivateKey,
    pkcs1::{EncodeRsaPrivateKey as _, LineEnding},
    pkcs8::{EncodePrivateKey as _, EncodePublicKey as _},
    rand_core::OsRng,
};
use rustls::pki_types::PrivatePkcs8KeyDer;
use shared::claim::profile::MakeError;

use super::CaError;

/// A key of 2,048 bits: the private part as PKCS#1 PEM, which is the form that agents on Linux read
/// (contract `mqtt-and-node.md` §9.3), and the public part as `SubjectPublicKeyInfo`.
pub(super) fn generate() -> Result<(String, Vec<u8>), CaError> {
    let (key, pem) = make()?;
    let public = key.to_public_key().to_public_key_der().map_err(|error| CaError::Rsa(error.to_string()))?;
    Ok((pem, public.into_vec()))
}

/// The same as PKCS#1 PEM, and as a pair for requests, which `ring` signs.
pub(crate) fn pair() -> Result<(String, KeyPair), CaError> {
    let (key, pem) = make()?;
    let der = key.to_pkcs8_der().map_err(|error| CaError::Rsa(error.to_string()))?;
    let pair =
        KeyPair::from_pkcs8_der_and_sign_algo(&PrivatePkcs8KeyDer::from(der.as_bytes()), &PKCS_RSA_SHA256).map_err(MakeError::from)?;
    Ok((pem, pair))
}

fn make() -> Result<(RsaPrivateKey, String), CaError> {
    let key = RsaPrivateKey::new(&mut OsRng, 2048).map_err(|error| CaError::Rsa(error.to_string()))?;
    let pem = key.to_pkcs1_pem(LineEnding::LF).map_err(|error| CaError::Rsa(error.to_string()))?;
    Ok((key, pem.to_string()))
}
