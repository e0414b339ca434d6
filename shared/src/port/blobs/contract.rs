//! What every engine of the port `Blobs` must do, as functions that panic when it does not.
//!
//! [`stored`] needs the engine alone; [`signed`] also somebody who sends HTTP requests to it. Both use names of their
//! own, which must not be there yet.
#![expect(clippy::unwrap_used, reason = "a broken promise is to panic, as in any test")]

use async_trait::async_trait;

use super::{BlobError, BlobName, Blobs, Bytes, PIECE};

/// An engine under test, and the way to its URLs.
#[async_trait]
pub trait Harness: Send + Sync {
    /// The engine.
    fn blobs(&self) -> &dyn Blobs;

    /// Sends an HTTP request.
    async fn send(&self, call: Call<'_>) -> Answer;

    /// Lets so many seconds pass for the engine.
    async fn pass(&self, seconds: u32);

    /// Does it hold uploads to their limit?
    fn bounds_uploads(&self) -> bool {
        true
    }
}

/// A request.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// Its method.
    pub method: &'a str,
    /// Its URL.
    pub url: &'a str,
    /// Its headers, beside `Host` and `Content-Length`.
    pub headers: &'a [(&'a str, &'a str)],
    /// Its body.
    pub content: &'a [u8],
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its header `Content-Range`.
    pub range: Option<String>,
    /// Its body.
    pub content: Vec<u8>,
}

/// A name of the contract's own.
fn name(text: &str) -> BlobName {
    format!("contract/{text}").parse().unwrap()
}

async fn put(blobs: &dyn Blobs, name: &BlobName, content: &[u8]) {
    blobs.put(name, Bytes::copy_from_slice(content)).await.unwrap();
}

/// All of a blob that must be there.
async fn all(blobs: &dyn Blobs, name: &BlobName) -> Bytes {
    blobs.get(name, 0..u64::MAX).await.unwrap()
}

/// Every promise that needs no URL.
pub async fn stored(blobs: &dyn Blobs) {
    what_is_not_there(blobs).await;
    ranges(blobs).await;
    replaced(blobs).await;
    names_are_apart(blobs).await;
    pieces(blobs).await;
}

async fn what_is_not_there(blobs: &dyn Blobs) {
    let name = name("missing");
    for _ in 0..2 {
        assert_eq!(blobs.head(&name).await.unwrap(), None);
        for range in [0..1, 5..9, 3..3] {
            assert!(matches!(blobs.get(&name, range).await, Err(BlobError::Missing)));
        }
        blobs.delete(&name).await.unwrap();
    }
    put(blobs, &name, b"x").await;
    for _ in 0..2 {
        blobs.delete(&name).await.unwrap();
        assert_eq!(blobs.head(&name).await.unwrap(), None);
    }
}

async fn ranges(blobs: &dyn Blobs) {
    let (name, content) = (name("ranges"), (0..=255).collect::<Vec<u8>>());
    put(blobs, &name, &content).await;
    assert_eq!(blobs.head(&name).await.unwrap(), Some(256));
    for (range, is) in [
        (0..256, &content[..]),
        (0..1, &content[..1]),
        (255..256, &content[255..]),
        (7..99, &content[7..99]),
        (250..257, &content[250..]),
        (1..u64::MAX, &content[1..]),
    ] {
        assert_eq!(blobs.get(&name, range.clone()).await.unwrap(), is, "{range:?}");
    }
    #[expect(clippy::reversed_empty_ranges, reason = "it is to be refused")]
    for range in [256..257, 256..u64::MAX, 1000..2000, u64::MAX - 1..u64::MAX, 0..0, 9..9, 9..3] {
        assert!(matches!(blobs.get(&name, range.clone()).await, Err(BlobError::Beyond)), "{range:?}");
    }
    put(blobs, &name, b"").await;
    assert_eq!(blobs.head(&name).await.unwrap(), Some(0));
    assert!(matches!(blobs.get(&name, 0..1).await, Err(BlobError::Beyond)));
}

async fn replaced(blobs: &dyn Blobs) {
    let name = name("replaced");
    for content in ["first and longer", "second", "", "third, longer than all before it"] {
        put(blobs, &name, content.as_bytes()).await;
        assert_eq!(blobs.head(&name).await.unwrap(), Some(content.len() as u64));
        if !content.is_empty() {
            assert_eq!(all(blobs, &name).await, content);
        }
    }
}

