//! A certificate from an authority that speaks ACME (RFC 8555), such as Let's Encrypt: ordered, kept, and
//! renewed while the server runs.
//!
//! | in `acme/` of the data folder | what it is |
//! |---|---|
//! | `account.json` | the account with the authority, with its key |
//! | `certificate.pem` | the key, and after it the chain, in one file so that they always belong together |
//!
//! What fails is tried again, later each time; what serves goes on serving.

mod account;
mod order;
mod proof;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, ensure};
use builtin::clock::SystemClock;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use shared::port::clock::Clock as _;
use tokio::time::{sleep, timeout};
use x509_parser::parse_x509_certificate;

pub use self::proof::{Tokens, router};
use crate::{
    ca::names_of,
    certificates::Certificates,
    files::{self, Readers},
    say,
    settings::{Acme, Challenge, Host},
};

/// For a whole order: an authority may look several times, and from several places.
const PATIENCE: Duration = Duration::from_mins(5);
/// From the first failure to the next try; then four times as long each time. Authorities count failures: of
/// Let's Encrypt's five an hour this takes four.
const FIRST_WAIT: Duration = Duration::from_mins(1);
const LONGEST_WAIT: Duration = Duration::from_hours(6);
/// The clock may be set, and a machine may sleep, so it is looked at now and then.
const NAP: Duration = Duration::from_mins(10);

/// The settings, checked.
#[derive(Clone)]
pub struct Orderer {
    directory: String,
    email: Option<String>,
    ca: Option<PathBuf>,
    domains: Vec<Host>,
    challenge: Challenge,
    folder: PathBuf,
    tokens: Tokens,
    certificates: Arc<Certificates>,
}

impl Orderer {
    /// What the settings ask for, if they do. `folder` is the data folder; `http` and `https` say whether these
    /// ports are served.
    pub fn of(
        settings: &Acme,
        folder: &Path,
        certificates: &Arc<Certificates>,
        (http, https): (bool, bool),
    ) -> anyhow::Result<Option<Self>> {
        if settings.domains.is_empty() {
            return Ok(None);
        }
        let Acme { directory, .. } = settings;
        ensure!(settings.agree, "--acme-domain needs --acme-agree: read the terms of service of the authority at {directory} first");
        ensure!(directory.starts_with("https://"), "--acme-directory is to be an https:// URL");
        let (served, flag) = match settings.challenge {
            Challenge::Http01 => (http, "--http"),
            Challenge::TlsAlpn01 => (https, "--https"),
        };
        ensure!(served, "the authority would look at {flag}, which is off: see --acme-challenge");
        let mut domains: Vec<Host> = Vec::new();
        for domain in &settings.domains {
            if !domains.contains(domain.host()) {
                domains.push(domain.host().clone());
            }
        }
        Ok(Some(Self {
            directory: directory.clone(),
            email: settings.email.clone(),
            ca: settings.ca.clone(),
            domains,
            challenge: settings.challenge,
            folder: folder.join("acme"),
            tokens: Tokens::default(),
            certificates: Arc::clone(certificates),
        }))
    }

    /// What an authority is answered over HTTP.
    pub fn tokens(&self) -> &Tokens {
        &self.tokens
    }

    /// Shows the certificate that is kept, if it is for these domains and of this authority and has not run out.
    pub fn show_kept(&self) -> Option<Life> {
        let (pem, life) = self.kept(SystemClock.now())?;
        self.show(&pem).ok()?;
        Some(life)
    }

    /// Orders and renews until it is dropped. `life` is that of the certificate that serves already.
    pub async fn run(self, mut life: Option<Life>) {
        let mut wait = FIRST_WAIT;
        loop {
            while let Some(nap) = life.and_then(|life| life.left_until_renewal(SystemClock.now())) {
                sleep(nap.min(NAP)).await;
            }
            let ordered = timeout(PATIENCE, self.renew()).await;
            match ordered.unwrap_or_else(|_| Err(anyhow::anyhow!("the authority did not finish in {} minutes", PATIENCE.as_secs() / 60))) {
                Ok(new) => {
                    let domains = self.domains.iter().map(Host::as_str).collect::<Vec<_>>().join(", ");
                    tracing::info!(domains, until = say::moment(new.until), "a certificate of the authority serves from now on");
                    life = Some(new);
                    if new.left_until_renewal(SystemClock.now()).is_some() {
                        wait = FIRST_WAIT;
                    } else {
                        tracing::error!("the new certificate is to be renewed already: is the clock right?");
                        sleep(wait).await;
                        wait = (wait * 4).min(LONGEST_WAIT);
                    }
                }
                Err(error) => {
                    self.forget_proofs();
                    life = life.filter(|life| life.until > SystemClock.now());
                    let serves = if let Some(life) = life {
                        format!("the one that ends {} serves on", say::moment(life.until))
                    } else {
                        self.certificates.show_public_no_more();
                        "that of the cloud's own CA serves".to_owned()
                    };
                    let minutes = wait.as_secs() / 60;
                    tracing::error!("no certificate from {}: {error:#}; {serves}; next try in {minutes} min", self.directory);
                    sleep(wait).await;
                    wait = (wait * 4).min(LONGEST_WAIT);
                }
            }
        }
    }

