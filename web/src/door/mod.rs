//! The two ways in, and all that both do around a router, so that they answer alike.

#[cfg(feature = "lambda")]
pub mod events;
#[cfg(feature = "lambda")]
pub mod lambda;
#[cfg(feature = "lambda")]
pub mod metrics;

use std::any::Any;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::{HeaderName, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use tower_http::{
    catch_panic::CatchPanicLayer,
    cors::{Any as AnyOrigin, CorsLayer},
    set_header::SetResponseHeaderLayer,
};

use crate::{Failure, extract::body::MAX_BODY};

/// A router as both doors serve it: unknown paths and methods, too large bodies and panics are answered
/// with JSON of the contract's shape, and browsers get their CORS headers (`clients.md` D21).
pub fn finish(router: Router) -> Router {
    let cors = CorsLayer::new()
        .allow_origin(AnyOrigin)
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::DELETE])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE]);
    let nosniff =
        SetResponseHeaderLayer::overriding(HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff"));
    router
        .fallback(async || Failure::new(StatusCode::NOT_FOUND, 100_012, "there is no such path"))
        .method_not_allowed_fallback(async || Failure::new(StatusCode::METHOD_NOT_ALLOWED, 100_003, "method not allowed"))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(nosniff)
        .layer(cors)
}

#[expect(clippy::needless_pass_by_value, reason = "the layer hands the panic over")]
fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    tracing::error!(panic = text.unwrap_or("?"), "a handler panicked");
    Failure::new(StatusCode::INTERNAL_SERVER_ERROR, 100_001, "internal error, please try again").into_response()
}
