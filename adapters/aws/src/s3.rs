//! The port `Blobs` on Amazon S3: one object of a bucket for each blob, under its name.
//!
//! What signs is the function itself, so a URL allows what the function's role does, and ends with its credentials.
//! That a blob is not there is told only to who may list the bucket (`s3:ListBucket`); to others S3 says that they
//! may not read it. An upload that is refused or interrupted leaves nothing.

use std::{ops::Range, time::Duration};

use async_trait::async_trait;
use aws_sdk_s3::{
    Client,
    config::{Builder, RequestChecksumCalculation, ResponseChecksumValidation},
    error::{DisplayErrorContext, ProvideErrorMetadata, SdkError},
    operation::head_object::HeadObjectError,
    presigning::PresigningConfig,
};
use bytes::Bytes;
use shared::port::blobs::{BlobError, BlobName, Blobs, LONGEST, PIECE};
use tokio::sync::OnceCell;

use crate::client::Sdk;

type Result<T> = std::result::Result<T, BlobError>;

/// A bucket.
pub struct S3Blobs {
    sdk: Sdk,
    bucket: Option<String>,
    client: OnceCell<Client>,
}

impl S3Blobs {
    /// Of the account that the SDK goes to. Whoever has no bucket has no blobs.
    pub fn new(sdk: Sdk, bucket: Option<String>) -> Self {
        Self { sdk, bucket, client: OnceCell::new() }
    }

    /// The way to the bucket, and its name.
    async fn bucket(&self) -> Result<(&Client, &str)> {
        let bucket = self.bucket.as_deref().ok_or_else(|| BlobError::Engine("this function has no bucket".into()))?;
        let make = async || {
            let sdk = self.sdk.config().await;
            // TLS protects what is on its way; and whoever puts by a URL would have to know of a checksum in it.
            let config = Builder::from(sdk)
                .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
                .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
                // An endpoint that is set is a local emulator, which is no domain with a name for each bucket.
                .force_path_style(sdk.endpoint_url().is_some());
            Client::from_conf(config.build())
        };
        Ok((self.client.get_or_init(make).await, bucket))
    }
}

#[async_trait]
impl Blobs for S3Blobs {
    async fn put(&self, name: &BlobName, content: Bytes) -> Result<()> {
        if content.len() > PIECE {
            return Err(BlobError::TooLarge);
        }
        let (client, bucket) = self.bucket().await?;
        let put = client.put_object().bucket(bucket).key(name.as_str()).body(content.into());
        put.send().await.map(drop).map_err(|error| failed("PutObject", &error))
    }

    async fn get(&self, name: &BlobName, range: Range<u64>) -> Result<Bytes> {
        if range.is_empty() {
            // Asked for such a range, S3 returns the whole.
            return Err(if self.head(name).await?.is_some() { BlobError::Beyond } else { BlobError::Missing });
        }
        let (client, bucket) = self.bucket().await?;
        let last = range.end.min(range.start.saturating_add(PIECE as u64)) - 1;
        let get = client.get_object().bucket(bucket).key(name.as_str()).range(format!("bytes={}-{last}", range.start));
        let got = get.send().await.map_err(|error| match error.code() {
            Some("NoSuchKey") => BlobError::Missing,
            Some("InvalidRange") => BlobError::Beyond,
            _ => failed("GetObject", &error),
        })?;
        let content = got.body.collect().await.map_err(|error| BlobError::Engine(error.into()))?;
        Ok(content.into_bytes())
    }

    async fn head(&self, name: &BlobName) -> Result<Option<u64>> {
        let (client, bucket) = self.bucket().await?;
        match client.head_object().bucket(bucket).key(name.as_str()).send().await {
            Ok(head) => Ok(Some(head.content_length.and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or_default())),
            Err(error) if error.as_service_error().is_some_and(HeadObjectError::is_not_found) => Ok(None),
            Err(error) => Err(failed("HeadObject", &error)),
        }
    }

    async fn delete(&self, name: &BlobName) -> Result<()> {
        let (client, bucket) = self.bucket().await?;
        let delete = client.delete_object().bucket(bucket).key(name.as_str());
        delete.send().await.map(drop).map_err(|error| failed("DeleteObject", &error))
    }

    async fn upload_url(&self, name: &BlobName, seconds: u32, _: u64) -> Result<String> {
        let (client, bucket) = self.bucket().await?;
        let put = client.put_object().bucket(bucket).key(name.as_str()).presigned(good_for(seconds)?).await;
        put.map(|put| put.uri().to_owned()).map_err(|error| failed("PutObject", &error))
    }

    async fn download_url(&self, name: &BlobName, seconds: u32) -> Result<String> {
        let (client, bucket) = self.bucket().await?;
        let get = client.get_object().bucket(bucket).key(name.as_str()).presigned(good_for(seconds)?).await;
        get.map(|get| get.uri().to_owned()).map_err(|error| failed("GetObject", &error))
    }
}

fn good_for(seconds: u32) -> Result<PresigningConfig> {
    let time = Duration::from_secs(seconds.min(LONGEST).into());
    PresigningConfig::expires_in(time).map_err(|error| BlobError::Engine(error.into()))
}

fn failed<E>(call: &str, error: &SdkError<E>) -> BlobError
where
    E: std::error::Error + 'static,
{
    BlobError::Engine(format!("{call}: {}", DisplayErrorContext(error)).into())
}
