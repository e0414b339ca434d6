//! Bodies that are forms, as browsers and OAuth clients send them, whatever the content type says.

use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
};

use super::{body, query::Query};
use crate::{App, Failure};

/// The fields of a form, read like a query: an empty value is absent. No body at all is an empty form.
#[derive(Clone, Debug, Default)]
pub struct Form(pub Query);

impl FromRequest<App> for Form {
    type Rejection = Failure;

    async fn from_request(request: Request, app: &App) -> Result<Self, Failure> {
        let bytes = Bytes::from_request(request, app).await.map_err(|rejection| body::incomplete(rejection.status()))?;
        Ok(Self(Query::parse(&String::from_utf8_lossy(&bytes))))
    }
}
