//! RSA keys. `ring` can sign with them but not make them, so this one thing comes from the `rsa` crate;
//! no operation with a private key is done by it.

use rsa::{
    RsaPrivateKey,
    pkcs1::{EncodeRsaPrivateKey as _, LineEnding},
    pkcs8::EncodePublicKey as _,
    rand_core::OsRng,
};

use super::CaError;

/// A key of 2,048 bits: the private part as PKCS#1 PEM, which is the form that agents on Linux read
/// (contract `mqtt-and-node.md` §9.3), and the public part as `SubjectPublicKeyInfo`.
pub(super) fn generate() -> Result<(String, Vec<u8>), CaError> {
    let key = RsaPrivateKey::new(&mut OsRng, 2048).map_err(|error| CaError::Rsa(error.to_string()))?;
    let pem = key.to_pkcs1_pem(LineEnding::LF).map_err(|error| CaError::Rsa(error.to_string()))?;
    let public = key.to_public_key().to_public_key_der().map_err(|error| CaError::Rsa(error.to_string()))?;
    Ok((pem.to_string(), public.into_vec()))
}
