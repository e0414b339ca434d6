//! What opens only with a secret that is not stored.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    digest::{SHA256, digest},
    hkdf::{HKDF_SHA256, Salt},
};

/// The name under which something is kept whose secret is not: the SHA-256 in base64url.
pub(super) fn name(secret: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, secret.as_bytes()))
}

/// Seals with a secret that seals nothing else, so the nonce need not differ.
pub(super) fn seal(secret: &str, text: &str) -> Option<Vec<u8>> {
    let mut bytes = text.as_bytes().to_vec();
    key(secret)?.seal_in_place_append_tag(nonce(), Aad::empty(), &mut bytes).ok()?;
    Some(bytes)
}

/// Opens what was sealed with this secret.
pub(super) fn open(secret: &str, sealed: &[u8]) -> Option<String> {
    let mut bytes = sealed.to_vec();
    let text = key(secret)?.open_in_place(nonce(), Aad::empty(), &mut bytes).ok()?;
    String::from_utf8(text.to_vec()).ok()
}

fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; NONCE_LEN])
}

fn key(secret: &str) -> Option<LessSafeKey> {
    let from = Salt::new(HKDF_SHA256, b"raincloud oauth").extract(secret.as_bytes());
    let okm = from.expand(&[b"seal"], &AES_256_GCM).ok()?;
    Some(LessSafeKey::new(UnboundKey::from(okm)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_secret_opens() {
        let sealed = seal("secret", "text").unwrap();
        assert_eq!(open("secret", &sealed).as_deref(), Some("text"));
        assert!(!sealed.windows(4).any(|bytes| bytes == b"text"));
        assert_eq!((open("Secret", &sealed), open("secret", &sealed[1..])), (None, None));
    }
}
