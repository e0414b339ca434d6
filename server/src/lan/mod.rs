//! The home network: by which addresses and which name this machine is reached there.
//!
//! The name, `<machine>.local`, stays when the router gives out another address, so it comes first: it is what
//! nodes are told. ESP-IDF resolves such names by itself (`CONFIG_LWIP_DNS_SUPPORT_MDNS_QUERIES`, on unless a
//! product turns it off).

mod mdns;

use std::net::IpAddr;

use if_addrs::Interface;

pub use mdns::{Announced, Announcer};

use crate::settings::Host;

/// What a machine without a name of its own is called.
const NAMELESS: &str = "raincloud";

/// This machine on its network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lan {
    name: Option<Host>,
    addresses: Vec<IpAddr>,
}

impl Lan {
    /// The network as it is now. `name` is what is answered for there, if anything is.
    pub fn new(name: Option<Host>) -> Self {
        Self { name, addresses: addresses() }
    }

    /// Name and addresses, the name first.
    pub fn hosts(&self) -> Vec<Host> {
        self.name.iter().cloned().chain(self.addresses.iter().map(|address| Host::from(*address))).collect()
    }

    /// The name.
    pub fn name(&self) -> Option<&Host> {
        self.name.as_ref()
    }

    /// The addresses.
    pub fn addresses(&self) -> &[IpAddr] {
        &self.addresses
    }

    /// Looks again. Says whether anything has changed. That there are no addresses for a while, as when a cable
    /// is pulled, changes nothing.
    pub fn look(&mut self) -> bool {
        let now = addresses();
        let changed = !now.is_empty() && now != self.addresses;
        if changed {
            tracing::info!(addresses = ?now, before = ?self.addresses, "the addresses on the home network have changed");
            self.addresses = now;
        }
        changed
    }
}

/// The name that this machine has on a home network: the first part of its host name.
pub fn name() -> Option<Host> {
    name_of(&hostname::get().unwrap_or_default().to_string_lossy())
}

fn name_of(hostname: &str) -> Option<Host> {
    let label = hostname.split('.').next().unwrap_or_default();
    let label = if label.is_empty() || label.eq_ignore_ascii_case("localhost") { NAMELESS } else { label };
    format!("{label}.local").parse().ok()
}

/// Every address of this machine, also those that are no use to others.
pub fn all_addresses() -> Vec<IpAddr> {
    interfaces().iter().map(Interface::ip).collect()
}

fn addresses() -> Vec<IpAddr> {
    choose(&interfaces())
}

fn interfaces() -> Vec<Interface> {
    if_addrs::get_if_addrs().unwrap_or_else(|error| {
        tracing::warn!(%error, "the addresses of this machine can't be read");
        Vec::new()
    })
}

/// The addresses to name, in order. Those of IPv6 only where there is no other: they change every day, and by
/// name they are reached anyhow.
fn choose(interfaces: &[Interface]) -> Vec<IpAddr> {
    let mut all: Vec<IpAddr> = interfaces.iter().filter(|interface| is_on_lan(interface)).map(Interface::ip).collect();
    if all.iter().any(IpAddr::is_ipv4) {
        all.retain(IpAddr::is_ipv4);
    }
    all.sort_unstable();
    all.dedup();
    all
}

/// Not this machine's inner networks, and nothing that needs a zone to be connected to.
fn is_on_lan(interface: &Interface) -> bool {
    let zoned = interface.ip().is_ipv6() && interface.is_link_local();
    !interface.is_loopback() && !zoned && !is_of_containers(&interface.name)
}

/// The bridges, and the ends of cables into containers and virtual machines, by the names that those who make
/// them give: nobody else connects there. Whoever does names the address with `--host`.
fn is_of_containers(name: &str) -> bool {
    let hex_after =
        |start: &str| name.strip_prefix(start).is_some_and(|rest| rest.len() == 12 && rest.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let named = ["docker", "podman", "virbr", "vmnet", "vboxnet", "lxcbr", "lxdbr", "cni", "flannel", "cali", "veth"];
    hex_after("br-") || named.iter().any(|start| name.starts_with(start))
}

#[cfg(test)]
mod tests {
    use if_addrs::{IfAddr, IfOperStatus, Ifv4Addr, Ifv6Addr};

    use super::*;

    fn interface(name: &str, address: &str) -> Interface {
        let addr = match address.parse().unwrap() {
            IpAddr::V4(ip) => IfAddr::V4(Ifv4Addr { ip, netmask: [255, 255, 255, 0].into(), prefixlen: 24, broadcast: None }),
            IpAddr::V6(ip) => IfAddr::V6(Ifv6Addr { ip, netmask: ip, prefixlen: 64, broadcast: None }),
        };
        Interface { name: name.to_owned(), addr, index: Some(1), oper_status: IfOperStatus::Up, is_p2p: false }
    }

    #[test]
    fn addresses_are_those_that_a_board_can_reach() {
        let all = [
            interface("lo", "127.0.0.1"),
            interface("wlan0", "192.168.1.20"),
            interface("eth0", "192.168.1.5"),
            interface("eth0", "fd00::5"),
            interface("eth0", "fe80::5"),
            interface("docker0", "172.17.0.1"),
            interface("br-0123456789ab", "172.18.0.1"),
            interface("virbr0", "192.168.122.1"),
            interface("br-lan", "192.168.2.1"),
            interface("wg0", "10.8.0.1"),
        ];
        let named: Vec<String> = choose(&all).iter().map(ToString::to_string).collect();
        assert_eq!(named, ["10.8.0.1", "192.168.1.5", "192.168.1.20", "192.168.2.1"]);
        assert_eq!(choose(&[interface("eth0", "fd00::5"), interface("eth0", "fe80::5")]), ["fd00::5".parse::<IpAddr>().unwrap()]);
        assert!(choose(&[interface("lo", "::1")]).is_empty());
    }

    #[test]
    fn the_name_comes_from_the_machines() {
        for (hostname, is) in [
            ("box", Some("box.local")),
            ("Annas-Mac.fritz.box", Some("annas-mac.local")),
            ("localhost", Some("raincloud.local")),
            ("", Some("raincloud.local")),
            ("no_name", None),
        ] {
            assert_eq!(name_of(hostname).map(|host| host.to_string()).as_deref(), is, "{hostname}");
        }
    }

    #[test]
    fn the_name_comes_first_and_a_pulled_cable_changes_nothing() {
        let mut lan = Lan { name: name_of("box"), addresses: vec!["192.0.2.1".parse().unwrap()] };
        assert_eq!(lan.hosts().iter().map(Host::as_str).collect::<Vec<_>>(), ["box.local", "192.0.2.1"]);
        let now = addresses();
        assert_eq!(lan.look(), !now.is_empty());
        assert!(!lan.addresses().is_empty() && !lan.look());
    }
}
