//! Who gets through the TLS of a real socket, and to what.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::HashMap,
    io::ErrorKind,
    sync::{Arc, Mutex},
};

use raincloud::{
    ca::{Authority, Issued, KeyKind, ServerCertificate, all_names},
    certificates::{Certificates, own::Own},
    tls::{Secured, Serves, Tls},
};
use rcgen::{KeyPair, PublicKeyData as _};
use rustls::{
    ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme, SupportedProtocolVersion,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime, pem::PemObject as _},
    version::{TLS12, TLS13},
};
use shared::node::certificate::{Certificate, Fingerprint};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsConnector;

const NOW: i64 = 1_790_000_000;
const NODE: &str = "kT3vYw8uQm1rZs5dLb9xNa";
const VERSIONS: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];

type Known = Arc<Mutex<HashMap<[u8; 32], Certificate>>>;
type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

struct World {
    folder: tempfile::TempDir,
    authority: Authority,
    certificates: Arc<Certificates>,
    tls: Tls,
    known: Known,
}

/// What became of a connection: what the server took it for, or why not; and the protocol that was agreed.
#[derive(Debug)]
struct Outcome {
    server: Result<Option<broker::Peer>, String>,
    client: Result<Option<Vec<u8>>, String>,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::open(folder.path(), NOW).unwrap();
        let names = all_names(&[], [127, 0, 0, 1].into());
        let server = ServerCertificate::open(folder.path(), &authority, &names, time::OffsetDateTime::now_utc().unix_timestamp()).unwrap();
        let certificates = Certificates::new();
        certificates.show_own(server.certificate, server.key).unwrap();
        let known = Known::default();
        let registry = Arc::clone(&known);
        let registry = move |fingerprint: &Fingerprint| Ok(registry.lock().unwrap().get(&fingerprint.0).cloned());
        let tls = Tls::new(&certificates, Arc::new(registry)).unwrap();
        Self { folder, authority, certificates, tls, known }
    }

    fn register(&self, certificate: &CertificateDer<'_>, revoked: bool) {
        self.known.lock().unwrap().insert(Fingerprint::of(certificate).0, Certificate { node: NODE.parse().unwrap(), revoked });
    }

    fn issue(&self, kind: KeyKind) -> Identity {
        identity(&self.authority.node(&NODE.parse().unwrap(), kind, NOW).unwrap())
    }

    fn registered(&self, kind: KeyKind) -> Identity {
        let identity = self.issue(kind);
        self.register(&identity.0[0], false);
        identity
    }

    async fn connect(&self, serves: Serves, who: Option<&Identity>, alpn: &[&str], version: &'static SupportedProtocolVersion) -> Outcome {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let tls = self.tls.clone();
        let server = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            match tls.accept(stream, serves).await {
                Ok(Secured::Http(mut stream)) => {
                    stream.write_all(b"!").await.map_err(|error| error.to_string())?;
                    Ok(None)
                }
                Ok(Secured::Mqtt(mut stream, peer)) => {
                    stream.write_all(b"!").await.map_err(|error| error.to_string())?;
                    Ok(Some(peer))
                }
                Ok(Secured::Proved) => panic!("nobody asked for a proof"),
                Err(error) => Err(error.to_string()),
            }
        });
        let client = talk(&client(&self.authority, who, alpn, version), address).await;
        Outcome { server: server.await.unwrap(), client }
    }
}

/// The handshake, and a byte from the server: with TLS 1.3 a client learns only then that it was refused.
async fn talk(config: &Arc<ClientConfig>, address: std::net::SocketAddr) -> Result<Option<Vec<u8>>, String> {
    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = TlsConnector::from(Arc::clone(config)).connect(name, stream).await.map_err(|error| error.to_string())?;
    let mut byte = [0];
    stream.read_exact(&mut byte).await.map_err(|error| error.to_string())?;
    Ok(stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec))
}

