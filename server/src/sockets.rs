//! What is listened on.

use std::net::{IpAddr, SocketAddr};

use axum::Router;
use tokio::net::TcpListener;

use crate::{
    front::{self, Front, Speaks},
    settings::{Port, Settings},
    tls::{Serves, Tls},
};

/// The sockets that are listened on.
pub(crate) struct Listeners {
    http: Option<TcpListener>,
    https: Option<TcpListener>,
    mqtts: Option<TcpListener>,
    metrics: Option<TcpListener>,
}

/// Their addresses.
pub struct Sockets {
    /// Where HTTP is served.
    pub http: Option<SocketAddr>,
    /// Where HTTPS is served.
    pub https: Option<SocketAddr>,
    /// Where MQTT is served.
    pub mqtts: Option<SocketAddr>,
    /// Where the metrics are.
    pub metrics: Option<SocketAddr>,
}

impl Sockets {
    /// The address that all but the metrics have.
    pub fn ip(&self) -> Option<IpAddr> {
        self.http.or(self.https).or(self.mqtts).map(|address| address.ip())
    }

    pub(crate) fn log(&self) {
        let at = |address: Option<SocketAddr>| address.map_or_else(|| "off".to_owned(), |address| address.to_string());
        let (http, https, mqtts, metrics) = (at(self.http), at(self.https), at(self.mqtts), at(self.metrics));
        tracing::info!(version = env!("CARGO_PKG_VERSION"), http, https, mqtts, metrics, "serving");
        if self.metrics.is_some_and(|address| !address.ip().is_loopback()) {
            tracing::warn!("the metrics can be read by whoever reaches their port");
        }
    }
}

impl Listeners {
    pub(crate) fn open(settings: &Settings) -> anyhow::Result<Self> {
        for (one, other, flags) in [
            (settings.http, settings.https, "--http and --https"),
            (settings.http, settings.mqtts, "--http and --mqtts"),
            (settings.https, settings.mqtts, "--https and --mqtts"),
        ] {
            anyhow::ensure!(one != other || matches!(one, Port::Off | Port::At(0)), "{flags} name the same port");
        }
        let listen = |port, flag| match port {
            Port::Off => Ok(None),
            Port::At(port) if settings.reach.lan => front::listen_everywhere(port, flag).map(Some),
            Port::At(port) => front::listen(settings.bind, port, flag).map(Some),
        };
        let http = listen(settings.http, "--http")?;
        let https = listen(settings.https, "--https")?;
        let mqtts = listen(settings.mqtts, "--mqtts")?;
        anyhow::ensure!(http.is_some() || https.is_some() || mqtts.is_some(), "all ports are off: there is nothing to serve");
        let metrics = settings.metrics.0.map(|at| front::listen(at.ip(), at.port(), "--metrics")).transpose()?;
        Ok(Self { http, https, mqtts, metrics })
    }

    pub(crate) fn addresses(&self) -> anyhow::Result<Sockets> {
        let address = |listener: &Option<TcpListener>| listener.as_ref().map(TcpListener::local_addr).transpose();
        let (http, https, mqtts) = (address(&self.http)?, address(&self.https)?, address(&self.mqtts)?);
        Ok(Sockets { http, https, mqtts, metrics: address(&self.metrics)? })
    }

    pub(crate) fn open_to(self, front: &Front, tls: &Tls, page: Router) {
        let https = Speaks::Tls(tls.clone(), Serves::HttpAndMqtt);
        let mqtts = Speaks::Tls(tls.clone(), Serves::Mqtt);
        let all = [(self.http, Speaks::Plain), (self.https, https), (self.mqtts, mqtts), (self.metrics, Speaks::Private(page))];
        for (listener, speaks) in all {
            if let Some(listener) = listener {
                front.open(listener, speaks);
            }
        }
    }
}
