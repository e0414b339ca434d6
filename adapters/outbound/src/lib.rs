//! How the cloud asks other servers over HTTP: identity providers, and whoever is told what happens. Redirects are not
//! followed; answers have a size and a time; without TLS only this machine is asked.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};

const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of the longest answer that is read.
const MAX_ANSWER: usize = 1024 * 1024;

/// Why there is no answer. It never tells more of the URL than its host, since the rest may hold secrets.
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

/// A client for all of them. Cheap to clone.
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
    pub async fn ask(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, HttpError> {
        check(request.uri())?;
        tokio::time::timeout(PATIENCE, self.read(request)).await.map_err(|_| HttpError::TooSlow)?
    }

    async fn read(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, HttpError> {
        let (head, body) = self.0.request(request.map(|body| Full::new(body.into()))).await?.into_parts();
        let body = Limited::new(body, MAX_ANSWER).collect().await.map_err(HttpError::Unreadable)?;
        Ok(Response::from_parts(head, body.to_bytes().into()))
    }
}

/// May this be asked?
pub fn check(uri: &Uri) -> Result<(), HttpError> {
    let host = uri.host().unwrap_or_default();
    let here = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
    if uri.scheme_str() == Some("https") || here { Ok(()) } else { Err(HttpError::Insecure(host.to_owned())) }
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
