//! The values of settings that are more than text or a number.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    str::FromStr,
};

use tracing_subscriber::EnvFilter;

/// A port to listen on, or `off`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Port {
    /// Do not listen.
    Off,
    /// Listen here; 0 lets the system choose.
    At(u16),
}

impl FromStr for Port {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.eq_ignore_ascii_case("off") {
            return Ok(Self::Off);
        }
        text.parse().map(Self::At).map_err(|_| "give a port (0 to 65535) or off")
    }
}

/// For how many days a guest's account is good, or `off`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuestDays(pub Option<u32>);

impl FromStr for GuestDays {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.eq_ignore_ascii_case("off") {
            return Ok(Self(None));
        }
        let days = text.parse().ok().filter(|days| *days <= 36_500);
        days.map(|days| Self(Some(days))).ok_or("give a number of days (0 to 36500) or off")
    }
}

/// On or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switch {
    /// Do it.
    On,
    /// Do not.
    Off,
}

impl FromStr for Switch {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.to_ascii_lowercase().as_str() {
            "on" => Ok(Self::On),
            "off" => Ok(Self::Off),
            _ => Err("give on or off"),
        }
    }
}

/// Where to listen for this machine's owner alone, or `off`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Private(pub Option<SocketAddr>);

impl FromStr for Private {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.eq_ignore_ascii_case("off") {
            return Ok(Self(None));
        }
        // A port alone is one that only this machine reaches.
        let port = text.parse().map(|port: u16| SocketAddr::from(([127, 0, 0, 1], port)));
        port.or_else(|_| text.parse()).map(|at| Self(Some(at))).map_err(|_| "give a port, an address such as 127.0.0.1:9464, or off")
    }
}

/// How the log is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// An object a line, for programs.
    Json,
}

/// A DNS name or an IP address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host(String);

impl Host {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address, if it is one.
    pub fn address(&self) -> Option<IpAddr> {
        self.0.parse().ok()
    }

    /// As it stands in a URL.
    pub fn in_url(&self) -> String {
        if self.0.contains(':') { format!("[{}]", self.0) } else { self.0.clone() }
    }
}

impl From<IpAddr> for Host {
    fn from(address: IpAddr) -> Self {
        Self(address.to_string())
    }
}

impl fmt::Display for Host {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl FromStr for Host {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(address) = text.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
            return Ok(address.into());
        }
        let name = text.to_ascii_lowercase();
        let label = |label: &str| {
            let bytes = label.as_bytes();
            (1..=63).contains(&bytes.len())
                && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        // What ends in digits would be an address, and a wrong one.
        let number = name.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
        if name.len() <= 253 && name.split('.').all(label) && !number {
            Ok(Self(name))
        } else {
            Err("give a DNS name or an IP address, without scheme and port")
        }
    }
}

/// A DNS name, and no address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Domain(Host);

impl Domain {
    /// The name.
    pub fn host(&self) -> &Host {
        &self.0
    }
}

impl FromStr for Domain {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let host: Host = text.parse().map_err(|_| "give a DNS name, without scheme and port")?;
        if host.address().is_some() { Err("give a DNS name, not an address") } else { Ok(Self(host)) }
    }
}

/// Which events are logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFilter(String);

impl LogFilter {
    /// The filter itself.
    pub fn filter(&self) -> EnvFilter {
        EnvFilter::new(&self.0)
    }
}

impl FromStr for LogFilter {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // A word that is no level would be taken for the name of a module and silence everything else.
        let level =
            |part: &str| part.contains(['=', '[', ':']) || !part.is_empty() && part.parse::<tracing::level_filters::LevelFilter>().is_ok();
        if text.split(',').all(|part| level(part.trim())) && EnvFilter::try_new(text).is_ok() {
            Ok(Self(text.to_owned()))
        } else {
            Err("give error, warn, info, debug, trace or off, or a list such as info,broker=debug")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_names_or_addresses() {
        for (text, is) in [
            ("localhost", "localhost"),
            ("Cloud.Example.com", "cloud.example.com"),
            ("192.168.1.5", "192.168.1.5"),
            ("[::1]", "::1"),
            ("fe80::1", "fe80::1"),
        ] {
            assert_eq!(text.parse::<Host>().map(|host| host.to_string()), Ok(is.to_owned()));
        }
        for bad in ["", "a b", "https://x", "x:8080", "-a.io", "a..b", "1.2.3.400", "ä.de", "*.example.com"] {
            assert!(bad.parse::<Host>().is_err(), "{bad}");
        }
        assert_eq!("::1".parse::<Host>().unwrap().in_url(), "[::1]");
    }

    #[test]
    fn domains_are_names() {
        assert_eq!("Cloud.example.com".parse::<Domain>().unwrap().host().as_str(), "cloud.example.com");
        for bad in ["192.168.1.5", "::1", "*.example.com", ""] {
            assert!(bad.parse::<Domain>().is_err(), "{bad}");
        }
    }

    #[test]
    fn ports_are_numbers_or_off() {
        assert_eq!("off".parse(), Ok(Port::Off));
        assert_eq!("8443".parse(), Ok(Port::At(8443)));
        for bad in ["", "on", "65536", "-1", "80 "] {
            assert!(bad.parse::<Port>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_log_filter_is_a_level_or_a_list() {
        for good in ["info", "debug", "off", "info,broker=debug", "warn,raincloud::hooks=trace"] {
            assert!(good.parse::<LogFilter>().is_ok(), "{good}");
        }
        for bad in ["", "loud", "info,broker=loud"] {
            assert!(bad.parse::<LogFilter>().is_err(), "{bad}");
        }
    }
}
