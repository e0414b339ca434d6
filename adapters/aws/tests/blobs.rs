//! The port `Blobs` on Amazon S3, as the local emulator plays it.

#![expect(clippy::unwrap_used, reason = "a test that meets an error is to fail")]

use std::time::Duration;

use async_trait::async_trait;
use aws::{client::Sdk, s3::S3Blobs};
use shared::port::blobs::{
    BlobError, Blobs,
    contract::{Answer, Call, Harness, signed, stored},
};
use tests::emulator::{bucket, config};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

struct Setup(S3Blobs);

async fn setup() -> Setup {
    Setup(S3Blobs::new(Sdk::with(config().await), Some(bucket().await)))
}

#[async_trait]
impl Harness for Setup {
    fn blobs(&self) -> &dyn Blobs {
        &self.0
    }

    async fn send(&self, Call { method, url, headers, content }: Call<'_>) -> Answer {
        let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
        let mut stream = TcpStream::connect(host).await.unwrap();
        let mut head = format!("{method} /{path} HTTP/1.0\r\nHost: {host}\r\nContent-Length: {}\r\n", content.len());
        head.extend(headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")));
        stream.write_all(&[head.as_bytes(), b"\r\n", content].concat()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        let head = String::from_utf8(answer[..end].to_vec()).unwrap();
        let header = |line: &str| {
            line.split_once(": ").filter(|(name, _)| name.eq_ignore_ascii_case("content-range")).map(|(_, value)| value.to_owned())
        };
        Answer { status: head[9..12].parse().unwrap(), range: head.lines().find_map(header), content: answer[end + 4..].to_vec() }
    }

    async fn pass(&self, seconds: u32) {
        tokio::time::sleep(Duration::from_secs(seconds.into())).await;
    }

    fn bounds_uploads(&self) -> bool {
        false
    }
}

#[tokio::test]
async fn s3_keeps_the_contract() {
    stored(&setup().await.0).await;
}

#[tokio::test]
async fn its_urls_keep_the_contract() {
    signed(&setup().await).await;
}

/// Clients send what headers they like.
#[tokio::test]
async fn nothing_but_the_host_is_signed() {
    let (blobs, name) = (setup().await.0, "image/a".parse().unwrap());
    for url in [blobs.upload_url(&name, 60, 9).await.unwrap(), blobs.download_url(&name, u32::MAX).await.unwrap()] {
        assert!(url.contains("X-Amz-SignedHeaders=host&") && !url.to_ascii_lowercase().contains("checksum"), "{url}");
    }
}

#[tokio::test]
async fn who_has_no_bucket_or_another_one_is_told_so() {
    let name = "image/a".parse().unwrap();
    let none = S3Blobs::new(Sdk::with(config().await), None);
    assert!(none.head(&name).await.unwrap_err().to_string().contains("no bucket"));
    assert!(none.download_url(&name, 60).await.is_err());
    let gone = S3Blobs::new(Sdk::with(config().await), Some("no-such-bucket".to_owned()));
    let error = gone.get(&name, 0..1).await.unwrap_err();
    assert!(matches!(&error, BlobError::Engine(error) if error.to_string().contains("NoSuchBucket")), "{error}");
    assert!(matches!(gone.put(&name, "x".into()).await, Err(BlobError::Engine(_))));
}
