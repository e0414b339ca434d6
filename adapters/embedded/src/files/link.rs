//! What a signed URL says: until when, for how many bytes, and a signature (HMAC-SHA256) over that, the method and the
//! blob's name. `?expires=1795262400&most=1048576&signature=mK3…`

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use ring::hmac;
use shared::port::blobs::BlobName;

/// What a URL is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// Putting the blob.
    Upload,
    /// Getting the blob, or its head.
    Download,
}

impl Link {
    /// The query of the URL.
    pub(super) fn sign(self, key: &hmac::Key, name: &BlobName, expires: i64, most: u64) -> String {
        let signature = hmac::sign(key, self.text(name, expires, most).as_bytes());
        format!("expires={expires}&most={most}&signature={}", BASE64_URL_SAFE_NO_PAD.encode(signature))
    }

    /// How many bytes may come, if the query is one that was signed and that is still good.
    pub(super) fn check(self, key: &hmac::Key, name: &BlobName, query: &str, now: i64) -> Option<u64> {
        let value = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        let (expires, most) = (value("expires")?.parse().ok()?, value("most")?.parse().ok()?);
        let signature = BASE64_URL_SAFE_NO_PAD.decode(value("signature")?).ok()?;
        // In constant time.
        hmac::verify(key, self.text(name, expires, most).as_bytes(), &signature).ok()?;
        (now < expires).then_some(most)
    }

    fn text(self, name: &BlobName, expires: i64, most: u64) -> String {
        let method = match self {
            Self::Upload => "PUT",
            Self::Download => "GET",
        };
        format!("{method}\n{name}\n{expires}\n{most}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_signed_is_good_and_only_until_it_expires() {
        let key = |byte: u8| hmac::Key::new(hmac::HMAC_SHA256, &[byte; 32]);
        let [name, other] = ["a", "b"].map(|name| name.parse().unwrap());
        let query = Link::Upload.sign(&key(1), &name, 100, 7);
        let check = |link: Link, of: u8, name: &BlobName, query: &str, now| link.check(&key(of), name, query, now);
        assert_eq!(check(Link::Upload, 1, &name, &query, 99), Some(7));
        assert_eq!(check(Link::Upload, 1, &name, &query, 100), None, "expired");
        assert_eq!(check(Link::Download, 1, &name, &query, 99), None, "another method");
        assert_eq!(check(Link::Upload, 2, &name, &query, 99), None, "another key");
        assert_eq!(check(Link::Upload, 1, &other, &query, 99), None, "another name");
        let forged = ["", "expires=100&most=7", "expires=100&most=7&signature=", "expires=100&most=7&signature=!"].map(ToOwned::to_owned);
        for forged in forged.into_iter().chain([
            query.replace("=100", "=101"),
            query.replace("=100", "=99999999999999999999"),
            query.replace("=7", "=8"),
            query.replace("=7", "=-1"),
            query[..query.len() - 1].to_owned(),
        ]) {
            assert_eq!(check(Link::Upload, 1, &name, &forged, 99), None, "{forged}");
        }
    }
}
