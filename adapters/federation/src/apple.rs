//! Apple's client secret: a token that the owner's private key signs, good for a few minutes.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair},
};
use rustls::pki_types::{PrivatePkcs8KeyDer, pem::PemObject as _};
use serde_json::json;

/// Who is Apple, and whom the secret is for.
pub const ISSUER: &str = "https://appleid.apple.com";
const SECONDS: i64 = 300;

/// The key is not what Apple gives out.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the private key is not a PEM file with an ECDSA key on P-256, as Apple gives them out (AuthKey_….p8)")]
pub struct InvalidKey;

/// What Apple gave the owner.
pub struct AppleKey {
    team: String,
    kid: String,
    pair: EcdsaKeyPair,
}

impl AppleKey {
    /// The key of this id, in PEM, of this team.
    pub fn new(team: &str, kid: &str, pem: &str) -> Result<Self, InvalidKey> {
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| InvalidKey)?;
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der.secret_pkcs8_der(), &SystemRandom::new());
        Ok(Self { team: team.to_owned(), kid: kid.to_owned(), pair: pair.map_err(|_| InvalidKey)? })
    }

    /// A client secret, made at this time, in seconds.
    pub fn secret(&self, client: &str, now: i64) -> Result<String, InvalidKey> {
        let header = json!({ "alg": "ES256", "kid": self.kid });
        let claims = json!({ "iss": self.team, "iat": now, "exp": now + SECONDS, "aud": ISSUER, "sub": client });
        let message = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string())).join(".");
        let signature = self.pair.sign(&SystemRandom::new(), message.as_bytes()).map_err(|_| InvalidKey)?;
        Ok(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;
    use ring::signature::{ECDSA_P256_SHA256_FIXED, KeyPair as _, UnparsedPublicKey};
    use serde_json::Value;

    use super::*;

    #[test]
    fn a_secret_is_signed_by_the_key_and_says_what_apple_asks_for() {
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).unwrap();
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(pkcs8.as_ref()));
        let key = AppleKey::new("TEAM", "KID", &pem).unwrap();
        let secret = key.secret("com.example.app", 1000).unwrap();
        let (message, signature) = secret.rsplit_once('.').unwrap();
        let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key.pair.public_key());
        public.verify(message.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap()).unwrap();
        let part = |text: &str| serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap();
        let (header, claims) = message.split_once('.').unwrap();
        assert_eq!(part(header), json!({ "alg": "ES256", "kid": "KID" }));
        assert_eq!(part(claims), json!({ "iss": "TEAM", "iat": 1000, "exp": 1300, "aud": ISSUER, "sub": "com.example.app" }));
    }

    #[test]
    fn what_is_no_such_key_is_refused() {
        for bad in ["", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"] {
            assert!(AppleKey::new("t", "k", bad).is_err());
        }
    }
}
