//! The port `Events` as a webhook: a POST of the envelope to one URL. Nobody who does something waits for it: what
//! happened is noted, and brought out from there. A listener that is away for a while misses nothing.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use data_encoding::HEXLOWER;
use http::{Request, Uri, header};
use outbound::Http;
use ring::hmac;
use shared::{
    Ports,
    outbox::{self, Swept},
    port::events::{Events, EventsError, Happening},
};
use tokio::sync::Notify;

/// How often it is looked for what another process has noted, or a listener has not taken.
const EVERY: Duration = Duration::from_mins(1);
/// The first pause after the listener did not take an event; each further one is twice as long, up to [`EVERY`].
const PAUSE: Duration = Duration::from_secs(1);
const SIGNATURE: &str = "x-raincloud-signature";

/// Who listens.
pub struct Settings {
    /// `https`, or `http` on this machine.
    pub url: String,
    /// By which the listener sees that an event is ours.
    pub secret: Option<String>,
}

/// What is wrong with the settings. It tells nothing of the URL but its host, since the rest may hold secrets.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The URL.
    #[error("give a URL such as https://host/path, without a user in it")]
    Url,
    /// No TLS, and another machine.
    #[error(transparent)]
    Clear(#[from] outbound::HttpError),
    /// An empty secret.
    #[error("the secret is empty")]
    Secret,
    /// No certificate authorities.
    #[error("the system has no list of certificate authorities: {0}")]
    Roots(#[from] std::io::Error),
}

/// Wakes who tells.
pub struct Bell(Arc<Notify>);

/// Tells, one after the other; to be run beside.
pub struct Delivery {
    webhook: Webhook,
    wake: Arc<Notify>,
}

/// Whom the settings name.
pub fn open(settings: &Settings) -> Result<(Bell, Delivery), SettingsError> {
    let (webhook, wake) = (Webhook::new(settings)?, Arc::new(Notify::new()));
    Ok((Bell(Arc::clone(&wake)), Delivery { webhook, wake }))
}

#[async_trait]
impl Events for Bell {
    fn listens(&self) -> bool {
        true
    }

    async fn tell(&self, _: &Happening) -> Result<(), EventsError> {
        self.0.notify_one();
        Err(EventsError::Later)
    }
}

impl Delivery {
    /// Runs until it is dropped. An event may be told twice if the process ends between its telling and that it is
    /// noted; none is lost.
    pub async fn run(self, ports: Ports) {
        let ports = Ports { events: Arc::new(self.webhook), ..ports };
        let mut pause = PAUSE;
        loop {
            match outbox::sweep(&ports, i64::MAX).await {
                Ok(Swept { more: true, .. }) => {}
                Ok(_) => {
                    pause = PAUSE;
                    // Either is a reason to look.
                    let _ = tokio::time::timeout(EVERY, self.wake.notified()).await;
                }
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, pause = pause.as_secs(), "events wait for who listens");
                    tokio::time::sleep(pause).await;
                    pause = (2 * pause).min(EVERY);
                }
            }
        }
    }
}

/// POSTs.
struct Webhook {
    http: Http,
    url: Uri,
    key: Option<hmac::Key>,
}

impl Webhook {
    fn new(Settings { url, secret }: &Settings) -> Result<Self, SettingsError> {
        let url: Uri = url.parse().map_err(|_| SettingsError::Url)?;
        let named = url.authority().is_some_and(|authority| !authority.as_str().contains('@'));
        if !named || !matches!(url.scheme_str(), Some("http" | "https")) {
            return Err(SettingsError::Url);
        }
        outbound::check(&url)?;
        if secret.as_ref().is_some_and(String::is_empty) {
            return Err(SettingsError::Secret);
        }
        let key = secret.as_ref().map(|secret| hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()));
        Ok(Self { http: Http::new()?, url, key })
    }

    fn request(&self, body: &str) -> Result<Request<Vec<u8>>, http::Error> {
        let request =
            Request::post(self.url.clone()).header(header::CONTENT_TYPE, "application/json").header(header::USER_AGENT, "raincloud");
        let signature = self.key.as_ref().map(|key| hmac::sign(key, body.as_bytes()));
        let request = match signature {
            Some(tag) => request.header(SIGNATURE, format!("sha256={}", HEXLOWER.encode(tag.as_ref()))),
            None => request,
        };
        request.body(body.as_bytes().to_vec())
    }
}

#[async_trait]
impl Events for Webhook {
    fn listens(&self) -> bool {
        true
    }

    async fn tell(&self, happening: &Happening) -> Result<(), EventsError> {
        let request = self.request(&happening.envelope).map_err(|error| EventsError::NotTaken(error.into()))?;
        let answer = self.http.ask(request).await.map_err(|error| EventsError::NotTaken(error.into()))?;
        if answer.status().is_success() { Ok(()) } else { Err(EventsError::NotTaken(format!("the answer was {}", answer.status()).into())) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open_by(url: &str, secret: Option<&str>) -> Result<Webhook, SettingsError> {
        Webhook::new(&Settings { url: url.to_owned(), secret: secret.map(str::to_owned) })
    }

    #[test]
    fn events_do_not_cross_the_network_in_the_clear_and_errors_tell_no_secrets() {
        for good in ["https://example.org/hook?token=hush", "http://localhost:9/hook", "http://127.0.0.1/"] {
            assert!(open_by(good, Some("s")).is_ok(), "{good}");
        }
        for bad in ["http://example.org/?token=hush", "https://hush@example.org/", "ftp://localhost/hush", "hush", ""] {
            let error = open_by(bad, None).err().expect(bad);
            assert!(!format!("{error} {error:?}").contains("hush"), "{error:?}");
        }
        assert!(matches!(open_by("https://example.org/", Some("")), Err(SettingsError::Secret)));
    }

    #[test]
    fn who_has_the_secret_can_check_the_signature() {
        let body = r#"{"version":1}"#;
        let signed = open_by("https://example.org/hook", Some("key")).unwrap().request(body).unwrap();
        // Of `printf '{"version":1}' | openssl dgst -sha256 -hmac key`.
        assert_eq!(signed.headers()[SIGNATURE], "sha256=13aadcd2d4df5c7527b811b8ecbe551596908f9609939aa1123c35f116ffb733");
        assert_eq!((signed.headers()["content-type"].as_bytes(), signed.body().as_slice()), (&b"application/json"[..], body.as_bytes()));
        let bare = open_by("https://example.org/hook", None).unwrap().request(body).unwrap();
        assert!(!bare.headers().contains_key(SIGNATURE));
    }
}
