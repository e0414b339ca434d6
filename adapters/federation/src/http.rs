//! How providers are asked: as every other server is, [`outbound`].

use std::{future::Future, io, pin::Pin};

use oauth2::{AsyncHttpClient, HttpRequest, HttpResponse};
use outbound::HttpError;

/// A client for all providers. Cheap to clone.
#[derive(Clone)]
pub struct Http(outbound::Http);

impl Http {
    /// One that trusts whom the system trusts. The error says that the system has no list of them.
    pub fn new() -> io::Result<Self> {
        outbound::Http::new().map(Self)
    }

    /// Asks, and waits for the whole answer.
    pub async fn ask(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        self.0.ask(request).await
    }
}

impl<'c> AsyncHttpClient<'c> for Http {
    type Error = HttpError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.ask(request))
    }
}
