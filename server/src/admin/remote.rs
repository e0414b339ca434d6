//! Administering from afar: over the API, as somebody who may.

use std::{
    fs,
    io::{self, IsTerminal as _, Read as _},
    net::IpAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, bail};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::http::{Method, Request, StatusCode, Uri, header};
use serde_json::{Value, json};
use tokio::time::timeout;
use tokio_rustls::rustls::{
    ClientConfig, ConfigBuilder, RootCertStore,
    client::WantsClientCert,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject as _},
};

use crate::endpoint::Endpoint;

const PATIENCE: Duration = Duration::from_secs(30);
/// Bytes of an answer: a page of a hundred nodes or users is far shorter.
const LONGEST_ANSWER: usize = 8 * 1024 * 1024;
/// Bytes of a file or a line with a password.
const LONGEST_SECRET: u64 = 1024;

/// Where the cloud is, if it is not the data folder.
#[derive(clap::Args, Debug)]
pub(crate) struct Remote {
    /// Work over the API at this URL instead of in a data folder, as a super admin
    #[arg(long, value_name = "URL", conflicts_with = "data", requires = "user")]
    url: Option<Uri>,

    /// Who logs in at the URL
    ///
    /// The password is taken from the variable `RAINCLOUD_PASSWORD` or a file, or else asked for.
    #[arg(long, value_name = "NAME", requires = "url")]
    user: Option<String>,

    /// The file with the password
    #[arg(long, value_name = "FILE", requires = "url")]
    password_file: Option<PathBuf>,

    /// The file with the CA of the URL's certificate, such as the cloud's `ca.crt`; without it, the system's CAs
    #[arg(long, value_name = "FILE", requires = "url")]
    ca: Option<PathBuf>,
}

impl Remote {
    /// Logs in, if there is a URL.
    pub(super) async fn open(&self) -> anyhow::Result<Option<Api>> {
        let (Some(url), Some(user)) = (&self.url, &self.user) else { return Ok(None) };
        let endpoint = Endpoint::new(url, || trusting(self.ca.as_deref()))?;
        if !endpoint.is_secure() && !is_here(endpoint.host()) {
            bail!("{url}: a password goes over https alone, or to this machine itself");
        }
        let password = match (std::env::var("RAINCLOUD_PASSWORD"), &self.password_file) {
            (Ok(password), _) => password,
            (Err(_), Some(file)) => first_line(fs::File::open(file)).with_context(|| format!("cannot read {}", file.display()))?,
            (Err(_), None) if io::stdin().is_terminal() => rpassword::prompt_password(format!("Password of {user}: "))?,
            (Err(_), None) => bail!("the password is missing: set RAINCLOUD_PASSWORD, or name a file with --password-file"),
        };
        let mut api = Api { endpoint, access: String::new(), refresh: String::new(), ca: self.ca.clone() };
        api.log_in(&json!({ "user_name": user, "password": password })).await.context("cannot log in")?;
        Ok(Some(api))
    }
}

