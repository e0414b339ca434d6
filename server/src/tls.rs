//! TLS as nodes and clients need it.
//!
//! * A node proves itself with a certificate of whatever CA, known by its fingerprint. That it holds the
//!   key is checked by rustls; that the certificate counts, by the registry.
//! * No session is resumed, because that would skip the registry.
//! * One port serves HTTPS and MQTT: a client that names `x-amzn-mqtt-ca` or `mqtt` by ALPN speaks MQTT and
//!   must have a certificate; any other is asked for none (contract `mqtt-and-node.md` §1.1).
//! * An authority that names only `acme-tls/1` gets the answer to its question (RFC 8737), and nothing else.

use std::{fmt, io, sync::Arc, time::Duration};

use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, ServerConfig, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, UnixTime},
    server::{Acceptor, NoServerSessionStorage, danger::ClientCertVerified, danger::ClientCertVerifier},
    version::{TLS12, TLS13},
};
use shared::node::certificate::{Certificate, Fingerprint};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt as _},
    time::timeout,
};
use tokio_rustls::{LazyConfigAcceptor, server::TlsStream};
use x509_parser::parse_x509_certificate;

use crate::certificates::{Certificates, Proofs};

/// What AWS calls MQTT with a client certificate; the firmware's default.
pub const AMAZON_MQTT: &[u8] = b"x-amzn-mqtt-ca";
/// The registered name.
pub const MQTT: &[u8] = b"mqtt";
const HTTP: &[u8] = b"http/1.1";
/// How an authority asks whose a name is.
const ACME: &[u8] = b"acme-tls/1";
/// For the whole handshake, from the first byte.
const PATIENCE: Duration = Duration::from_secs(20);

/// Looks a certificate up without waiting.
pub type Registry = dyn Fn(&Fingerprint) -> Result<Option<Certificate>, String> + Send + Sync;

/// Takes TLS connections.
#[derive(Clone)]
pub struct Tls {
    http: Arc<ServerConfig>,
    http_by_name: Arc<ServerConfig>,
    mqtt: Arc<ServerConfig>,
    mqtt_by_name: Arc<ServerConfig>,
    acme: Arc<ServerConfig>,
}

/// A connection after its handshake.
pub enum Secured<S> {
    /// Somebody who wants the REST API.
    Http(TlsStream<S>),
    /// A node whose certificate counts.
    Mqtt(TlsStream<S>, broker::Peer),
    /// An authority that has its answer.
    Proved,
}

/// What a port is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Serves {
    /// HTTP, and MQTT for who asks for it.
    HttpAndMqtt,
    /// MQTT alone.
    Mqtt,
}

impl Tls {
    /// TLS with these certificates and this registry of nodes.
    pub fn new(certificates: &Arc<Certificates>, registry: Arc<Registry>) -> Result<Self, Error> {
        let provider = certificates.provider();
        let builder = || ServerConfig::builder_with_provider(Arc::clone(provider)).with_protocol_versions(&[&TLS13, &TLS12]);
        let http = builder()?.with_no_client_auth().with_cert_resolver(Arc::clone(certificates) as _);
        let verifier = Arc::new(Registered { registry, provider: Arc::clone(provider) });
        let mqtt = builder()?.with_client_cert_verifier(verifier).with_cert_resolver(Arc::clone(certificates) as _);
        let acme = builder()?.with_no_client_auth().with_cert_resolver(Arc::new(Proofs(Arc::clone(certificates))));
        Ok(Self {
            http: config(&http, &[]),
            http_by_name: config(&http, &[HTTP]),
            mqtt: config(&mqtt, &[]),
            mqtt_by_name: config(&mqtt, &[AMAZON_MQTT, MQTT]),
            acme: config(&acme, &[ACME]),
        })
    }

    /// Does the handshake, within its time.
    pub async fn accept<S>(&self, stream: S, serves: Serves) -> io::Result<Secured<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        timeout(PATIENCE, self.handshake(stream, serves)).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
    }

    async fn handshake<S>(&self, stream: S, serves: Serves) -> io::Result<Secured<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let start = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
        let offered: Vec<&[u8]> = start.client_hello().alpn().into_iter().flatten().collect();
        if offered == [ACME] {
            let mut stream = start.into_stream(Arc::clone(&self.acme)).await?;
            stream.shutdown().await?;
            return Ok(Secured::Proved);
        }
        // With a list of names rustls refuses a client that offers only others, so there is one only where
        // it will find one.
        let (mqtt, config) = if offered.iter().any(|name| [AMAZON_MQTT, MQTT].contains(name)) {
            (true, &self.mqtt_by_name)
        } else if serves == Serves::Mqtt {
            (true, &self.mqtt)
        } else if offered.contains(&HTTP) {
            (false, &self.http_by_name)
        } else {
            (false, &self.http)
        };
        let stream = start.into_stream(Arc::clone(config)).await?;
        if !mqtt {
            return Ok(Secured::Http(stream));
        }
        // The verifier is mandatory, so there is a certificate; without one nobody gets in.
        let certificates = stream.get_ref().1.peer_certificates();
        let certificate = certificates.and_then(<[_]>::first).ok_or(io::ErrorKind::PermissionDenied)?;
        let peer = broker::Peer { fingerprint: Fingerprint::of(certificate).0, common_name: common_name(certificate) };
        Ok(Secured::Mqtt(stream, peer))
    }
}

fn config(from: &ServerConfig, names: &[&[u8]]) -> Arc<ServerConfig> {
    let mut config = from.clone();
    config.alpn_protocols = names.iter().map(|name| name.to_vec()).collect();
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.max_early_data_size = 0;
    Arc::new(config)
}

fn common_name(certificate: &[u8]) -> Option<String> {
    let (_, parsed) = parse_x509_certificate(certificate).ok()?;
    let name = parsed.subject().iter_common_name().next()?;
    name.as_str().ok().map(ToOwned::to_owned)
}

/// Client certificates that are registered and not revoked. Issuer and dates don't matter: the registry
/// holds the very certificate.
struct Registered {
    registry: Arc<Registry>,
    provider: Arc<CryptoProvider>,
}

impl fmt::Debug for Registered {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Registered")
    }
}

impl ClientCertVerifier for Registered {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        // No hints: a client with a certificate of any CA is to show it.
        &[]
    }

    fn verify_client_cert(&self, leaf: &CertificateDer<'_>, _: &[CertificateDer<'_>], _: UnixTime) -> Result<ClientCertVerified, Error> {
        match (self.registry)(&Fingerprint::of(leaf)) {
            Ok(Some(Certificate { revoked: false, .. })) => Ok(ClientCertVerified::assertion()),
            Ok(Some(_)) => Err(CertificateError::Revoked.into()),
            Ok(None) => Err(CertificateError::UnknownIssuer.into()),
            Err(problem) => Err(Error::General(format!("the registry of certificates failed: {problem}"))),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
