//! The way to the broker: TCP, mutual TLS, MQTT, and in clear words why it is closed.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use rmqtt_codec::v3::{Connect, ConnectAckReason};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{AlertDescription, CertificateError, ClientConfig, Error as TlsError};

use super::client::{Ended, Link, PATIENCE};
use super::say::{Event, Say};

/// A connection to a real broker.
pub(super) type Connection = Link<TlsStream<TcpStream>>;

/// Why there is no connection: a word for programs and a clear reason for people.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Failure {
    /// The word.
    pub(super) kind: &'static str,
    /// The reason.
    pub(super) reason: String,
}

impl Failure {
    fn new(kind: &'static str, reason: impl Into<String>) -> Self {
        Self { kind, reason: reason.into() }
    }
}

/// Where the broker is, and how to speak to it.
pub(super) struct Network {
    host: String,
    port: u16,
    name: ServerName<'static>,
    tls: TlsConnector,
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl Network {
    /// The network with a broker at this place.
    pub(super) fn new(host: String, port: u16, tls: Arc<ClientConfig>) -> anyhow::Result<Self> {
        let name = ServerName::try_from(host.clone()).with_context(|| format!("{host} is no host name"))?;
        Ok(Self { host, port, name, tls: tls.into() })
    }

    /// One attempt to connect.
    pub(super) async fn connect(&self, hello: Connect) -> Result<Connection, Failure> {
        let stream = timeout(PATIENCE, self.stream());
        let stream = stream.await.map_err(|_| Failure::new("timeout", format!("{} did not answer in 10 s", self.host)))??;
        Link::open(stream, hello).await.map_err(|ended| self.failure(&ended))
    }

    async fn stream(&self) -> Result<TlsStream<TcpStream>, Failure> {
        let unknown = |why: String| Failure::new("host_unknown", format!("host unknown: {} ({why})", self.host));
        let found = tokio::net::lookup_host((self.host.as_str(), self.port)).await;
        let addresses: Vec<_> = found.map_err(|error| unknown(error.to_string()))?.collect();
        if addresses.is_empty() {
            return Err(unknown("it has no address".to_owned()));
        }
        let tcp = TcpStream::connect(addresses.as_slice()).await.map_err(|error| self.broken(&error))?;
        tcp.set_nodelay(true).map_err(|error| self.broken(&error))?;
        self.tls.connect(self.name.clone(), tcp).await.map_err(|error| self.broken(&error))
    }

    /// Begins this many handshakes, leaves them alone for so long, and then tells how many the broker ended.
    pub(super) fn leave_half_open(&self, count: u16, lasts: Duration, say: Say) {
        /// The beginning of a TLS record of which nothing more comes.
        const BEGUN: [u8; 3] = [0x16, 0x03, 0x01];
        let place = (self.host.clone(), self.port);
        tokio::spawn(async move {
            let mut opened = Vec::new();
            for _ in 0..count {
                // What the broker or the system refuses is not opened, which the number tells.
                if let Ok(Ok(mut stream)) = timeout(PATIENCE, TcpStream::connect((place.0.as_str(), place.1))).await
                    && stream.write_all(&BEGUN).await.is_ok()
                {
                    opened.push(stream);
                }
            }
            sleep(lasts).await;
            let ended = opened.iter().filter(|stream| is_ended(stream)).count();
            say.tell(&Event::HalfOpened { opened: opened.len(), ended });
        });
    }

    /// What an end of the connection means.
    pub(super) fn failure(&self, ended: &Ended) -> Failure {
        let kind = match ended {
            Ended::Broken(error) => return self.broken(error),
            Ended::Refused(ConnectAckReason::NotAuthorized | ConnectAckReason::BadUserNameOrPassword) => "not_authorized",
            Ended::Refused(_) => "refused",
            Ended::TimedOut(_) => "timeout",
            Ended::Closed => "closed",
            Ended::Malformed(_) => "protocol",
        };
        Failure::new(kind, ended.to_string())
    }

    fn broken(&self, error: &io::Error) -> Failure {
        if let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref::<TlsError>()) {
            return self.tls(error);
        }
        match error.kind() {
            io::ErrorKind::ConnectionRefused => {
                Failure::new("connection_refused", format!("connection refused: nothing listens at {self}"))
            }
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
                Failure::new("closed", Ended::Closed.to_string())
            }
            _ => Failure::new("network", error.to_string()),
        }
    }

    fn tls(&self, error: &TlsError) -> Failure {
        match error {
            TlsError::AlertReceived(AlertDescription::NoApplicationProtocol) => {
                Failure::new("alpn_refused", "the broker does not accept the protocol offered with --alpn")
            }
            TlsError::AlertReceived(alert) if is_about_us(*alert) => {
                Failure::new("certificate_refused", format!("certificate refused: the broker answered {alert:?}"))
            }
            TlsError::InvalidCertificate(why) => {
                let why = match why {
                    CertificateError::UnknownIssuer => "ca.crt did not sign it".to_owned(),
                    CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                        format!("it is not for {}", self.host)
                    }
                    CertificateError::Expired | CertificateError::ExpiredContext { .. } => "it has expired".to_owned(),
                    other => other.to_string(),
                };
                Failure::new("server_certificate", format!("the broker's certificate is not good: {why}"))
            }
            other => Failure::new("tls", format!("no TLS with {self}: {other}")),
        }
    }
}

