//! Answers on the home network for this machine's name and announces what it serves (RFC 6762, RFC 6763),
//! unless somebody answers for the name already: another program on this machine, such as Avahi, which is as
//! good, or another machine.

use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use mdns_sd::{DaemonEvent, HostnameResolutionEvent, IfKind, IfPredicate, ServiceDaemon, ServiceInfo};
use tokio::time::{Instant, timeout, timeout_at};

use super::is_of_containers;
use crate::settings::Host;

/// How long somebody has to say that the name is taken (RFC 6762 §8.1 asks for less).
const LISTEN: Duration = Duration::from_secs(1);
/// How long saying goodbye may take.
const GOODBYE: Duration = Duration::from_secs(1);

/// Who answers for the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Announced {
    /// This program.
    Here,
    /// Another program of this machine.
    ByThisMachine,
    /// Another machine, so the name is of no use here.
    ByAnother,
    /// Nobody.
    Nowhere,
}

impl Announced {
    /// The word for programs.
    pub fn word(self) -> &'static str {
        match self {
            Self::Here => "here",
            Self::ByThisMachine => "by_this_machine",
            Self::ByAnother => "by_another_machine",
            Self::Nowhere => "nowhere",
        }
    }

    /// Does the name lead here?
    pub fn leads_here(self) -> bool {
        matches!(self, Self::Here | Self::ByThisMachine)
    }
}

/// The one who answers.
pub struct Announcer {
    daemon: Option<ServiceDaemon>,
    /// Who answers for the name.
    pub announced: Announced,
}

impl Announcer {
    /// Asks the network who has this name. Nothing is announced yet; no problem ends anything.
    pub async fn ask(name: &Host, ours: &[IpAddr]) -> Self {
        match Self::try_ask(name, ours).await {
            Ok(announcer) => announcer,
            Err(error) => {
                tracing::warn!(%error, %name, "nobody answers for the name of this machine: multicast DNS can't be used");
                Self { daemon: None, announced: Announced::Nowhere }
            }
        }
    }

    async fn try_ask(name: &Host, ours: &[IpAddr]) -> mdns_sd::Result<Self> {
        let daemon = ServiceDaemon::new()?;
        let inner = IfPredicate::new(|interface| interface.is_loopback() || is_of_containers(&interface.name));
        daemon.disable_interface(IfKind::Predicate(inner))?;
        let answers = daemon.resolve_hostname(&format!("{name}."), u64::try_from(LISTEN.as_millis()).ok())?;
        let mut found = BTreeSet::new();
        let until = Instant::now() + LISTEN;
        while let Ok(Ok(event)) = timeout_at(until, answers.recv_async()).await {
            match event {
                HostnameResolutionEvent::AddressesFound(_, addresses) => found.extend(addresses.iter().map(mdns_sd::ScopedIp::to_ip_addr)),
                HostnameResolutionEvent::SearchTimeout(_) | HostnameResolutionEvent::SearchStopped(_) => break,
                _ => {}
            }
        }
        let announced = judge(&found, ours);
        match announced {
            Announced::ByThisMachine => {
                tracing::info!(%name, "another program of this machine answers for its name on the network, so this one does not");
            }
            Announced::ByAnother => tracing::warn!(
                %name,
                addresses = ?found,
                "another machine on the network has this machine's name: give this one another name, or say --host"
            ),
            Announced::Here | Announced::Nowhere => {}
        }
        let daemon = Some(daemon).filter(|_| announced == Announced::Here);
        Ok(Self { daemon, announced })
    }

    /// Announces what is served, if that falls to this program.
    pub fn announce(&self, name: &Host, services: &[(&str, Option<SocketAddr>)]) {
        let Some(daemon) = &self.daemon else { return };
        let label = name.as_str().split('.').next().unwrap_or_default();
        let instance = format!("Raincloud on {label}");
        for (service, port) in services.iter().filter_map(|(service, address)| Some((service, address.as_ref()?.port()))) {
            let kind = format!("_{service}._tcp.local.");
            let info = ServiceInfo::new(&kind, &instance, &format!("{name}."), "", port, &[("path", "/")][..]);
            if let Err(error) = info.and_then(|info| daemon.register(info.enable_addr_auto())) {
                tracing::warn!(%error, service, "a service can't be announced on the network");
            }
        }
        if let Ok(events) = daemon.monitor() {
            tokio::spawn(async move {
                while let Ok(event) = events.recv_async().await {
                    if let DaemonEvent::NameChange(change) = event {
                        let (name, now) = (change.original, change.new_name);
                        tracing::warn!(
                            name,
                            now,
                            "another machine on the network has taken this name: give this one another, or say --host"
                        );
                    }
                }
            });
        }
    }

    /// Tells the network that the services end.
    pub async fn stop(self) {
        let Some(stopped) = self.daemon.and_then(|daemon| daemon.shutdown().ok()) else { return };
        // What is not said runs out by itself.
        let _ = timeout(GOODBYE, stopped.recv_async()).await;
    }
}

fn judge(found: &BTreeSet<IpAddr>, ours: &[IpAddr]) -> Announced {
    if found.is_empty() {
        Announced::Here
    } else if found.iter().any(|address| ours.contains(address)) {
        Announced::ByThisMachine
    } else {
        Announced::ByAnother
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_answers_with_an_address_of_ours_is_this_machine() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let ours = [ip("192.168.1.5"), ip("10.8.0.1")];
        assert_eq!(judge(&BTreeSet::new(), &ours), Announced::Here);
        assert_eq!(judge(&[ip("192.168.1.5"), ip("fe80::1")].into(), &ours), Announced::ByThisMachine);
        assert_eq!(judge(&[ip("192.168.1.9")].into(), &ours), Announced::ByAnother);
    }
}
