//! Settings: the same ones as flags, as `RAINCLOUD_*` variables and in a file; a flag wins over a
//! variable, a variable over the file, the file over the default.
//!
//! The doc comments below are the help text and the text of `raincloud.example.toml`.

mod example;
mod file;
mod reach;
mod sign_in;
mod value;

use std::{net::IpAddr, path::PathBuf};

use clap::{ArgAction, Args, builder::ValueParser};

pub use example::example;
pub use file::{FileError, ParseError, layered};
pub use reach::{Acme, Challenge, OwnFiles, Reach};
pub use sign_in::{IdentityProvider, OauthClient, ProviderKind};
pub use value::{Domain, GuestDays, Host, LogFilter, LogFormat, Port, Private, Public, Switch};

/// Where the data is. Taken by every command that touches it.
#[derive(Args, Clone, Debug)]
pub struct Place {
    /// Read settings from this file
    ///
    /// Without it `raincloud.toml` is read from the data folder, or else from the working directory, if
    /// there is one.
    #[arg(long, value_name = "FILE", env = "RAINCLOUD_CONFIG", hide_env_values = true)]
    pub config: Option<PathBuf>,

    /// The folder in which everything is kept: database, certificates, mailbox
    #[arg(long, value_name = "DIR", env = "RAINCLOUD_DATA", hide_env_values = true, default_value = "./raincloud-data")]
    pub data: PathBuf,
}

/// What this machine is called.
#[derive(Args, Clone, Debug)]
pub struct Names {
    /// A name or address by which nodes and clients reach this machine
    ///
    /// May be given several times. All of them stand in the server's certificate, together with
    /// `localhost`. The first is what `/mqtt_host` answers and what nodes' credentials name; without any
    /// that is `localhost`, or what `--lan` and `--acme-domain` say.
    #[arg(long = "host", value_name = "NAME", env = "RAINCLOUD_HOST", hide_env_values = true, value_delimiter = ',')]
    pub hosts: Vec<Host>,
}

/// Everything that can be set.
#[derive(Args, Clone, Debug)]
pub struct Settings {
    /// Where the data is.
    #[command(flatten)]
    pub place: Place,

    /// What this machine is called.
    #[command(flatten)]
    pub names: Names,

    /// The address to listen on: `0.0.0.0` or `::` for every address of this machine
    #[arg(long, value_name = "IP", env = "RAINCLOUD_BIND", hide_env_values = true, default_value = "127.0.0.1")]
    pub bind: IpAddr,

    /// How others find and trust it.
    #[command(flatten)]
    pub reach: Reach,

    /// The port of the REST API without TLS, for this machine itself or behind a proxy; 0 takes a free one
    #[arg(long, value_name = "PORT|off", env = "RAINCLOUD_HTTP", hide_env_values = true, default_value = "8080")]
    pub http: Port,

    /// The port of the REST API with TLS, and of nodes that ask for MQTT by ALPN; 0 takes a free one
    #[arg(long, value_name = "PORT|off", env = "RAINCLOUD_HTTPS", hide_env_values = true, default_value = "8443")]
    pub https: Port,

    /// The port of MQTT over TLS; 0 takes a free one
    #[arg(long, value_name = "PORT|off", env = "RAINCLOUD_MQTTS", hide_env_values = true, default_value = "8883")]
    pub mqtts: Port,

