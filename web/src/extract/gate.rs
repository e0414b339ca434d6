//! The gates: every handler's first argument, which says who may come in.

use std::{net::IpAddr, sync::Arc};

use axum::{
    extract::FromRequestParts,
    http::{StatusCode, header::AUTHORIZATION, request::Parts},
};
use shared::{
    Error, Refusal,
    access::{Grant, Load, grant, role::Role},
};

use super::{
    ip::ClientIp,
    query::{OfNode, Query},
};
use crate::{
    App, Failure,
    openapi::{Input, Operation},
    throttle::Throttle,
};

/// Says who may come in.
pub trait Gate {}

/// Anybody. For what is no secret and cannot be guessed at.
#[derive(Debug)]
pub struct Public;

/// Anybody, but each address only so often for what can be guessed at, such as passwords and codes: the
/// handler takes one of the address's tries with [`Attempt::take`].
pub struct Attempt(Option<(Arc<Throttle>, IpAddr)>);

impl Attempt {
    /// Takes a try, if any is left.
    pub fn take(&self) -> Result<(), Failure> {
        match &self.0 {
            Some((throttle, address)) if !throttle.admits(*address) => Err(Refusal::TooManyTries.into()),
            _ => Ok(()),
        }
    }
}

/// A user with a valid access token.
#[derive(Debug)]
pub struct Caller(pub shared::access::Caller);

/// A user who may act in role `R` on the node that the request names, and records of that node which
/// were read in the same batched get.
#[derive(Debug)]
pub struct Allowed<R, L = ()> {
    /// The proof.
    pub grant: Grant<R>,
    /// Who it was given to.
    pub caller: shared::access::Caller,
    /// The node's records.
    pub loaded: L,
}

impl Gate for Public {}
impl Gate for Attempt {}
impl Gate for Caller {}
impl<R, L> Gate for Allowed<R, L> {}

impl Input for Public {
    fn describe(_: &mut Operation) {}
}

impl Input for Attempt {
    fn describe(operation: &mut Operation) {
        operation.refuse(StatusCode::TOO_MANY_REQUESTS);
        operation.refuse(StatusCode::INTERNAL_SERVER_ERROR);
    }
}

impl Input for Caller {
    fn describe(operation: &mut Operation) {
        operation.need_token();
        operation.refuse(StatusCode::INTERNAL_SERVER_ERROR);
    }
}

impl<R, L> Input for Allowed<R, L> {
    fn describe(operation: &mut Operation) {
        Caller::describe(operation);
        operation.query::<OfNode>();
        operation.need("node_id");
        operation.refuse(StatusCode::BAD_REQUEST);
    }
}

impl FromRequestParts<App> for Public {
    type Rejection = Failure;

    async fn from_request_parts(_: &mut Parts, _: &App) -> Result<Self, Failure> {
        Ok(Self)
    }
}

impl FromRequestParts<App> for Attempt {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Failure> {
        let Some(throttle) = &app.throttle else { return Ok(Self(None)) };
        // Without an address nothing could be counted, so nothing is let in.
        let closed = || Failure::new(StatusCode::INTERNAL_SERVER_ERROR, 100_001, "the client's address is unknown");
        let ClientIp(address) = parts.extensions.get().copied().ok_or_else(closed)?;
        Ok(Self(Some((Arc::clone(throttle), address))))
    }
}

impl FromRequestParts<App> for Caller {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Failure> {
        let authorization = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let authorization = authorization.ok_or(Error::Unauthenticated)?;
        Ok(Self(shared::access::Caller::of(&app.ports, authorization).await?))
    }
}

impl<R: Role, L: Load> FromRequestParts<App> for Allowed<R, L> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Failure> {
        let Caller(caller) = Caller::from_request_parts(parts, app).await?;
        let Query(of): Query<OfNode> = Query::parse(parts.uri.query().unwrap_or_default())?;
        let node = of.id()?.ok_or(Refusal::NodeIdMissing)?;
        let granted = grant::grant(&app.ports, &caller, node).await?;
        Ok(Self { grant: granted.grant, caller, loaded: granted.loaded })
    }
}