async fn names_are_apart(blobs: &dyn Blobs) {
    let texts = ["a", "a/b", "a/b/c", "a.b", "a-b", "a_b", "a.blob", "a.blob/b", "a.part", ".a", "..a/b", "b/a", "ab"];
    let names = texts.map(name);
    for (name, text) in names.iter().zip(texts) {
        put(blobs, name, text.as_bytes()).await;
    }
    blobs.delete(&names[1]).await.unwrap();
    for (index, (name, text)) in names.iter().zip(texts).enumerate() {
        match index {
            1 => assert_eq!(blobs.head(name).await.unwrap(), None),
            _ => assert_eq!(all(blobs, name).await, text),
        }
    }
    let longest: BlobName = format!("contract/{}", "x".repeat(86)).parse().unwrap();
    put(blobs, &longest, b"long").await;
    assert_eq!(all(blobs, &longest).await, "long");
}

async fn pieces(blobs: &dyn Blobs) {
    let (name, content) = (name("piece"), vec![7; PIECE + 1]);
    assert!(matches!(blobs.put(&name, content.clone().into()).await, Err(BlobError::TooLarge)));
    assert_eq!(blobs.head(&name).await.unwrap(), None);
    put(blobs, &name, &content[1..]).await;
    assert_eq!(all(blobs, &name).await, content[1..]);
}

/// Every promise of the URLs.
pub async fn signed(harness: &dyn Harness) {
    uploads(harness).await;
    downloads(harness).await;
    limits(harness).await;
    expiry(harness).await;
    tampering(harness).await;
}

/// For as long as a test may take.
const LONG: u32 = 600;

async fn send(harness: &dyn Harness, method: &str, url: &str, content: &[u8]) -> Answer {
    harness.send(Call { method, url, headers: &[], content }).await
}

async fn uploads(harness: &dyn Harness) {
    let (blobs, name) = (harness.blobs(), name("upload"));
    let url = blobs.upload_url(&name, LONG, 1 << 30).await.unwrap();
    assert_eq!(blobs.head(&name).await.unwrap(), None, "a URL makes nothing");
    let done = Answer { status: 200, range: None, content: Vec::new() };
    let headers: [&[_]; 3] = [
        &[],
        &[("Content-Type", "application/octet-stream"), ("Content-MD5", "XUFAKrxLKna5cZ2REBfFkg==")],
        &[("Content-Type", "text/html")],
    ];
    for headers in headers {
        assert_eq!(harness.send(Call { method: "PUT", url: &url, headers, content: b"hello" }).await, done);
        assert_eq!(all(blobs, &name).await, "hello");
        put(blobs, &name, b"other").await;
    }
    assert_eq!(send(harness, "PUT", &url, b"").await, done);
    assert_eq!(blobs.head(&name).await.unwrap(), Some(0));

    // Larger than a piece, which is read in two.
    let content: Vec<u8> = (0..=250).cycle().take(PIECE + 5).collect();
    assert_eq!(send(harness, "PUT", &url, &content).await, done);
    let piece = PIECE as u64;
    assert_eq!(blobs.head(&name).await.unwrap(), Some(piece + 5));
    assert_eq!(all(blobs, &name).await, content[..PIECE]);
    assert_eq!(blobs.get(&name, piece..u64::MAX).await.unwrap(), content[PIECE..]);
    let url = blobs.download_url(&name, LONG).await.unwrap();
    assert!(send(harness, "GET", &url, b"").await.content == content, "the blob came as it went");
}

