//! How providers are asked. Redirects are not followed; answers have a size and a time; without TLS only
//! this machine is asked.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use oauth2::{AsyncHttpClient, HttpRequest, HttpResponse};

const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of the longest answer that is read.
const MAX_ANSWER: usize = 1024 * 1024;

/// Why a provider could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// Whoever listens on the way would learn secrets.
    #[error("{0} is not asked without TLS")]
    Insecure(String),
    /// No connection, or it broke.
    #[error("no answer: {0}")]
    Unreachable(#[from] hyper_util::client::legacy::Error),
    /// Nothing came in time.
    #[error("no answer within {} s", PATIENCE.as_secs())]
    TooSlow,
    /// It broke off, or was too long.
    #[error("the answer was not readable: {0}")]
    Unreadable(Box<dyn std::error::Error + Send + Sync>),
}

/// A client for all providers. Cheap to clone.
#[derive(Clone)]
pub struct Http(Client<HttpsConnector<HttpConnector>, Full<Bytes>>);

impl Http {
    /// One that trusts whom the system trusts. The error says that the system has no list of them.
    pub fn new() -> std::io::Result<Self> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let connector = HttpsConnectorBuilder::new().with_provider_and_native_roots(provider)?.https_or_http().enable_http1().build();
        Ok(Self(Client::builder(TokioExecutor::new()).build(connector)))
    }

    /// Asks, and waits for the whole answer.
    pub async fn ask(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        check(request.uri())?;
        tokio::time::timeout(PATIENCE, self.read(request)).await.map_err(|_| HttpError::TooSlow)?
    }

    async fn read(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let (head, body) = self.0.request(request.map(|body| Full::new(body.into()))).await?.into_parts();
        let body = Limited::new(body, MAX_ANSWER).collect().await.map_err(HttpError::Unreadable)?;
        Ok(http::Response::from_parts(head, body.to_bytes().into()))
    }
}

/// May this be asked?
pub(crate) fn check(uri: &http::Uri) -> Result<(), HttpError> {
    let here = matches!(uri.host(), Some("localhost" | "127.0.0.1" | "[::1]"));
    if uri.scheme_str() == Some("https") || here { Ok(()) } else { Err(HttpError::Insecure(uri.to_string())) }
}

impl<'c> AsyncHttpClient<'c> for Http {
    type Error = HttpError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.ask(request))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_asked_without_tls() {
        for good in ["https://accounts.google.com/x", "http://127.0.0.1:9/x", "http://localhost/x", "http://[::1]:9/"] {
            assert!(check(&good.parse().unwrap()).is_ok(), "{good}");
        }
        for bad in ["http://accounts.google.com/x", "http://localhost.evil.io/", "http://192.168.1.1/"] {
            assert!(check(&bad.parse().unwrap()).is_err(), "{bad}");
        }
    }
}
