//! `GET /access/healthz`, for those who operate the cloud.

use web::{Public, reply::Success};

/// The function answers.
pub async fn get(_: Public) -> Success {
    Success::new("alive")
}
