//! What an operator watches, for Prometheus: counted where it happens, and shown on a listener of its own.
//!
//! No label holds anything that grows with the fleet or that somebody outside can choose: nodes, users and
//! addresses stay out, topics are their known suffixes, paths their routes. Nothing here is secret. A scrape
//! reads counters and a few small files.
//!
//! * [`Metrics`]: what is counted; [`fleet`], [`hooks`], [`http`], [`mail`]: where, each around something;
//! * [`Looks`], and what the system says of the process: what is looked up at a scrape.

pub mod fleet;
pub mod hooks;
pub mod http;
mod looks;
pub mod mail;
mod process;

use std::{borrow::Cow, io, sync::Arc, time::Duration};

use axum::{
    Router,
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::get,
};
use embedded::sqlite::Commit;
use prometheus_client::{
    encoding::text::encode,
    metrics::{counter::Counter, family::Family, histogram::Histogram, info::Info},
    registry::Registry,
};

pub use looks::Looks;

/// Upper bounds of times, in seconds.
const TIMES: [f64; 12] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 20.0];
/// The same for requests, of which there are many kinds.
const REQUEST_TIMES: [f64; 9] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0];
/// Upper bounds of numbers of batches.
const SIZES: [f64; 9] = [1.0, 2.0, 4.0, 8.0, 16.0, 64.0, 256.0, 1024.0, 4096.0];

type Labels<const N: usize> = [(&'static str, Cow<'static, str>); N];
type Counts<const N: usize> = Family<Labels<N>, Counter>;
type Times<const N: usize> = Family<Labels<N>, Histogram, fn() -> Histogram>;

/// What is counted. Each name is that of the metric without `raincloud_`.
#[derive(Debug)]
pub struct Metrics {
    connections: Counts<2>,
    tls_handshakes: Counts<1>,
    mqtt_refused: Counts<1>,
    mqtt_disconnected: Counts<1>,
    messages_in: Counts<2>,
    message_ack_seconds: Histogram,
    messages_out: Counts<2>,
    node_events: Counts<2>,
    http_requests: Counts<3>,
    http_request_seconds: Times<2>,
    database_transactions: Counts<1>,
    database_transaction_seconds: Histogram,
    database_transaction_batches: Histogram,
    mails: Counts<1>,
}

impl Default for Metrics {
    fn default() -> Self {
        let times = || Histogram::new(TIMES);
        Self {
            connections: Family::default(),
            tls_handshakes: Family::default(),
            mqtt_refused: Family::default(),
            mqtt_disconnected: Family::default(),
            messages_in: Family::default(),
            message_ack_seconds: times(),
            messages_out: Family::default(),
            node_events: Family::default(),
            http_requests: Family::default(),
            http_request_seconds: Family::new_with_constructor(|| Histogram::new(REQUEST_TIMES)),
            database_transactions: Family::default(),
            database_transaction_seconds: times(),
            database_transaction_batches: Histogram::new(SIZES),
            mails: Family::default(),
        }
    }
}

impl Metrics {
    /// A connection of this kind, `http`, `mqtt` or `tls` before it is known which, got a place or did not.
    pub fn connection(&self, kind: &'static str, placed: bool) {
        count(&self.connections, [("kind", kind), ("outcome", if placed { "accepted" } else { "full" })]);
    }

    /// A TLS handshake came to this.
    pub fn handshake(&self, outcome: &Result<(), &io::Error>) {
        let outcome = outcome.as_ref().map_or_else(|error| why_no_tls(error), |()| "ok");
        count(&self.tls_handshakes, [("outcome", outcome)]);
    }

    /// The writer committed.
    pub fn commit(&self, commit: &Commit) {
        count(&self.database_transactions, [("outcome", if commit.failed { "failed" } else { "committed" })]);
        self.database_transaction_seconds.observe(commit.took.as_secs_f64());
        self.database_transaction_batches.observe(f64::from(u32::try_from(commit.batches).unwrap_or(u32::MAX)));
    }