fn client(ca: &Authority, who: Option<&Identity>, alpn: &[&str], version: &'static SupportedProtocolVersion) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(ca.der().clone()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
    let builder = builder.with_protocol_versions(&[version]).unwrap().with_root_certificates(roots);
    let mut config = match who {
        Some((chain, key)) => {
            // Without the check that certificate and key belong together, which an impostor skips too.
            let key = rustls::crypto::ring::sign::any_supported_type(key).unwrap();
            let certified = rustls::sign::CertifiedKey::new(chain.clone(), key);
            builder.with_client_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(certified)))
        }
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    Arc::new(config)
}

fn identity(issued: &Issued) -> Identity {
    (vec![issued.certificate.clone()], PrivateKeyDer::from_pem_slice(issued.key_pem.as_bytes()).unwrap())
}

#[tokio::test]
async fn a_registered_certificate_of_either_kind_gets_in_also_from_another_ca() {
    let world = World::new();
    let foreign = tempfile::tempdir().unwrap();
    let foreign = Authority::open(foreign.path(), NOW).unwrap();
    let foreign = identity(&foreign.node(&NODE.parse().unwrap(), KeyKind::Ecdsa, NOW).unwrap());
    world.register(&foreign.0[0], false);
    for who in [world.registered(KeyKind::Ecdsa), world.registered(KeyKind::Rsa), foreign] {
        for version in VERSIONS {
            let outcome = world.connect(Serves::Mqtt, Some(&who), &[], version).await;
            let peer = outcome.server.unwrap().unwrap();
            assert_eq!(peer.common_name.as_deref(), Some(NODE));
            assert_eq!(peer.fingerprint, Fingerprint::of(&who.0[0]).0);
            assert_eq!(outcome.client, Ok(None));
        }
    }
}

#[tokio::test]
async fn others_are_refused_in_the_handshake() {
    let world = World::new();
    let revoked = world.issue(KeyKind::Ecdsa);
    world.register(&revoked.0[0], true);
    let stolen = (world.registered(KeyKind::Ecdsa).0, world.issue(KeyKind::Ecdsa).1);
    let unregistered = world.issue(KeyKind::Ecdsa);
    let (old, key) = version_one();
    world.register(&old, false);
    let old = (vec![old], key);
    for (who, why) in [
        (Some(&unregistered), "UnknownIssuer"),
        (Some(&revoked), "Revoked"),
        (Some(&stolen), "BadSignature"),
        (Some(&old), "UnsupportedCertVersion"),
        (None, "peer sent no certificates"),
    ] {
        for version in VERSIONS {
            for (serves, alpn) in [(Serves::Mqtt, [].as_slice()), (Serves::HttpAndMqtt, &["x-amzn-mqtt-ca"])] {
                let outcome = world.connect(serves, who, alpn, version).await;
                let error = outcome.server.as_ref().unwrap_err();
                assert!(error.contains(why), "{why}: {outcome:?}");
                assert!(outcome.client.is_err(), "{outcome:?}");
            }
        }
    }
}

#[tokio::test]
async fn the_protocol_that_is_asked_for_decides_on_the_shared_port() {
    let world = World::new();
    let node = world.registered(KeyKind::Ecdsa);
    for version in VERSIONS {
        for (alpn, mqtt, agreed) in [
            (&["x-amzn-mqtt-ca"] as &[&str], true, Some("x-amzn-mqtt-ca")),
            (&["mqtt"], true, Some("mqtt")),
            (&["http/1.1", "mqtt"], true, Some("mqtt")),
            (&["http/1.1"], false, Some("http/1.1")),
            (&["h2", "http/1.1"], false, Some("http/1.1")),
            (&["h2"], false, None),
            (&[], false, None),
        ] {
            let outcome = world.connect(Serves::HttpAndMqtt, Some(&node), alpn, version).await;
            assert_eq!(outcome.server.unwrap().is_some(), mqtt, "{alpn:?}");
            assert_eq!(outcome.client.unwrap(), agreed.map(|name| name.as_bytes().to_vec()), "{alpn:?}");
        }
        // No certificate is asked for.
        assert!(world.connect(Serves::HttpAndMqtt, None, &[], version).await.client.is_ok());
        for (alpn, agreed) in [(&["x-amzn-mqtt-ca"] as &[&str], Some("x-amzn-mqtt-ca")), (&["whatever"], None)] {
            let outcome = world.connect(Serves::Mqtt, Some(&node), alpn, version).await;
            assert_eq!(outcome.client.unwrap(), agreed.map(|name| name.as_bytes().to_vec()), "{alpn:?}");
        }
    }
}

