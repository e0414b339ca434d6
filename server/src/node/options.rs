//! The options of `raincloud node`.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::claim::ClaimArgs;
use super::misbehave::Misbehaviour;
use super::model::Product;
use super::state::Mapping;

const CONNECTION: &str = "Connection";
const PRODUCT: &str = "Product";
const PROOF: &str = "Proving who it is";
const MISBEHAVIOUR: &str = "Bad manners, for tests";
const PRINTING: &str = "Printing";

/// Run a simulated device, to try the cloud without hardware.
///
/// The device connects with its own certificate, tells what it is, does what it is told and remembers it in
/// `state.json` in its folder. If a terminal is attached, a line such as `Light.Power=true` works like a button on it.
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch on the command line")]
pub(crate) struct NodeArgs {
    /// Folder with the node's certificate and key, `node.crt` and `node.key`
    #[arg(long, value_name = "DIR")]
    pub(super) credentials: PathBuf,

    /// What kind of product it is
    #[arg(long = "type", value_name = "TYPE", value_enum, default_value_t = Product::Light)]
    pub(super) product: Product,

    /// Ask the cloud once to belong to this user, who asked for it with the same secret
    #[arg(long, value_name = "USER_ID:SECRET")]
    pub(super) map: Option<Mapping>,

    /// Ask with `--map` that everybody else loses the node
    #[arg(long, requires = "map")]
    pub(super) reset: bool,

    /// Host of the cloud's broker [default: what the folder says, else localhost]
    #[arg(long, help_heading = CONNECTION)]
    pub(super) host: Option<String>,

    /// Port of the cloud's broker [default: 8883, with --alpn 8443]
    #[arg(long, help_heading = CONNECTION)]
    pub(super) port: Option<u16>,

    /// Certificate of the CA of the cloud [default: `ca.crt` in the folder or in the one above]
    #[arg(long, value_name = "FILE", help_heading = CONNECTION)]
    pub(super) ca: Option<PathBuf>,

    /// Offer the protocol `x-amzn-mqtt-ca`, as a device does where HTTPS and MQTT share a port
    #[arg(long, help_heading = CONNECTION)]
    pub(super) alpn: bool,

    /// Publish to `node/...` instead of `$aws/rules/<rule>/node/...`
    #[arg(long, help_heading = CONNECTION)]
    pub(super) plain_topics: bool,

    /// Let the broker keep what comes while the node is away (clean session 0)
    #[arg(long, help_heading = CONNECTION)]
    pub(super) persistent: bool,

    /// Seconds from a lost connection to the next try
    #[arg(long, value_name = "N", default_value_t = 10, help_heading = CONNECTION)]
    pub(super) reconnect_seconds: u64,

    /// Firmware version that the node says it runs
    #[arg(long, value_name = "VERSION", default_value = "1.0", help_heading = PRODUCT)]
    pub(super) fw_version: String,

    /// Seconds from one report of a sensor to the next
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..), help_heading = PRODUCT)]
    pub(super) report_seconds: u64,

    /// Seconds that it takes to answer a command
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = PRODUCT)]
    pub(super) answer_seconds: u64,

    /// Have the service Groups: with a `GroupID`, params take topics of the group
    #[arg(long, help_heading = PRODUCT)]
    pub(super) groups: bool,

    /// Have the service Connectivity: say when it is there, and leave a will
    #[arg(long, help_heading = PRODUCT)]
    pub(super) connectivity: bool,

    #[command(flatten)]
    pub(super) claim: ClaimArgs,

    /// Sign this text, print the node's id and the signature in hexadecimal, and end
    #[arg(long, value_name = "TEXT", help_heading = PROOF)]
    pub(super) challenge: Option<String>,

    /// Sign what the node would say, print it as an app posts it to `user/nodes/{id}/proxy/...`, and end
    #[arg(long, value_name = "WHAT", value_enum, conflicts_with = "challenge", help_heading = PROOF)]
    pub(super) sign_state: Option<Stated>,

    /// Answer challenges over HTTP at this port of 127.0.0.1, or at this address; 0 is any port
    #[arg(long, value_name = "[ADDRESS:]PORT", value_parser = on_network, help_heading = PROOF)]
    pub(super) on_network: Option<SocketAddr>,

    /// Security of `--on-network`: 0 is none, 1 is X25519 with a proof of possession
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(0..=1), help_heading = PROOF)]
    pub(super) sec_ver: u8,

    /// Proof of possession for `--on-network` [default: the first 8 digits of the folder's `random.info`]
    #[arg(long, value_name = "TEXT", requires = "on_network", help_heading = PROOF)]
    pub(super) pop: Option<String>,

    /// Misbehave after the first connection; may be given several times: storm=RATE, truncate, dup, never-ack,
    /// foreign-topic=`NODE_ID`, wild-subscribe, slow-read, half-open=COUNT, bad-utf8, big=BYTES
    #[arg(long, value_name = "KIND", help_heading = MISBEHAVIOUR)]
    pub(super) misbehave: Vec<Misbehaviour>,

    /// For how long it misbehaves
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=600), help_heading = MISBEHAVIOUR)]
    pub(super) misbehave_for: u64,

    /// Print one JSON object a line, for programs
    #[arg(long, help_heading = PRINTING)]
    pub(super) json: bool,

    /// Take lines such as `Light.Power=true` from standard input even if it is no terminal
    #[arg(long, help_heading = PRINTING)]
    pub(super) stdin: bool,
}

/// What a node says about itself through an app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Stated {
    /// What it is
    Config,
    /// Its params
    Params,
    /// Its params, for the first time
    Initparams,
}

fn on_network(text: &str) -> Result<SocketAddr, &'static str> {
    let local = text.parse().map(|port: u16| SocketAddr::from(([127, 0, 0, 1], port)));
    local.or_else(|_| text.parse()).map_err(|_| "expected a port or ADDRESS:PORT")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_alone_is_this_machines() {
        assert_eq!(on_network("8080").unwrap().to_string(), "127.0.0.1:8080");
        assert_eq!(on_network("0.0.0.0:80").unwrap().to_string(), "0.0.0.0:80");
        assert!(on_network("localhost").is_err() && on_network("70000").is_err());
    }
}