    /// The page that Prometheus reads, at `/metrics`, and nothing else. `looks` is asked at each scrape.
    pub fn router(&self, looks: Looks) -> Router {
        let registry = Arc::new(self.registry(looks));
        let page = async move || page(&registry);
        let nowhere = async || StatusCode::NOT_FOUND;
        Router::new().route("/metrics", get(page)).fallback(nowhere).method_not_allowed_fallback(nowhere)
    }

    fn registry(&self, looks: Looks) -> Registry {
        let mut all = Registry::default();
        let own = all.sub_registry_with_prefix("raincloud");
        own.register("build", "The program", Info::new([("version", env!("CARGO_PKG_VERSION"))]));
        own.register("connections", "Connections by kind, and whether there was a place for them", self.connections.clone());
        own.register("tls_handshakes", "TLS handshakes by outcome", self.tls_handshakes.clone());
        own.register("mqtt_refused", "MQTT connections that did not come about, by reason", self.mqtt_refused.clone());
        own.register("mqtt_disconnected", "MQTT connections that ended, by reason", self.mqtt_disconnected.clone());
        own.register("messages_in", "Messages of nodes by the suffix of their topic and what came of them", self.messages_in.clone());
        let help = "Time from a message's arrival until it may be acknowledged";
        own.register("message_ack_seconds", help, self.message_ack_seconds.clone());
        own.register("messages_out", "Messages to nodes by the suffix of their topic and what came of them", self.messages_out.clone());
        own.register(
            "node_events",
            "Connects, disconnects and subscriptions of nodes, by whether they were handled",
            self.node_events.clone(),
        );
        own.register("http_requests", "HTTP requests by route, method and class of status", self.http_requests.clone());
        own.register("http_request_seconds", "Time to answer an HTTP request", self.http_request_seconds.clone());
        own.register("database_transactions", "Transactions of the database's writer by outcome", self.database_transactions.clone());
        let help = "Time of a transaction with its sync to disk";
        own.register("database_transaction_seconds", help, self.database_transaction_seconds.clone());
        own.register("database_transaction_batches", "Batches in a transaction", self.database_transaction_batches.clone());
        own.register("mails", "Letters by outcome", self.mails.clone());
        own.register_collector(Box::new(looks));
        all.register_collector(Box::new(process::Process));
        all
    }
}