async fn downloads(harness: &dyn Harness) {
    let (blobs, name) = (harness.blobs(), name("download"));
    let url = blobs.download_url(&name, LONG).await.unwrap();
    assert_eq!(send(harness, "GET", &url, b"").await.status, 404);
    put(blobs, &name, b"0123456789").await;
    let got = |status, range: Option<&str>, content: &str| Answer { status, range: range.map(ToOwned::to_owned), content: content.into() };
    assert_eq!(send(harness, "GET", &url, b"").await, got(200, None, "0123456789"));
    for (asked, range, content) in [
        ("bytes=2-4", "bytes 2-4/10", "234"),
        ("bytes=0-0", "bytes 0-0/10", "0"),
        ("bytes=7-", "bytes 7-9/10", "789"),
        ("bytes=8-99", "bytes 8-9/10", "89"),
        ("bytes=-3", "bytes 7-9/10", "789"),
        ("bytes=-99", "bytes 0-9/10", "0123456789"),
    ] {
        let call = Call { method: "GET", url: &url, headers: &[("Range", asked)], content: b"" };
        assert_eq!(harness.send(call).await, got(206, Some(range), content), "{asked}");
    }
    for beyond in ["bytes=10-", "bytes=99-100"] {
        let call = Call { method: "GET", url: &url, headers: &[("Range", beyond)], content: b"" };
        assert_eq!(harness.send(call).await.status, 416, "{beyond}");
    }
    blobs.delete(&name).await.unwrap();
    assert_eq!(send(harness, "GET", &url, b"").await.status, 404);
}

async fn limits(harness: &dyn Harness) {
    if !harness.bounds_uploads() {
        return;
    }
    let (blobs, name) = (harness.blobs(), name("limit"));
    let url = blobs.upload_url(&name, LONG, 4).await.unwrap();
    for content in [b"12345".to_vec(), vec![0; 300_000]] {
        assert_eq!(send(harness, "PUT", &url, &content).await.status, 413);
        assert_eq!(blobs.head(&name).await.unwrap(), None, "nothing is kept");
    }
    assert_eq!(send(harness, "PUT", &url, b"1234").await.status, 200);
    assert_eq!(send(harness, "PUT", &url, b"56789").await.status, 413);
    assert_eq!(all(blobs, &name).await, "1234", "what was there stays");
}

async fn expiry(harness: &dyn Harness) {
    let (blobs, name) = (harness.blobs(), name("expiry"));
    put(blobs, &name, b"kept").await;
    let urls = [blobs.upload_url(&name, 1, 9).await.unwrap(), blobs.download_url(&name, 1).await.unwrap()];
    harness.pass(2).await;
    for (method, url) in ["PUT", "GET"].into_iter().zip(&urls) {
        assert_eq!(send(harness, method, url, b"").await.status, 403, "{method}");
    }
    assert_eq!(all(blobs, &name).await, "kept");
}

async fn tampering(harness: &dyn Harness) {
    let (blobs, name, other) = (harness.blobs(), name("mine"), name("other"));
    for name in [&name, &other] {
        put(blobs, name, b"kept").await;
    }
    let urls = [blobs.upload_url(&name, LONG, 9).await.unwrap(), blobs.download_url(&name, LONG).await.unwrap()];
    for ((method, wrong), url) in [("PUT", "GET"), ("GET", "PUT")].into_iter().zip(&urls) {
        for wrong in [wrong, "DELETE", "POST"] {
            let status = send(harness, wrong, url, b"no").await.status;
            assert!([403, 405].contains(&status), "{wrong} where {method} is signed: {status}");
        }
        for forged in [url.replace("contract/mine", "contract/other"), longer(url), changed(url), url.split('?').next().unwrap().to_owned()]
        {
            assert!(forged != *url);
            assert_eq!(send(harness, method, &forged, b"no").await.status, 403, "{method} {forged}");
        }
    }
    for name in [&name, &other] {
        assert_eq!(all(blobs, name).await, "kept");
    }
}

/// The URL with its parameter of this name changed, whatever comes before that name.
fn with(url: &str, name: &str, change: impl Fn(&str) -> String) -> String {
    let parameters = url.split('&').map(|parameter| match parameter.split_once('=') {
        Some((key, value)) if key.to_ascii_lowercase().ends_with(name) => format!("{key}={}", change(value)),
        _ => parameter.to_owned(),
    });
    parameters.collect::<Vec<_>>().join("&")
}

/// Good for longer.
fn longer(url: &str) -> String {
    with(url, "expires", |seconds| (seconds.parse::<u64>().unwrap() + 100).to_string())
}

/// With another signature.
fn changed(url: &str) -> String {
    with(url, "signature", |signature| {
        let (first, rest) = signature.split_at(1);
        format!("{}{rest}", if first == "1" { "2" } else { "1" })
    })
}
