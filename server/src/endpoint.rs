//! Where an HTTP service is, and a connection to it for each request.

use std::sync::Arc;

use anyhow::{Context as _, bail};
use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    body::Incoming,
    client::conn::http1,
    http::{Request, Response, Uri},
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, ConfigBuilder, client::WantsClientCert, pki_types::ServerName},
};

/// The service.
pub(crate) struct Endpoint {
    base: String,
    host: String,
    port: u16,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

impl Endpoint {
    /// The service at this URL. `tls` begins a way to speak TLS with it, if it takes that.
    pub(crate) fn new(
        url: &Uri,
        tls: impl FnOnce() -> anyhow::Result<ConfigBuilder<ClientConfig, WantsClientCert>>,
    ) -> anyhow::Result<Self> {
        let host = url.host().with_context(|| format!("{url} names no host"))?.trim_matches(['[', ']']).to_owned();
        let (tls, port) = match url.scheme_str() {
            Some("http") => (None, 80),
            Some("https") => {
                let name = ServerName::try_from(host.clone()).with_context(|| format!("{host} is no host name"))?;
                (Some((Arc::new(tls()?.with_no_client_auth()).into(), name)), 443)
            }
            _ => bail!("{url} begins neither with http:// nor with https://"),
        };
        let base = url.to_string().trim_end_matches('/').to_owned();
        Ok(Self { base, port: url.port_u16().unwrap_or(port), host, tls })
    }

    /// The URL of a path there.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// The host's name or address.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// Does it take TLS?
    pub(crate) fn is_secure(&self) -> bool {
        self.tls.is_some()
    }

    /// Sends a request; the answer's body may still be on its way.
    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> anyhow::Result<Response<Incoming>> {
        let tcp = TcpStream::connect((self.host.as_str(), self.port)).await?;
        match &self.tls {
            Some((tls, name)) => exchange(tls.connect(name.clone(), tcp).await?, request).await,
            None => exchange(tcp, request).await,
        }
    }
}

async fn exchange<S>(stream: S, request: Request<Full<Bytes>>) -> anyhow::Result<Response<Incoming>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::Builder::new().title_case_headers(true).handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender.send_request(request).await?)
}