#[tokio::test]
async fn no_session_is_resumed_so_revoking_holds_at_once() {
    let world = World::new();
    let node = world.registered(KeyKind::Ecdsa);
    for version in VERSIONS {
        world.register(&node.0[0], false);
        // One client configuration, so one memory for sessions.
        let config = client(&world.authority, Some(&node), &[], version);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let tls = world.tls.clone();
        let server = tokio::spawn(async move {
            let mut taken = Vec::new();
            for _ in 0..2 {
                let (stream, _) = listener.accept().await.unwrap();
                let accepted = tls.accept(stream, Serves::Mqtt).await;
                taken.push(accepted.is_ok());
                if let Ok(Secured::Mqtt(mut stream, _)) = accepted {
                    stream.write_all(b"!").await.unwrap();
                    let _ = stream.read(&mut [0]).await;
                }
            }
            taken
        });
        assert!(talk(&config, address).await.is_ok());
        world.register(&node.0[0], true);
        assert!(talk(&config, address).await.is_err());
        assert_eq!(server.await.unwrap(), [true, false]);
    }
    drop(world.folder);
}

/// A certificate that no CA of ours signed, for these names.
fn foreign(names: &[&str]) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
    let pair = KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap();
    (params.self_signed(&pair).unwrap().into(), PrivatePkcs8KeyDer::from(pair.serialize_der()).into())
}

/// The certificate that the server shows to who names this host and these protocols.
async fn shown(world: &World, name: &str, alpn: &[&str]) -> Option<CertificateDer<'static>> {
    let (near, far) = tokio::io::duplex(64 * 1024);
    let tls = world.tls.clone();
    let server = tokio::spawn(async move { tls.accept(far, Serves::HttpAndMqtt).await });
    let mut config = ClientConfig::builder_with_provider(world.certificates.provider().clone())
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anything))
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    let stream = TlsConnector::from(Arc::new(config)).connect(ServerName::try_from(name.to_owned()).unwrap(), near).await;
    let certificate = stream.ok().map(|stream| stream.get_ref().1.peer_certificates().unwrap()[0].clone());
    drop(server.await.unwrap());
    certificate
}

#[tokio::test]
async fn a_public_certificate_serves_the_names_in_it_and_is_exchanged_while_serving() {
    let world = World::new();
    let own = shown(&world, "cloud.example.com", &[]).await.unwrap();
    assert_eq!(shown(&world, "localhost", &[]).await.as_ref(), Some(&own));
    let (first, key) = foreign(&["cloud.example.com", "*.wild.example.com"]);
    world.certificates.show_public(vec![first.clone()], key).unwrap();
    for (name, is) in [
        ("cloud.example.com", &first),
        ("a.wild.example.com", &first),
        ("wild.example.com", &own),
        ("other.example.com", &own),
        ("localhost", &own),
        ("127.0.0.1", &own),
    ] {
        assert_eq!(shown(&world, name, &["http/1.1"]).await.as_ref(), Some(is), "{name}");
    }
    let (second, key) = foreign(&["cloud.example.com", "127.0.0.1"]);
    world.certificates.show_public(vec![second.clone()], key).unwrap();
    assert_eq!(shown(&world, "cloud.example.com", &[]).await.as_ref(), Some(&second));
    assert_eq!(shown(&world, "127.0.0.1", &[]).await.as_ref(), Some(&second), "it holds an address, for those who name nobody");
    let (third, _) = foreign(&["cloud.example.com"]);
    let (_, key) = foreign(&["cloud.example.com"]);
    assert!(world.certificates.show_public(vec![third], key).is_err(), "they don't belong together");
    assert_eq!(shown(&world, "cloud.example.com", &[]).await.as_ref(), Some(&second));
}

