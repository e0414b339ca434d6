//! Keeps the certificate of our own CA fresh: issued anew, and shown from then on, when half its life is over
//! or the names of this machine change.

use std::{net::IpAddr, path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context as _;
use builtin::clock::SystemClock;
use shared::port::clock::Clock as _;
use tokio::time::Instant;

use super::Certificates;
use crate::{
    ca::{self, Authority, ServerCertificate},
    lan::Lan,
    settings::Host,
};

/// How often the clock is looked at.
const EVERY: Duration = Duration::from_hours(1);
/// From a failure to the next try.
const AGAIN: Duration = Duration::from_mins(1);
/// How often the addresses are looked at, on a home network.
const EVERY_ON_LAN: Duration = Duration::from_secs(5);

/// Names the server by what it is called now.
pub struct Own {
    /// The data folder.
    pub folder: PathBuf,
    /// The names that stay.
    pub hosts: Vec<Host>,
    /// The address that is listened on.
    pub bind: IpAddr,
    /// The home network, if it is served.
    pub lan: Option<Lan>,
}

impl Own {
    /// Every name of this machine, the most important first.
    pub fn names(&self) -> Vec<Host> {
        let lan = self.lan.iter().flat_map(Lan::hosts);
        ca::all_names(&self.hosts.iter().cloned().chain(lan).collect::<Vec<_>>(), self.bind)
    }

    /// Shows the kept certificate, or a new one if that is due. Says whether it is new.
    pub fn show(&self, authority: &Authority, certificates: &Certificates, now: i64) -> anyhow::Result<bool> {
        let ServerCertificate { certificate, key, new } = ServerCertificate::open(&self.folder, authority, &self.names(), now)?;
        certificates.show_own(certificate, key).context("the server's certificate can't be used")?;
        Ok(new)
    }

    /// Runs until it is dropped.
    pub async fn watch(mut self, certificates: Arc<Certificates>) {
        let mut tick = tokio::time::interval(if self.lan.is_some() { EVERY_ON_LAN } else { AGAIN });
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut due = Instant::now() + EVERY;
        loop {
            tick.tick().await;
            if self.lan.as_mut().is_some_and(Lan::look) {
                due = Instant::now();
            }
            if Instant::now() < due {
                continue;
            }
            due = Instant::now() + EVERY;
            if let Err(error) = self.renew(&certificates) {
                due = Instant::now() + AGAIN;
                tracing::error!("the server's certificate could not be made anew: {error:#}; the old one serves on");
            }
        }
    }

    fn renew(&self, certificates: &Certificates) -> anyhow::Result<()> {
        // A CA is made at the first start alone: nobody would trust another one.
        let missing = ["ca.crt", "ca.key"].map(|name| self.folder.join(name)).into_iter().find(|path| !path.exists());
        anyhow::ensure!(missing.is_none(), "{} is not there", missing.unwrap_or_default().display());
        let now = SystemClock.now();
        // The CA's key is in memory only while it signs.
        let authority = Authority::open(&self.folder, now)?;
        if self.show(&authority, certificates, now)? {
            let names = self.names().iter().map(Host::as_str).collect::<Vec<_>>().join(", ");
            tracing::info!(names, "the server has a new certificate; no connection was ended for it");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_ca_is_told_and_not_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let own = Own { folder: folder.path().to_owned(), hosts: Vec::new(), bind: [127, 0, 0, 1].into(), lan: None };
        let certificates = Certificates::new();
        let authority = Authority::open(folder.path(), SystemClock.now()).unwrap();
        assert!(own.show(&authority, &certificates, SystemClock.now()).unwrap());
        own.renew(&certificates).unwrap();
        std::fs::remove_file(folder.path().join("ca.key")).unwrap();
        let error = own.renew(&certificates).unwrap_err().to_string();
        assert!(error.ends_with("ca.key is not there"), "{error}");
        assert!(!folder.path().join("ca.key").exists());
    }
}
