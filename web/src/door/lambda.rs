//! The Lambda door: the same router behind API Gateway's HTTP API.

use std::net::IpAddr;

use axum::{
    Router,
    extract::Request,
    middleware::{from_fn_with_state, map_request},
};
use lambda_http::{RequestExt as _, request::RequestContext};

pub use lambda_http::Error;

use super::metrics::{Metrics, measured};
use crate::ClientIp;

/// Serves the router until Lambda ends the process.
pub async fn run(router: Router) -> Result<(), Error> {
    lambda_http::tracing::init_default_subscriber();
    let measured = from_fn_with_state(Metrics::from_env(), measured);
    lambda_http::run(super::finish(router).layer(map_request(with_address)).layer(measured)).await
}

async fn with_address(mut request: Request) -> Request {
    if let Some(address) = address(&request) {
        request.extensions_mut().insert(ClientIp(address));
    }
    request
}

fn address(request: &Request) -> Option<IpAddr> {
    match request.request_context_ref()? {
        RequestContext::ApiGatewayV2(context) => context.http.source_ip.as_deref()?.parse().ok(),
        _ => None,
    }
}