/// The first line of it.
pub(super) fn first_line(from: io::Result<impl io::Read>) -> io::Result<String> {
    let mut text = String::new();
    from?.take(LONGEST_SECRET).read_to_string(&mut text)?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

fn is_here(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

fn trusting(ca: Option<&Path>) -> anyhow::Result<ConfigBuilder<ClientConfig, WantsClientCert>> {
    let mut roots = RootCertStore::empty();
    match ca {
        Some(file) => {
            let cannot = || format!("cannot read {}", file.display());
            let pem = fs::read(file).with_context(cannot)?;
            for certificate in CertificateDer::pem_slice_iter(&pem) {
                roots.add(certificate.with_context(cannot)?).with_context(cannot)?;
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    anyhow::ensure!(!roots.is_empty(), "there is no CA by which the certificate could be checked; name one with --ca FILE");
    let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider())).with_safe_default_protocol_versions()?;
    Ok(tls.with_root_certificates(roots))
}

/// The API, for somebody who is logged in.
pub(super) struct Api {
    endpoint: Endpoint,
    access: String,
    refresh: String,
    ca: Option<PathBuf>,
}

impl Api {
    /// The file with the cloud's CA, if one was named.
    pub(super) fn ca(&self) -> Option<&Path> {
        self.ca.as_deref()
    }

    async fn log_in(&mut self, body: &Value) -> anyhow::Result<()> {
        let (status, answer) = self.exchange(&Method::POST, "/v1/login2", Some(body)).await?;
        let answer = accepted(status, answer)?;
        let text = |key: &str| answer[key].as_str().map(str::to_owned);
        self.access = text("accesstoken").context("the answer has no access token")?;
        if let Some(refresh) = text("refreshtoken") {
            self.refresh = refresh;
        }
        Ok(())
    }

    /// What the API answers, if that is a success. Tokens that have expired meanwhile are renewed.
    pub(super) async fn call(&mut self, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        let (mut status, mut answer) = self.exchange(&method, path, body).await?;
        if status == StatusCode::UNAUTHORIZED && !self.refresh.is_empty() {
            self.access.clear();
            self.log_in(&json!({ "refreshtoken": self.refresh })).await.context("the session has ended")?;
            (status, answer) = self.exchange(&method, path, body).await?;
        }
        accepted(status, answer)
    }

    /// Ends the session; if that fails it ends by itself.
    pub(super) async fn close(mut self) {
        let _ = self.call(Method::POST, "/v1/logout2", None).await;
    }

    async fn exchange(&self, method: &Method, path: &str, body: Option<&Value>) -> anyhow::Result<(StatusCode, Value)> {
        let url = self.endpoint.url(path);
        let answer = timeout(PATIENCE, self.answer(&url, method, body)).await;
        // The query could hold a code.
        let shown = url.split('?').next().unwrap_or_default();
        answer.unwrap_or_else(|_| bail!("no answer within {} s", PATIENCE.as_secs())).with_context(|| format!("{method} {shown}"))
    }

    async fn answer(&self, url: &str, method: &Method, body: Option<&Value>) -> anyhow::Result<(StatusCode, Value)> {
        let uri: Uri = url.parse()?;
        let authority = uri.authority().context("no host")?.as_str();
        let target = uri.path_and_query().context("no path")?.as_str();
        let mut request = Request::builder().method(method).uri(target).header(header::HOST, authority);
        request = request.header(header::CONTENT_TYPE, "application/json");
        if !self.access.is_empty() {
            request = request.header(header::AUTHORIZATION, &self.access);
        }
        let body = body.map(Value::to_string).unwrap_or_default();
        let response = self.endpoint.send(request.body(Full::from(Bytes::from(body)))?).await?;
        let (head, body) = response.into_parts();
        let bytes = Limited::new(body, LONGEST_ANSWER).collect().await.map_err(|error| anyhow::anyhow!(error))?.to_bytes();
        let answer =
            serde_json::from_slice(&bytes).with_context(|| format!("the answer, {}, is no JSON: is this the API?", head.status))?;
        Ok((head.status, answer))
    }
}

fn accepted(status: StatusCode, answer: Value) -> anyhow::Result<Value> {
    if status.is_success() {
        return Ok(answer);
    }
    let description = answer["description"].as_str().unwrap_or("no reason is given");
    match answer["error_code"].as_u64() {
        Some(code) => bail!("{description} ({code})"),
        None => bail!("{description} ({status})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_here() {
        for here in ["localhost", "LOCALHOST", "127.0.0.1", "127.8.8.8", "::1"] {
            assert!(is_here(here), "{here}");
        }
        for there in ["localhost.example.com", "10.0.0.1", "128.0.0.1", "example.com", "127.0.0.1.example.com", "::2", ""] {
            assert!(!is_here(there), "{there}");
        }
    }

    #[test]
    fn a_password_is_a_line() {
        assert_eq!(first_line(Ok("one two\r\nthree".as_bytes())).unwrap(), "one two");
        assert_eq!(first_line(Ok("".as_bytes())).unwrap(), "");
    }
}