    async fn renew(&self) -> anyhow::Result<Life> {
        files::make_folder(&self.folder).with_context(|| format!("cannot make {}", self.folder.display()))?;
        let account = self.account().await?;
        let pem = self.order(&account).await?;
        let life = self.check(&pem).context("the authority's certificate is of no use")?;
        self.show(&pem)?;
        let path = self.certificate();
        // It serves; ordered again because of a full disk, it would use up what the authority allows in a week.
        if let Err(error) = files::replace(&path, pem.as_bytes(), Readers::Owner) {
            tracing::error!(%error, path = %path.display(), "the certificate serves, but can't be kept for the next start");
        }
        Ok(life)
    }

    fn certificate(&self) -> PathBuf {
        self.folder.join("certificate.pem")
    }

    fn kept(&self, now: i64) -> Option<(String, Life)> {
        self.kept_account().ok()??;
        let pem = std::fs::read_to_string(self.certificate()).ok()?;
        let life = self.check(&pem).ok().filter(|life| life.until > now)?;
        Some((pem, life))
    }

    /// It must be for all domains.
    fn check(&self, pem: &str) -> anyhow::Result<Life> {
        let leaf = CertificateDer::from_pem_slice(pem.as_bytes()).context("it is no PEM")?;
        let names = names_of(&leaf).unwrap_or_default();
        ensure!(self.domains.iter().all(|domain| names.contains(domain)), "it is not for all domains");
        let (_, parsed) = parse_x509_certificate(&leaf).context("it is damaged")?;
        let validity = parsed.validity();
        Ok(Life { from: validity.not_before.timestamp(), until: validity.not_after.timestamp() })
    }

    fn show(&self, pem: &str) -> anyhow::Result<()> {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
        let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).context("there is no key")?;
        Ok(self.certificates.show_public(chain?, key)?)
    }
}

/// From when until when a certificate is good, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Life {
    from: i64,
    until: i64,
}

impl Life {
    /// How long it is until two thirds are over; nothing when they are.
    fn left_until_renewal(self, now: i64) -> Option<Duration> {
        let due = self.from + (self.until - self.from) * 2 / 3;
        u64::try_from(due - now).ok().filter(|left| *left > 0).map(Duration::from_secs)
    }
}

#[cfg(test)]
mod tests {
    use clap::{Args as _, Command, FromArgMatches as _};

    use super::*;

    fn settings(flags: &[&str]) -> Acme {
        let words = std::iter::once("x").chain(flags.iter().copied());
        Acme::from_arg_matches(&Acme::augment_args(Command::new("x")).get_matches_from(words)).unwrap()
    }

    fn of(flags: &[&str], ports: (bool, bool)) -> Result<Option<Orderer>, String> {
        Orderer::of(&settings(flags), Path::new("/nowhere"), &Certificates::new(), ports).map_err(|error| error.to_string())
    }

    #[test]
    fn nothing_is_ordered_without_a_domain_and_agreement() {
        assert!(of(&[], (true, true)).unwrap().is_none());
        let error = of(&["--acme-domain=a.io"], (true, true)).err().unwrap();
        assert!(error.contains("needs --acme-agree") && error.contains("letsencrypt.org"), "{error}");
        let agreed = ["--acme-domain=a.io,b.io", "--acme-domain=a.io", "--acme-agree"];
        let orderer = of(&agreed, (true, true)).unwrap().unwrap();
        assert_eq!(orderer.domains.iter().map(Host::as_str).collect::<Vec<_>>(), ["a.io", "b.io"]);
        assert!(of(&agreed, (true, false)).err().unwrap().contains("--https, which is off"));
        let http = [agreed.as_slice(), &["--acme-challenge=http-01"]].concat();
        assert!(of(&http, (true, false)).is_ok());
        assert!(of(&http, (false, true)).err().unwrap().contains("--http, which is off"));
        let plain = [agreed.as_slice(), &["--acme-directory=http://x/dir"]].concat();
        assert!(of(&plain, (true, true)).err().unwrap().contains("https://"));
    }

    #[test]
    fn a_certificate_is_renewed_after_two_thirds_of_its_life() {
        let life = Life { from: 1_000, until: 1_090 };
        assert_eq!(life.left_until_renewal(1_000), Some(Duration::from_mins(1)));
        assert_eq!(life.left_until_renewal(1_059), Some(Duration::from_secs(1)));
        assert_eq!(life.left_until_renewal(1_060), None);
        assert_eq!(life.left_until_renewal(5_000), None);
    }
}
