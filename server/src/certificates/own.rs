//! Keeps the certificate of our own CA fresh: issued anew, and shown from then on, when half its life is over
//! or the names of this machine change.

use std::{net::IpAddr, path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context as _;
use embedded::clock::SystemClock;
use shared::port::clock::Clock as _;

use super::Certificates;
use crate::{
    ca::{self, Authority, ServerCertificate},
    lan::Lan,
    settings::Host,
};

/// How often the clock is looked at.
const EVERY: Duration = Duration::from_hours(1);
/// How often the addresses are, on a home network.
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
        let mut tick = tokio::time::interval(if self.lan.is_some() { EVERY_ON_LAN } else { EVERY });
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        tick.tick().await;
        let mut looked = tokio::time::Instant::now();
        loop {
            tick.tick().await;
            let moved = self.lan.as_mut().is_some_and(Lan::look);
            if !moved && looked.elapsed() < EVERY {
                continue;
            }
            looked = tokio::time::Instant::now();
            if let Err(error) = self.renew(&certificates).await {
                tracing::error!(error = format!("{error:#}"), "the server's certificate could not be made anew; the old one serves");
            }
        }
    }

    async fn renew(&self, certificates: &Certificates) -> anyhow::Result<()> {
        // The CA's key is in memory only while it signs.
        let folder = self.folder.clone();
        let now = SystemClock.now();
        let authority = tokio::task::spawn_blocking(move || Authority::open(&folder, now)).await??;
        if self.show(&authority, certificates, now)? {
            let names = self.names().iter().map(Host::as_str).collect::<Vec<_>>().join(", ");
            tracing::info!(names, "the server has a new certificate; no connection was ended for it");
        }
        Ok(())
    }
}