    /// How many seconds a param that was set while its node was offline is kept for it; 0 keeps none
    #[arg(
        long,
        value_name = "SECONDS",
        env = "RAINCLOUD_DESIRED_SECONDS",
        hide_env_values = true,
        default_value = "600",
        value_parser = clap::value_parser!(i64).range(0..=31_536_000)
    )]
    pub desired_seconds: i64,

    /// Whether it is kept which nodes users had, after they have them no more
    #[arg(long, value_name = "on|off", env = "RAINCLOUD_NODE_HISTORY", hide_env_values = true, default_value = "on")]
    pub node_history: Switch,

    /// The mail server for letters with codes: `smtps://USER:PASSWORD@HOST`, or with STARTTLS
    /// `smtp://USER:PASSWORD@HOST:587?tls=required`
    ///
    /// Characters that mean something in a URL are percent-coded in user and password. Without it letters
    /// are put into the mailbox folder.
    #[arg(long, value_name = "URL", env = "RAINCLOUD_SMTP", hide_env_values = true)]
    pub smtp: Option<String>,

    /// The address that letters are from, as `cloud@example.org` or `Cloud <cloud@example.org>`
    #[arg(long, value_name = "ADDRESS", env = "RAINCLOUD_MAIL_FROM", hide_env_values = true)]
    pub mail_from: Option<String>,

    /// Who is told what happens: a URL with `https`, or of this machine; docs/events.md tells all
    ///
    /// Each event is a POST of JSON. Without it nobody is told.
    #[arg(long, value_name = "URL", env = "RAINCLOUD_EVENT_WEBHOOK", hide_env_values = true)]
    pub event_webhook: Option<String>,

    /// By which who is told can check that an event comes from this cloud: events are signed with it
    #[arg(long, value_name = "SECRET", env = "RAINCLOUD_EVENT_WEBHOOK_SECRET", hide_env_values = true)]
    pub event_webhook_secret: Option<String>,

    /// For how many days the account of a guest, who has no name of their own, is good; 0: for ever
    ///
    /// With `off` there are no guests.
    #[arg(long, value_name = "DAYS|off", env = "RAINCLOUD_GUEST_DAYS", hide_env_values = true, default_value = "off")]
    pub guest_days: GuestDays,

    /// How many nodes one user may claim; 0 does not limit
    #[arg(
        long,
        value_name = "COUNT",
        env = "RAINCLOUD_CLAIMS_PER_USER",
        hide_env_values = true,
        default_value = "0",
        value_parser = clap::value_parser!(i64).range(0..=1_000_000)
    )]
    pub claims_per_user: i64,

    /// How many nodes may be connected at one time
    #[arg(
        long,
        value_name = "COUNT",
        env = "RAINCLOUD_MAX_NODES",
        hide_env_values = true,
        default_value = "10000",
        value_parser = clap::value_parser!(u32).range(1..=1_000_000)
    )]
    pub max_nodes: u32,

    /// How many HTTP connections may be open at one time
    #[arg(
        long,
        value_name = "COUNT",
        env = "RAINCLOUD_MAX_HTTP",
        hide_env_values = true,
        default_value = "1000",
        value_parser = clap::value_parser!(u32).range(1..=1_000_000)
    )]
    pub max_http: u32,

    /// How often in a minute one address may sign up, log in or try a code; 0 does not limit
    ///
    /// Counted by the address of the connection: behind a proxy that is the proxy's, for all.
    #[arg(
        long,
        value_name = "COUNT",
        env = "RAINCLOUD_ATTEMPTS_PER_MINUTE",
        hide_env_values = true,
        default_value = "120",
        value_parser = clap::value_parser!(u32).range(0..=1_000_000)
    )]
    pub attempts_per_minute: u32,

    /// Where browsers reach this cloud, such as `https://cloud.example.org`
    ///
    /// Needed for sign-in by identity providers, and for programs that find this cloud by OpenID Connect
    /// discovery. It becomes the issuer of tokens.
    #[arg(long, value_name = "URL|off", env = "RAINCLOUD_PUBLIC_URL", hide_env_values = true, default_value = "off")]
    pub public_url: Public,

    /// A program that may have users sign in here by a browser; docs/sign-in.md tells all
    ///
    /// In the file one table each: `[[oauth-client]]` with `id`, `redirects` and, if it can keep one, a
    /// `secret-file`, `secret-env` or `secret`. As a flag or variable the same in JSON. The client `raincloud` for
    /// command lines on the machine of the browser is there without being named.
    #[arg(long = "oauth-client", value_name = "TABLE", env = "RAINCLOUD_OAUTH_CLIENT", hide_env_values = true)]
    pub oauth_clients: Vec<OauthClient>,

    /// A provider by whose accounts users may sign in; docs/sign-in.md tells all
    ///
    /// In the file one table each: `[[identity-provider]]` with `type` (`google`, `apple`, `github` or
    /// `oidc`), `client-id`, a `secret-file`, `secret-env` or `secret`, and what the type needs besides. As a flag
    /// or variable the same in JSON.
    #[arg(long = "identity-provider", value_name = "TABLE", env = "RAINCLOUD_IDENTITY_PROVIDER", hide_env_values = true)]
    pub identity_providers: Vec<IdentityProvider>,

    /// What to log on standard error: `error`, `warn`, `info`, `debug`, `trace`, also by module as in
    /// `info,broker=debug`
    #[arg(long, value_name = "LEVEL", env = "RAINCLOUD_LOG", hide_env_values = true, default_value = "info")]
    pub log: LogFilter,

    /// How to log: `text` for people, `json` for programs that collect logs
    #[arg(long, value_name = "FORMAT", env = "RAINCLOUD_LOG_FORMAT", hide_env_values = true, default_value = "text")]
    pub log_format: LogFormat,

    /// Where Prometheus finds metrics, at `/metrics`: a port of this machine alone, or an address and a port
    ///
    /// Whoever reaches it can read it. It says how much is going on, but names no node and no user.
    #[arg(long, value_name = "PORT|IP:PORT|off", env = "RAINCLOUD_METRICS", hide_env_values = true, default_value = "off")]
    pub metrics: Private,
}

impl Names {
    /// What `/mqtt_host` answers.
    pub fn mqtt_host(&self) -> &str {
        self.hosts.first().map_or("localhost", Host::as_str)
    }
}

/// Is it a setting that is on or off?
fn is_switch(setting: &clap::Arg) -> bool {
    matches!(setting.get_action(), ArgAction::Set) && setting.get_value_parser().type_id() == ValueParser::bool().type_id()
}
