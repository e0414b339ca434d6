//! The Lambda door: the same router behind API Gateway's HTTP API.

use std::net::IpAddr;

use axum::{Router, extract::Request, middleware::map_request};
use lambda_http::{RequestExt as _, request::RequestContext};

pub use lambda_http::Error;

use crate::ClientIp;

/// Serves the router until Lambda ends the process.
pub async fn run(router: Router) -> Result<(), Error> {
    lambda_http::run(super::finish(router).layer(map_request(with_address))).await
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
