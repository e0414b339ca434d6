//! HTTP as the device's claim client speaks it (contract `mqtt-and-node.md` §3.2): a connection for each request, no
//! content type, and an answer that is exactly 200, says how long it is, and is short.

use std::time::Duration;

use anyhow::{Context as _, bail};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::http::{Method, Request, Response, StatusCode, Uri, header};
use tokio::time::timeout;
use tokio_rustls::rustls::client::WantsClientCert;
use tokio_rustls::rustls::{ClientConfig, ConfigBuilder};

use crate::endpoint::Endpoint;

const PATIENCE: Duration = Duration::from_secs(30);
/// The device's buffer for an answer: a longer one is none.
const LONGEST_ANSWER: usize = 3071;
/// The same for an URL.
const LONGEST_URL: usize = 99;
const AGENT: &str = "ESP32 HTTP Client/1.0";

/// The claiming service.
pub(super) struct Service(Endpoint);

impl Service {
    /// The service at this URL. `tls` begins a way to speak TLS with it, if it takes that.
    pub(super) fn new(
        url: &Uri,
        tls: impl FnOnce() -> anyhow::Result<ConfigBuilder<ClientConfig, WantsClientCert>>,
    ) -> anyhow::Result<Self> {
        Ok(Self(Endpoint::new(url, tls)?))
    }

    /// Posts JSON, for a user if there is a token, and returns the answer.
    pub(super) async fn post(&self, path: &str, body: String, token: Option<&str>) -> anyhow::Result<String> {
        let url = self.0.url(path);
        let answer = timeout(PATIENCE, self.exchange(&url, body, token));
        answer.await.unwrap_or_else(|_| bail!("no answer within {} s", PATIENCE.as_secs())).with_context(|| format!("POST {url}"))
    }

    async fn exchange(&self, url: &str, body: String, token: Option<&str>) -> anyhow::Result<String> {
        if url.len() > LONGEST_URL {
            bail!("the URL is longer than {LONGEST_URL} characters, which a device cannot hold");
        }
        let uri: Uri = url.parse()?;
        let authority = uri.authority().context("no host")?.as_str().to_owned();
        let target = uri.path_and_query().context("no path")?.as_str();
        let mut request =
            Request::builder().method(Method::POST).uri(target).header(header::USER_AGENT, AGENT).header(header::HOST, authority);
        if let Some(token) = token {
            request = request.header(header::CONTENT_TYPE, "application/json").header(header::AUTHORIZATION, token);
        }
        read(self.0.send(request.body(Full::from(body))?).await?).await
    }
}

async fn read(response: Response<Incoming>) -> anyhow::Result<String> {
    let (head, body) = response.into_parts();
    let length: Option<usize> = head.headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    let body = Limited::new(body, LONGEST_ANSWER).collect().await;
    let text = body.ok().and_then(|body| String::from_utf8(body.to_bytes().into()).ok());
    if head.status != StatusCode::OK {
        bail!("the cloud answered {}: {}", head.status, text.unwrap_or_default());
    }
    if length.is_none_or(|length| length == 0) {
        bail!("the answer does not say how long it is, which a device cannot read");
    }
    text.with_context(|| format!("the answer is longer than {LONGEST_ANSWER} bytes, or no text"))
}
