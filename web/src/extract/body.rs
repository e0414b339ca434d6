//! Bodies: JSON whatever the content type says (contract `clients.md` D4).

use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
    http::StatusCode,
};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use shared::Refusal;

use crate::{
    App, Failure,
    openapi::{Input, Operation},
};

/// The largest body, in bytes.
pub const MAX_BODY: usize = 1024 * 1024;

/// A body read as JSON. No body at all reads as `{}`.
#[derive(Debug)]
pub struct Body<T>(pub T);

impl<T: DeserializeOwned> FromRequest<App> for Body<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, app: &App) -> Result<Self, Failure> {
        let bytes = Bytes::from_request(request, app).await.map_err(|rejection| incomplete(rejection.status()))?;
        let bytes = if bytes.trim_ascii().is_empty() { b"{}" } else { bytes.as_ref() };
        // The parser's position helps; what it quotes could be a secret, so only its kind is told.
        let parsed = serde_json::from_slice(bytes).map_err(|error| {
            let why = format!("{:?} error in line {}, column {}", error.classify(), error.line(), error.column());
            Refusal::InvalidBody(why.to_lowercase())
        })?;
        Ok(Self(parsed))
    }
}

/// A body that could not be read to its end.
pub(super) fn incomplete(status: StatusCode) -> Failure {
    match status {
        StatusCode::PAYLOAD_TOO_LARGE => Failure::new(status, 100_036, format!("the body is larger than {MAX_BODY} bytes")),
        _ => Refusal::InvalidBody("it did not arrive whole".to_owned()).into(),
    }
}

impl<T: JsonSchema> Input for Body<T> {
    fn describe(operation: &mut Operation) {
        operation.body::<T>();
        operation.refuse(StatusCode::BAD_REQUEST);
        operation.refuse(StatusCode::PAYLOAD_TOO_LARGE);
    }
}