/// Whether the other side ended the connection.
fn is_ended(stream: &TcpStream) -> bool {
    match stream.try_read(&mut [0; 256]) {
        Ok(0) => true,
        Ok(_) => is_ended(stream),
        Err(error) => error.kind() != io::ErrorKind::WouldBlock,
    }
}

fn is_about_us(alert: AlertDescription) -> bool {
    use AlertDescription as A;
    matches!(
        alert,
        A::NoCertificate
            | A::BadCertificate
            | A::UnsupportedCertificate
            | A::CertificateRevoked
            | A::CertificateExpired
            | A::CertificateUnknown
            | A::CertificateRequired
            | A::UnknownCA
            | A::AccessDenied
            | A::DecryptError
    )
}

#[cfg(test)]
mod tests {
    use tokio_rustls::rustls::RootCertStore;
    use tokio_rustls::rustls::crypto::ring;

    use super::*;

    #[test]
    fn failures_have_a_word_and_a_clear_reason() {
        let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth();
        let network = Network::new("cloud.example".to_owned(), 8883, Arc::new(tls)).unwrap();
        let tls = |error| Ended::Broken(io::Error::new(io::ErrorKind::InvalidData, error));
        for (ended, kind, words) in [
            (tls(TlsError::AlertReceived(AlertDescription::BadCertificate)), "certificate_refused", "certificate refused: the broker"),
            (tls(TlsError::AlertReceived(AlertDescription::NoApplicationProtocol)), "alpn_refused", "--alpn"),
            (tls(TlsError::InvalidCertificate(CertificateError::NotValidForName)), "server_certificate", "not for cloud.example"),
            (tls(TlsError::InvalidCertificate(CertificateError::Expired)), "server_certificate", "it has expired"),
            (tls(TlsError::HandshakeNotComplete), "tls", "no TLS with cloud.example:8883"),
            (Ended::Broken(io::ErrorKind::ConnectionRefused.into()), "connection_refused", "connection refused"),
            (Ended::Broken(io::ErrorKind::ConnectionReset.into()), "closed", "closed by the other side"),
            (Ended::Refused(ConnectAckReason::NotAuthorized), "not_authorized", "not authorized"),
            (Ended::Refused(ConnectAckReason::ServiceUnavailable), "refused", "it is not available"),
        ] {
            let failure = network.failure(&ended);
            assert_eq!(failure.kind, kind);
            assert!(failure.reason.contains(words), "{failure:?}");
        }
        assert!(Network::new("no host".to_owned(), 1, ClientConfig::clone(network.tls.config()).into()).is_err());
    }
}