#[tokio::test]
async fn our_own_certificate_is_exchanged_when_half_its_life_is_over() {
    let world = World::new();
    let own = Own { folder: world.folder.path().to_owned(), hosts: Vec::new(), bind: [127, 0, 0, 1].into(), lan: None };
    let now = time::OffsetDateTime::now_utc().unix_timestamp();
    let first = shown(&world, "localhost", &[]).await.unwrap();
    assert!(!own.show(&world.authority, &world.certificates, now + 400 * 86_400).unwrap());
    assert_eq!(shown(&world, "localhost", &[]).await.unwrap(), first);
    assert!(own.show(&world.authority, &world.certificates, now + 420 * 86_400).unwrap());
    assert_ne!(shown(&world, "localhost", &[]).await.unwrap(), first);
}

#[tokio::test]
async fn an_authority_gets_its_answer_only_while_there_is_one() {
    let world = World::new();
    assert_eq!(shown(&world, "cloud.example.com", &["acme-tls/1"]).await, None);
    let pair = KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(vec!["cloud.example.com".to_owned()]).unwrap();
    params.custom_extensions = vec![rcgen::CustomExtension::new_acme_identifier(&[7; 32])];
    let (proof, key) = (CertificateDer::from(params.self_signed(&pair).unwrap()), PrivatePkcs8KeyDer::from(pair.serialize_der()).into());
    world.certificates.prove("cloud.example.com", proof.clone(), key).unwrap();
    assert_eq!(shown(&world, "cloud.example.com", &["acme-tls/1"]).await, Some(proof.clone()));
    assert_eq!(shown(&world, "other.example.com", &["acme-tls/1"]).await, None);
    assert_ne!(shown(&world, "cloud.example.com", &["http/1.1"]).await, Some(proof.clone()));
    assert_ne!(shown(&world, "cloud.example.com", &["acme-tls/1", "http/1.1"]).await, Some(proof), "no authority asks so");
    world.certificates.prove_no_more("cloud.example.com");
    assert_eq!(shown(&world, "cloud.example.com", &["acme-tls/1"]).await, None);
}

/// Takes any certificate: the test looks at it itself.
#[derive(Debug)]
struct Anything;

impl ServerCertVerifier for Anything {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        rustls::crypto::ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

#[tokio::test]
async fn what_is_no_tls_ends_the_handshake() {
    let world = World::new();
    let (mut near, far) = tokio::io::duplex(1024);
    near.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let error = world.tls.accept(far, Serves::HttpAndMqtt).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
}

#[tokio::test(start_paused = true)]
async fn a_silent_client_is_not_waited_for() {
    let world = World::new();
    let (_near, far) = tokio::io::duplex(1024);
    let error = world.tls.accept(far, Serves::Mqtt).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
}

/// A certificate of the form that there was before extensions. Its own signature is wrong, but nobody looks
/// at that.
fn version_one() -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
    let pair = KeyPair::generate().unwrap();
    let names = |name: &str| {
        // SEQUENCE of SET of SEQUENCE of the common name's OID and a UTF8String
        der(0x30, &der(0x31, &der(0x30, &[der(0x06, &[0x55, 0x04, 0x03]), der(0x0c, name.as_bytes())].concat())))
    };
    let algorithm = der(0x30, &der(0x06, &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02]));
    let dates = der(0x30, &[der(0x17, b"250101000000Z"), der(0x17, b"450101000000Z")].concat());
    let body = [der(0x02, &[1]), algorithm.clone(), names(NODE), dates, names(NODE), pair.subject_public_key_info()].concat();
    let certificate = der(0x30, &[der(0x30, &body), algorithm, der(0x03, &[0; 65])].concat());
    (certificate.into(), PrivatePkcs8KeyDer::from(pair.serialize_der()).into())
}

fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let head = match length {
        0..=127 => vec![tag, u8::try_from(length).unwrap()],
        128..=255 => vec![tag, 0x81, u8::try_from(length).unwrap()],
        _ => vec![tag, 0x82, u8::try_from(length >> 8).unwrap(), u8::try_from(length & 0xff).unwrap()],
    };
    [head, content.to_vec()].concat()
}