fn page(registry: &Registry) -> Response {
    let mut text = String::new();
    match encode(&mut text, registry) {
        Ok(()) => ([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "the metrics can't be shown");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

fn count<const N: usize>(counts: &Counts<N>, labels: [(&'static str, &'static str); N]) {
    counts.get_or_create(&labels.map(|(name, value)| (name, value.into()))).inc();
}

/// Seconds, as histograms take them.
fn seconds(began: std::time::Instant) -> f64 {
    Duration::as_secs_f64(&began.elapsed())
}

/// `NotAuthorized` as `not_authorized`: for the names of what has no fields.
fn snake(name: &impl std::fmt::Debug) -> Cow<'static, str> {
    let mut text = String::new();
    for char in format!("{name:?}").chars() {
        if char.is_ascii_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.push(char.to_ascii_lowercase());
    }
    text.into()
}

/// The suffix of a node's topic, if it is one that some part of the program knows; else `other`, because
/// a node may choose it.
fn suffix(topic: &str) -> &'static str {
    /// Contract `mqtt-and-node.md` §2.1. What a group's id ends stands first.
    const KNOWN: [&str; 16] = [
        "direct/params/local/",
        "params/local/",
        "params/remote/",
        "params/local/init",
        "params/local",
        "params/remote",
        "config",
        "alert",
        "user/mapping",
        "otafetch",
        "otaurl",
        "otastatus",
        "tsdata",
        "simple_tsdata",
        "from-node",
        "to-node",
    ];
    let of_node = |topic: &str| topic.strip_prefix("node/").and_then(|rest| rest.split_once('/')).map(|(_, suffix)| suffix.to_owned());
    let plain = topic.strip_prefix("$aws/rules/").and_then(|rest| rest.split_once('/')).map_or(topic, |(_, rest)| rest);
    if topic.starts_with("$aws/things/") {
        return "streams";
    }
    let Some(suffix) = of_node(plain) else { return "other" };
    if let Some(known) = KNOWN.iter().find(|known| **known == suffix) {
        return known;
    }
    if suffix == "diagnostics/from-node" {
        return "diagnostics/from-node";
    }
    KNOWN.iter().find(|known| known.ends_with('/') && suffix.starts_with(**known)).copied().unwrap_or("other")
}

/// Why there was no TLS, in one of a few words.
fn why_no_tls(error: &io::Error) -> &'static str {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, TimedOut, UnexpectedEof};
    use rustls::{CertificateError, Error};
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    match inner {
        Some(Error::NoCertificatesPresented) => "no_certificate",
        Some(Error::InvalidCertificate(CertificateError::Revoked)) => "revoked_certificate",
        Some(Error::InvalidCertificate(CertificateError::UnknownIssuer)) => "unknown_certificate",
        Some(Error::InvalidCertificate(_)) => "bad_certificate",
        Some(Error::AlertReceived(_)) => "refused_by_client",
        Some(Error::PeerIncompatible(_) | Error::NoApplicationProtocol) => "incompatible",
        Some(Error::InvalidMessage(_) | Error::InappropriateMessage { .. } | Error::InappropriateHandshakeMessage { .. }) => "not_tls",
        Some(Error::General(_)) => "failed",
        None if error.kind() == TimedOut => "timeout",
        None if [BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof].contains(&error.kind()) => "closed",
        _ => "other",
    }
}

/// Is it a certificate that does not count? Then an owner may want to know.
pub fn is_certificate(error: &io::Error) -> bool {
    why_no_tls(error).ends_with("_certificate")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_is_shown_by_its_suffix_and_an_unknown_one_not_at_all() {
        for (topic, shown) in [
            ("node/n1/config", "config"),
            ("$aws/rules/esp_node_config/node/n1/config", "config"),
            ("node/n1/params/local", "params/local"),
            ("node/n1/params/local/init", "params/local/init"),
            ("node/n1/params/local/g1", "params/local/"),
            ("node/n1/direct/params/local/g1", "direct/params/local/"),
            ("node/n1/params/remote/g1", "params/remote/"),
            ("node/n1/diagnostics/from-node", "diagnostics/from-node"),
            ("$aws/things/n1/streams/s1/get/cbor", "streams"),
            ("node/n1/n1", "other"),
            ("node/n1", "other"),
            ("n1", "other"),
        ] {
            assert_eq!(suffix(topic), shown, "{topic}");
        }
    }

    #[test]
    fn reasons_are_words() {
        assert_eq!(snake(&broker::Refusal::NotAuthorized), "not_authorized");
        assert_eq!(snake(&broker::Reason::KeepAliveTimeout), "keep_alive_timeout");
        let tls = |error: rustls::Error| why_no_tls(&io::Error::other(error));
        assert_eq!(tls(rustls::Error::NoCertificatesPresented), "no_certificate");
        assert_eq!(tls(rustls::CertificateError::Revoked.into()), "revoked_certificate");
        assert_eq!(why_no_tls(&io::ErrorKind::UnexpectedEof.into()), "closed");
        assert_eq!(why_no_tls(&io::ErrorKind::TimedOut.into()), "timeout");
        assert!(is_certificate(&io::Error::other(rustls::Error::from(rustls::CertificateError::UnknownIssuer))));
        assert!(!is_certificate(&io::ErrorKind::TimedOut.into()));
    }
}
