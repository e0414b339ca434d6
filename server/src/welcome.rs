//! What `serve` says to people and programs once it serves.

use std::{
    fmt::Write as _,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

use serde_json::{Value, json};

use crate::{
    firmware,
    lan::{Announced, Lan},
    settings::{Host, Names},
};

/// What there is to say.
pub struct Welcome {
    /// How this program was called.
    pub program: String,
    /// The names by which others reach this machine, the most important first.
    pub names: Names,
    /// Those of them that have a certificate which is not of our own CA.
    pub public: Vec<Host>,
    /// The home network, if it is served, and who answers there for the name.
    pub lan: Option<(Lan, Announced)>,
    /// The address to listen on.
    pub bind: IpAddr,
    /// Where HTTP is served.
    pub http: Option<SocketAddr>,
    /// Where HTTPS is served.
    pub https: Option<SocketAddr>,
    /// Where MQTT is served.
    pub mqtts: Option<SocketAddr>,
    /// Where metrics are served.
    pub metrics: Option<SocketAddr>,
    /// The data folder.
    pub data: PathBuf,
    /// The CA's certificate.
    pub ca: PathBuf,
    /// ` --data DIR` for commands, if it is not the default.
    pub data_flag: String,
    /// This data folder has been served before.
    pub again: bool,
}

impl Welcome {
    /// The text for people: short if they have seen it before.
    pub fn text(&self) -> String {
        let mut text = format!("Raincloud {} is running.\n\n", env!("CARGO_PKG_VERSION"));
        let mut row = |name: &str, value: &str| {
            // Writing to a String can't fail.
            let _ = writeln!(text, "  {name:<10} {value}");
        };
        let api: Vec<String> = self.api().map(|(url, _)| url).collect();
        if !api.is_empty() {
            row("REST API", &api.join("   "));
        }
        if let Some(mqtts) = self.mqtts {
            row("MQTT", &format!("mqtts://{}:{}", self.host().in_url(), mqtts.port()));
        }
        if let (Some(https), false) = (self.https, self.again) {
            row("", &format!("also on port {}, for nodes that ask for it by ALPN", https.port()));
        }
        if let Some(metrics) = self.metrics {
            row("Metrics", &format!("http://{metrics}/metrics"));
        }
        row("CA", &format!("{}{}", self.ca.display(), if self.again { "" } else { "   (nodes and HTTPS clients must trust it)" }));
        row("Data", &self.data.display().to_string());
        if !self.again {
            text.push_str(&self.next());
        }
        text.push_str(&self.reach());
        if self.lan.is_some() {
            text.push_str(&self.network());
        }
        text.push_str(if self.again { "" } else { "\nStop with Ctrl-C. Nothing is lost.\n" });
        text
    }

    /// The same for programs.
    pub fn json(&self) -> Value {
        let port = |address: Option<SocketAddr>| address.map(|address| address.port());
        json!({
            "event": "serving",
            "version": env!("CARGO_PKG_VERSION"),
            "urls": self.api().map(|(url, _)| url).collect::<Vec<_>>(),
            "bind": self.bind,
            "http": port(self.http),
            "https": port(self.https),
            "mqtts": port(self.mqtts),
            "metrics": self.metrics,
            "mqtt_host": self.names.mqtt_host(),
            "names": self.names.hosts.iter().map(Host::as_str).collect::<Vec<_>>(),
            "lan": self.lan.as_ref().map(|(lan, announced)| json!({
                "name": lan.name().map(Host::as_str),
                "announced": announced.word(),
                "addresses": lan.addresses(),
            })),
            "firmware": self.firmware(),
            "ca": self.ca,
            "data": self.data,
        })
    }

    /// The settings that firmware needs to come here.
    fn firmware(&self) -> Option<Vec<String>> {
        let port = |address: Option<SocketAddr>| address.map(|address| address.port());
        let ca = Some(self.ca.as_path()).filter(|_| !self.public.contains(&self.host()));
        firmware::settings(port(self.https), port(self.mqtts), ca)
    }

    /// What to put into firmware, apps and command lines.
    fn network(&self) -> String {
        let mut text = String::new();
        let host = self.host();
        // Writing to a String can't fail.
        let _ = match self.firmware() {
            Some(lines) => writeln!(text, "\nInto sdkconfig.defaults of firmware, or with idf.py menuconfig:\n\n  {}", lines.join("\n  ")),
            None => writeln!(text, "\nFirmware comes only to port 8883, or 443: start with --mqtts 8883 or --https 443."),
        };
        let _ = writeln!(text, "      Nodes that you add with `admin node add` are told the host, {host}.");
        let urls: Vec<String> = self.api().map(|(url, _)| url).collect();
        let _ = writeln!(text, "\nInto apps and command lines, as the base URL:\n\n  {}", urls.join("\n  "));
        if self.https.is_some() && !self.public.contains(&host) {
            text.push_str("      For https they must trust the CA; docs/apps.md says where each takes it.\n");
        }
        if let Some((lan, announced)) = &self.lan {
            let addresses: Vec<String> = lan.addresses().iter().map(ToString::to_string).collect();
            let _ = match (addresses.is_empty(), announced) {
                (true, _) => writeln!(text, "\nThis machine has no address on a network yet."),
                (false, Announced::Here | Announced::ByThisMachine) => {
                    writeln!(text, "\nWhat can't find {host} can use an address, as long as it stays: {}", addresses.join(", "))
                }
                (false, _) => {
                    writeln!(text, "\nNodes keep this address: let the router always give it to this machine, or start with --host NAME.")
                }
            };
        }
        text
    }

    /// By which name people reach this machine.
    fn host(&self) -> Host {
        let named = self.names.hosts.first().cloned();
        named.unwrap_or_else(|| {
            let everywhere = self.bind.is_unspecified() || self.bind.is_loopback();
            let localhost = "localhost".parse().ok().filter(|_| everywhere);
            localhost.unwrap_or_else(|| self.bind.into())
        })
    }

    /// The URL at which others best reach the API.
    pub fn url(&self) -> Option<String> {
        self.api().last().map(|(url, _)| url)
    }

    fn api(&self) -> impl Iterator<Item = (String, u16)> {
        let host = self.host().in_url();
        let url = move |scheme: &str, address: SocketAddr| match (scheme, address.port()) {
            ("http", 80) | ("https", 443) => (format!("{scheme}://{host}"), address.port()),
            (_, port) => (format!("{scheme}://{host}:{port}"), port),
        };
        let http = self.http.map(|address| url("http", address));
        http.into_iter().chain(self.https.map(|address| url("https", address)))
    }

    fn next(&self) -> String {
        let (program, data) = (&self.program, &self.data_flag);
        let api = self.api().next().map_or_else(String::new, |(url, _)| url);
        let mut text = "\nTry next, in another terminal:\n\n".to_owned();
        let commands = [
            (format!("esp-rainmaker-cli profile add mine --base-url {api}"), "point the command line of ESP RainMaker here"),
            (format!("{program} mailbox{data} --follow"), "read the codes that signing up sends"),
            (format!("{program} admin node add{data} --out nodes"), "make credentials for a node"),
        ];
        for (command, what) in commands {
            let _ = writeln!(text, "  {command}\n      {what}");
        }
        text
    }

    /// Whom the address keeps out, and how to let them in.
    fn reach(&self) -> String {
        let named = !self.names.hosts.is_empty();
        if self.bind.is_loopback() && !self.again {
            "\nOnly this machine can connect. For others: --lan, or --bind 0.0.0.0 --host NAME, where NAME is how they reach it.\n"
                .to_owned()
        } else if self.bind.is_unspecified() && !named {
            "\nIt listens on every address of this machine, but its certificate names only localhost. Start it with\n\
             --host NAME, where NAME is the name or address by which nodes and clients reach this machine.\n"
                .to_owned()
        } else {
            String::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn welcome(bind: &str, hosts: &[&str], again: bool) -> Welcome {
        let at = |port| Some(SocketAddr::new(bind.parse().unwrap(), port));
        Welcome {
            program: "raincloud".to_owned(),
            names: Names { hosts: hosts.iter().map(|host| host.parse().unwrap()).collect() },
            public: Vec::new(),
            lan: None,
            bind: bind.parse().unwrap(),
            http: at(8080),
            https: at(8443),
            mqtts: at(8883),
            metrics: None,
            data: "/home/me/raincloud-data".into(),
            ca: "/home/me/raincloud-data/ca.crt".into(),
            data_flag: String::new(),
            again,
        }
    }

    #[test]
    fn the_first_start_says_where_everything_is_and_what_to_try() {
        let text = welcome("127.0.0.1", &[], false).text();
        for part in [
            "http://localhost:8080   https://localhost:8443",
            "mqtts://localhost:8883",
            "/home/me/raincloud-data/ca.crt",
            "esp-rainmaker-cli profile add mine --base-url http://localhost:8080\n",
            "raincloud mailbox --follow\n",
            "raincloud admin node add --out nodes\n",
            "Only this machine can connect.",
        ] {
            assert!(text.contains(part), "{part} is missing in:\n{text}");
        }
        assert!(text.lines().all(|line| line.chars().count() <= 120), "{text}");
    }

    #[test]
    fn later_starts_are_short() {
        let text = welcome("127.0.0.1", &[], true).text();
        assert!(text.contains("http://localhost:8080") && !text.contains("Try next") && text.lines().count() <= 7, "{text}");
    }

    #[test]
    fn the_addresses_are_those_that_others_can_use() {
        assert!(welcome("0.0.0.0", &[], true).text().contains("--host NAME"));
        let named = welcome("0.0.0.0", &["cloud.example.com"], true).text();
        assert!(named.contains("https://cloud.example.com:8443") && !named.contains("--host NAME"), "{named}");
        assert!(welcome("192.168.1.5", &[], true).text().contains("http://192.168.1.5:8080"));
        assert!(welcome("::", &["fd00::5"], true).text().contains("http://[fd00::5]:8080"));
    }

    #[test]
    fn a_home_network_is_told_what_to_put_where() {
        let mut welcome = welcome("::", &["box.local", "192.168.1.5"], true);
        welcome.lan = Some((Lan::new(None), Announced::Here));
        let text = welcome.text();
        for part in [
            "CONFIG_ESP_RMAKER_MQTT_PORT_8883=y\n",
            "CONFIG_MBEDTLS_CUSTOM_CERTIFICATE_BUNDLE_PATH=\"/home/me/raincloud-data/ca.crt\"\n",
            "are told the host, box.local",
            "  https://box.local:8443\n",
            "must trust the CA",
        ] {
            assert!(text.contains(part), "{part} is missing in:\n{text}");
        }
        assert!(text.lines().all(|line| line.chars().count() <= 120), "{text}");
        welcome.public = vec!["box.local".parse().unwrap()];
        let text = welcome.text();
        assert!(!text.contains("BUNDLE") && !text.contains("must trust the CA"), "{text}");
        welcome.https = welcome.https.map(|address| SocketAddr::new(address.ip(), 443));
        assert!(welcome.text().contains("  https://box.local\n") && welcome.text().contains("CONFIG_ESP_RMAKER_MQTT_PORT_443=y"));
        (welcome.https, welcome.mqtts) = (None, None);
        assert!(welcome.text().contains("start with --mqtts 8883 or --https 443"));
        assert_eq!(welcome.json()["firmware"], Value::Null);
        assert_eq!(welcome.json()["lan"]["announced"], "here");
    }

    #[test]
    fn programs_get_the_same() {
        let mut welcome = welcome("127.0.0.1", &[], false);
        welcome.https = None;
        let json = welcome.json();
        assert_eq!((&json["http"], &json["https"]), (&json!(8080), &Value::Null));
        assert_eq!(json["urls"], json!(["http://localhost:8080"]));
    }

    #[test]
    fn links_go_by_https_where_it_is_served() {
        let mut welcome = welcome("0.0.0.0", &["cloud.example.com"], false);
        assert_eq!(welcome.url().unwrap(), "https://cloud.example.com:8443");
        welcome.https = None;
        assert_eq!(welcome.url().unwrap(), "http://cloud.example.com:8080");
        welcome.http = None;
        assert_eq!(welcome.url(), None);
    }
}
