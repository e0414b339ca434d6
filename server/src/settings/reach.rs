//! Settings of the home network and of the certificate: how others find this machine, and why they trust it.

use std::path::PathBuf;

use clap::{ArgAction, Args, ValueEnum};

use super::Domain;

/// How others find and trust it.
#[derive(Args, Clone, Debug)]
pub struct Reach {
    /// Serve the home network
    ///
    /// Listens on every address of this machine, whatever `--bind` says, and answers there by multicast DNS
    /// for this machine's name. That name and the machine's addresses stand in the server's certificate,
    /// also when the addresses change. The name is what nodes are told, if no `--host` is given.
    #[arg(
        long,
        value_name = "true|false",
        env = "RAINCLOUD_LAN",
        hide_env_values = true,
        default_value = "false",
        default_missing_value = "true",
        action = ArgAction::Set,
        num_args = 0..=1,
        require_equals = true
    )]
    pub lan: bool,

    /// The owner's own certificate.
    #[command(flatten)]
    pub files: OwnFiles,

    /// A certificate from an authority.
    #[command(flatten)]
    pub acme: Acme,
}

/// The owner's own certificate.
#[derive(Args, Clone, Debug)]
pub struct OwnFiles {
    /// A certificate of your own for the names in it, with its chain, in PEM; needs `--cert-key`
    ///
    /// Read again when the file changes. For other names the certificate of the cloud's own CA serves.
    #[arg(long, value_name = "FILE", env = "RAINCLOUD_CERT", hide_env_values = true)]
    pub cert: Option<PathBuf>,

    /// The key of `--cert` in PEM
    #[arg(long = "cert-key", value_name = "FILE", env = "RAINCLOUD_CERT_KEY", hide_env_values = true)]
    pub key: Option<PathBuf>,
}

/// A certificate from an authority that speaks ACME (RFC 8555), such as Let's Encrypt.
#[derive(Args, Clone, Debug)]
pub struct Acme {
    /// A DNS name for which an authority is asked for a certificate that firmware and apps trust unchanged
    ///
    /// May be given several times. Ordered and renewed while it serves; until there is one, and for other
    /// names, the certificate of the cloud's own CA serves. Needs `--acme-agree`.
    #[arg(long = "acme-domain", value_name = "NAME", env = "RAINCLOUD_ACME_DOMAIN", hide_env_values = true, value_delimiter = ',')]
    pub domains: Vec<Domain>,

    /// Agree to the authority's terms of service
    #[arg(
        long = "acme-agree",
        value_name = "true|false",
        env = "RAINCLOUD_ACME_AGREE",
        hide_env_values = true,
        default_value = "false",
        default_missing_value = "true",
        action = ArgAction::Set,
        num_args = 0..=1,
        require_equals = true
    )]
    pub agree: bool,

    /// Where the authority may write to; told when the account with it is made, at the first order
    #[arg(long = "acme-email", value_name = "ADDRESS", env = "RAINCLOUD_ACME_EMAIL", hide_env_values = true)]
    pub email: Option<String>,

    /// The authority's directory
    #[arg(
        long = "acme-directory",
        value_name = "URL",
        env = "RAINCLOUD_ACME_DIRECTORY",
        hide_env_values = true,
        default_value = "https://acme-v02.api.letsencrypt.org/directory"
    )]
    pub directory: String,

    /// The CA of the authority's own HTTPS, in PEM, where the system does not trust that
    #[arg(long = "acme-ca", value_name = "FILE", env = "RAINCLOUD_ACME_CA", hide_env_values = true)]
    pub ca: Option<PathBuf>,

    /// How the authority sees that the name is this machine's: `tls-alpn-01`, by connecting to port 443 of the
    /// name, which must lead to `--https`, or `http-01`, by asking port 80, which must lead to `--http`
    #[arg(
        long = "acme-challenge",
        value_name = "WAY",
        env = "RAINCLOUD_ACME_CHALLENGE",
        hide_env_values = true,
        hide_possible_values = true,
        default_value = "tls-alpn-01"
    )]
    pub challenge: Challenge,
}

/// How a name is proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Challenge {
    /// RFC 8737
    #[value(name = "tls-alpn-01")]
    TlsAlpn01,
    /// RFC 8555 §8.3
    #[value(name = "http-01")]
    Http01,
}
