//! The success bodies of the contract.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Serialize;

/// `{"status":"success","description":<text>}`, contract `APISuccessResponse`. The text must not hold
/// the word "failure": an app searches for it (`clients.md` D18).
#[derive(Clone, Debug, Serialize)]
pub struct Success {
    status: &'static str,
    description: String,
}

impl Success {
    /// A success with this description.
    pub fn new(description: impl Into<String>) -> Self {
        Self { status: "success", description: description.into() }
    }
}

impl IntoResponse for Success {
    fn into_response(self) -> Response {
        Json(self).into_response()
    }
}

/// The same with status 201.
pub fn created(description: &str) -> Response {
    (StatusCode::CREATED, Success::new(description)).into_response()
}
