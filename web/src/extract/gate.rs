//! The gates: every handler's first argument, which says who may come in.

use std::{marker::PhantomData, net::IpAddr, sync::Arc};

use axum::{
    extract::{FromRequestParts, RawPathParams},
    http::{StatusCode, header::AUTHORIZATION, request::Parts},
};
use shared::{
    Error, Refusal,
    access::{
        Grant, Load,
        association::Association,
        grant::{self, Granted},
        role::Role,
    },
    id::NodeId,
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

/// Anybody, and who it is if they have a valid access token.
#[derive(Debug)]
pub struct Visitor(pub Option<shared::access::Caller>);

/// A user with a valid access token.
#[derive(Debug)]
pub struct Caller(pub shared::access::Caller);

/// An admin or a super admin.
#[derive(Debug)]
pub struct Admin(pub shared::access::Admin);

/// A super admin.
#[derive(Debug)]
pub struct SuperAdmin(pub shared::access::SuperAdmin);

/// A user with a valid access token, or anybody without any: what is asked differs with that. A token that is
/// not valid is refused, and not taken for none.
pub enum Claimant {
    /// With a token.
    User(shared::access::Caller),
    /// Without.
    Anybody(Attempt),
}

/// A user who may act in role `R` on the node that the request names as `N` says, and records of that node
/// which were read in the same batched get.
#[derive(Debug)]
pub struct Allowed<R, L = (), N = InQuery> {
    /// The proof.
    pub grant: Grant<R>,
    /// Who it was given to.
    pub caller: shared::access::Caller,
    /// What they are to the node.
    pub association: Association,
    /// The node's records.
    pub loaded: L,
    naming: PhantomData<N>,
}

impl<R, L, N> Allowed<R, L, N> {
    /// Who may, and all that the proof came with.
    pub fn into_granted(self) -> (shared::access::Caller, Granted<R, L>) {
        (self.caller, Granted { grant: self.grant, association: self.association, loaded: self.loaded })
    }
}

/// How requests to a route name their node, and which refusals the contract has there.
pub trait Naming: Send + Sync + 'static {
    /// The node stands in the path, as `{node_id}`; otherwise in the query.
    const IN_PATH: bool = false;
    /// No node is named.
    const MISSING: Refusal = Refusal::NodeIdMissing;
    /// The caller has nothing to do with the node.
    const NOT_YOURS: Refusal = Refusal::NotYourNode;
    /// The caller has the node, but is no primary user.
    const NOT_PRIMARY: Refusal = Refusal::NotPrimary;
}

/// In the query, with the refusals that most routes have.
#[derive(Debug)]
pub enum InQuery {}

impl Naming for InQuery {}

impl Gate for Public {}
impl Gate for Attempt {}
impl Gate for Visitor {}
impl Gate for Caller {}
impl Gate for Admin {}
impl Gate for SuperAdmin {}
impl Gate for Claimant {}
impl<R, L, N> Gate for Allowed<R, L, N> {}

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

impl Input for Admin {
    fn describe(operation: &mut Operation) {
        Caller::describe(operation);
        operation.refuse(StatusCode::BAD_REQUEST);
    }
}

impl Input for SuperAdmin {
    fn describe(operation: &mut Operation) {
        Admin::describe(operation);
    }
}

impl Input for Visitor {
    fn describe(operation: &mut Operation) {
        operation.offer_token();
    }
}

impl Input for Claimant {
    fn describe(operation: &mut Operation) {
        operation.offer_token();
        operation.refuse(StatusCode::UNAUTHORIZED);
        Attempt::describe(operation);
    }
}

impl<R, L, N: Naming> Input for Allowed<R, L, N> {
    fn describe(operation: &mut Operation) {
        Caller::describe(operation);
        if !N::IN_PATH {
            operation.query::<OfNode>();
            operation.need("node_id");
        }
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

impl FromRequestParts<App> for Visitor {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Failure> {
        Ok(Self(Caller::from_request_parts(parts, app).await.ok().map(|Caller(caller)| caller)))
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

impl FromRequestParts<App> for Admin {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Failure> {
        let Caller(caller) = Caller::from_request_parts(parts, app).await?;
        Ok(Self(shared::access::Admin::of(caller)?))
    }
}

impl FromRequestParts<App> for SuperAdmin {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Failure> {
        let Caller(caller) = Caller::from_request_parts(parts, app).await?;
        Ok(Self(shared::access::SuperAdmin::of(caller)?))
    }
}

impl FromRequestParts<App> for Claimant {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Failure> {
        if parts.headers.contains_key(AUTHORIZATION) {
            let Caller(caller) = Caller::from_request_parts(parts, app).await?;
            return Ok(Self::User(caller));
        }
        Ok(Self::Anybody(Attempt::from_request_parts(parts, app).await?))
    }
}

impl<R: Role, L: Load, N: Naming> FromRequestParts<App> for Allowed<R, L, N> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Failure> {
        let Caller(caller) = Caller::from_request_parts(parts, app).await?;
        let named = if N::IN_PATH {
            in_path(parts).await
        } else {
            Query::parse(parts.uri.query().unwrap_or_default()).and_then(|Query(of): Query<OfNode>| of.id())
        };
        let granted = async { grant::grant(&app.ports, &caller, named?.ok_or(N::MISSING)?).await }.await;
        let instead = |error: Error| error.instead(&Refusal::NotYourNode, N::NOT_YOURS).instead(&Refusal::NotPrimary, N::NOT_PRIMARY);
        let Granted { grant, association, loaded } = granted.map_err(instead)?;
        Ok(Self { grant, caller, association, loaded, naming: PhantomData })
    }
}

async fn in_path(parts: &mut Parts) -> Result<Option<NodeId>, Refusal> {
    let params = RawPathParams::from_request_parts(parts, &()).await.map_err(|_| Refusal::NotYourNode)?;
    let id = params.iter().find(|(name, _)| *name == "node_id").map(|(_, id)| id);
    id.map(|id| id.parse().map_err(|_| Refusal::NotYourNode)).transpose()
}
