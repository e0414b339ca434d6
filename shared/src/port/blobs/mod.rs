//! The port `Blobs`: S3 or a folder. Bytes under names, such as images of firmware, which are too large for records.
//!
//! A blob is whole or not there, and replaced as a whole. The cloud itself reads and writes pieces of at most
//! [`PIECE`] bytes. What is larger goes between its owner and the engine alone, by signed URLs:
//!
//! * who has the URL needs nothing else, until it expires: 200 for an upload, 200 or 206 (`Range`) for a download,
//!   403 for one that is not good any more or never was;
//! * an upload may come with any `Content-Type`, with or without `Content-MD5`: neither is signed. So whoever gave
//!   the URL looks at what has come before believing it, also at its size: S3 can't hold an upload to a limit, and
//!   whoever has the URL may upload again until it expires;
//! * on AWS a URL also ends with the credentials of the function that signed it, after some hours.

#[cfg(any(test, feature = "contract"))]
pub mod contract;

use std::{fmt, ops::Range, str::FromStr};

use async_trait::async_trait;
use bytes::Bytes;

/// Bytes that [`Blobs::put`] takes and [`Blobs::get`] returns at most.
pub const PIECE: usize = 8 * 1024 * 1024;
/// Seconds for which a URL is good at most: what S3 allows, a week.
pub const LONGEST: u32 = 7 * 86_400;

/// Characters of a name: as many as a file's name in a backup can have, and its ending.
const MAX_NAME: usize = 95;

/// What a blob is not called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no name of a blob: parts of letters, digits, `.`, `_` and `-`, joined by `/`, of 1 to {MAX_NAME} characters in all")]
pub struct InvalidName;

/// The name of a blob, `image/kT3vYw8uQm1rZs5dLb9xNa`: parts of `[A-Za-z0-9._-]+`, none of which is `.` or `..`, joined
/// by `/`; 1 to 95 characters in all.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BlobName(String);

impl BlobName {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for BlobName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let valid = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let good = |part: &str| !matches!(part, "" | "." | "..") && part.bytes().all(valid);
        if text.len() <= MAX_NAME && text.split('/').all(good) { Ok(Self(text.to_owned())) } else { Err(InvalidName) }
    }
}

impl fmt::Display for BlobName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// Why it was not done.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// There is no blob of this name.
    #[error("there is no such blob")]
    Missing,
    /// The range is empty, or begins at the blob's end or after it.
    #[error("the blob has nothing in this range")]
    Beyond,
    /// More than [`PIECE`] bytes at once.
    #[error("more than {PIECE} bytes are no piece of a blob")]
    TooLarge,
    /// The engine failed.
    #[error("the blobs can't be reached: {0}")]
    Engine(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Keeps blobs. What returned `Ok` is there for whoever asks next, and lasts.
#[async_trait]
pub trait Blobs: Send + Sync + 'static {
    /// Makes the blob or replaces it. At most [`PIECE`] bytes.
    async fn put(&self, name: &BlobName, content: Bytes) -> Result<(), BlobError>;

    /// Reads the bytes in this range, as far as there are any and up to [`PIECE`] of them.
    async fn get(&self, name: &BlobName, range: Range<u64>) -> Result<Bytes, BlobError>;

    /// Its size in bytes; `None` if there is no such blob.
    async fn head(&self, name: &BlobName) -> Result<Option<u64>, BlobError>;

    /// Deletes it; of one that is not there too.
    async fn delete(&self, name: &BlobName) -> Result<(), BlobError>;

    /// Where the blob can be put by HTTP, for so many seconds, up to [`LONGEST`]. At most so many bytes are to come,
    /// to which S3 does not hold anybody.
    async fn upload_url(&self, name: &BlobName, seconds: u32, most: u64) -> Result<String, BlobError>;

    /// Where the blob can be got by HTTP, for so many seconds, up to [`LONGEST`]. It need not be there yet.
    async fn download_url(&self, name: &BlobName, seconds: u32) -> Result<String, BlobError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain_and_stay_where_they_belong() {
        for good in ["a", "image/kT3vYw8uQm1rZs5dLb9xNa", "a/b/c.bin", "..a", "a..", ".a/-/_", &"x".repeat(MAX_NAME)] {
            assert_eq!(good.parse::<BlobName>().unwrap().as_str(), good);
        }
        let long = "x".repeat(MAX_NAME + 1);
        for bad in
            ["", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/.", "a\\b", "a b", "a+b", "a%2fb", "a\0", "ä", "a\n", &long]
        {
            assert_eq!(bad.parse::<BlobName>(), Err(InvalidName), "{bad:?}");
        }
    }
}
