//! Claiming against a cloud that is as strict as the device is peculiar: each request is read to its last byte.

use std::sync::Arc;

use clap::Parser;
use parking_lot::Mutex;
use rcgen::CertificateSigningRequestParams;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;
use crate::ca::Authority;

const MAC: &str = "240AC4AABBCC";
const SECRET_HEX: &str = "000102030405060708090a0b0c0d0e0f";

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    node: NodeArgs,
}

/// A cloud on loopback, which answers one request a connection.
struct Cloud {
    url: String,
    requests: Arc<Mutex<Vec<(String, String)>>>,
}

impl Cloud {
    /// `answer` gets the path and the body of each request and returns the whole answer.
    async fn start(answer: impl Fn(&str, &serde_json::Value) -> String + Send + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&requests);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
                let (head, body) = loop {
                    let read = stream.read(&mut buffer).await.unwrap();
                    assert!(read > 0, "the node hung up after {:?}", String::from_utf8_lossy(&bytes));
                    bytes.extend_from_slice(&buffer[..read]);
                    let text = String::from_utf8(bytes.clone()).unwrap();
                    let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).expect("a Content-Length");
                    if body.len() == length.parse::<usize>().unwrap() {
                        break (head.to_owned(), body.to_owned());
                    }
                };
                let path = head.split(' ').nth(1).unwrap().to_owned();
                let answer = answer(&path, &serde_json::from_str(&body).unwrap());
                noted.lock().push((head, body));
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        Self { url, requests }
    }
}

fn ok(body: &serde_json::Value) -> String {
    let body = body.to_string();
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// The certificate for a request, of a CA of its own.
fn signed(csr: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let _ = Authority::open(folder.path(), 1_790_000_000).unwrap();
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    let key = rcgen::KeyPair::from_pem(&read("ca.key")).unwrap();
    let issuer = rcgen::Issuer::from_ca_cert_pem(&read("ca.crt"), key).unwrap();
    CertificateSigningRequestParams::from_pem(csr).unwrap().signed_by(&issuer).unwrap().pem()
}

fn args(folder: &TempDir, url: &str, more: &str) -> NodeArgs {
    let path = folder.path().display();
    let line = format!("node --credentials {path}/node --claim-url {url} --mac 240ac4aabbcc {more}");
    Line::try_parse_from(line.split(' ')).unwrap_or_else(|error| panic!("{error}")).node
}

fn by_itself(folder: &TempDir, url: &str) -> NodeArgs {
    let secret = folder.path().join("secret");
    fs::write(&secret, format!("{SECRET_HEX}\n")).unwrap();
    args(folder, url, &format!("--claim self --secret-file {}", secret.display()))
}

/// A cloud that knows the secret.
fn good(path: &str, body: &serde_json::Value) -> String {
    match path {
        "/claim/initiate" => {
            assert_eq!(*body, serde_json::json!({ "mac_addr": MAC, "platform": "esp32s3" }));
            ok(&serde_json::json!({ "auth_id": "a-1", "challenge": "6d1f0c55" }))
        }
        "/claim/verify" => {
            let key = hmac::Key::new(hmac::HMAC_SHA512, &(0..16).collect::<Vec<u8>>());
            let expected = super::super::signer::hex(hmac::sign(&key, b"6d1f0c55").as_ref()).to_ascii_uppercase();
            assert_eq!((body["auth_id"].as_str(), body["challenge_response"].as_str()), (Some("a-1"), Some(expected.as_str())));
            let certificate = signed(body["csr"].as_str().unwrap()).replace("\r\n", "\n");
            ok(&serde_json::json!({ "certificate": certificate, "mqtt_host": "mqtt.example.net" }))
        }
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_device_claims_by_itself_with_the_devices_manners() {
    let folder = tempfile::tempdir().unwrap();
    let cloud = Cloud::start(good).await;
    let args = by_itself(&folder, &cloud.url);
    assert_eq!(claim(&args).await.unwrap().as_deref(), Some("mqtt.example.net"));

    let requests = cloud.requests.lock().clone();
    assert_eq!(requests.len(), 2);
    for (head, _) in &requests {
        let names: Vec<_> = head.lines().skip(1).filter_map(|line| Some(line.split_once(':')?.0.to_ascii_lowercase())).collect();
        assert!(!names.iter().any(|name| name == "content-type" || name == "authorization"), "{head}");
        assert!(names.iter().any(|name| name == "host"), "{head}");
    }
    let node = folder.path().join("node");
    let text = |name: &str| fs::read_to_string(node.join(name)).unwrap();
    assert_eq!((text("node.info").as_str(), text("endpoint.info").as_str(), text("random.info").len()), (MAC, "mqtt.example.net", 128));
    assert!(text("node_info.csv").contains("node.key"));
    let identity = credentials::Identity::load(&node).unwrap();
    assert_eq!(identity.node_id, MAC);
    fs::copy(node.join("node.crt"), node.join("ca.crt")).unwrap();
    identity.tls(None, false).unwrap();

    assert_eq!(claim(&args).await.unwrap(), None, "it is done once");
    assert_eq!(cloud.requests.lock().len(), 2);
}

#[tokio::test]
async fn a_user_claims_for_a_device_with_the_bare_token() {
    let folder = tempfile::tempdir().unwrap();
    let cloud = Cloud::start(|path, body| {
        if path == "/claim/initiate" {
            return ok(&serde_json::json!({ "node_id": "kT3vYw8uQm1rZs5dLb9xNa" }));
        }
        assert_eq!(body["send_mqtt_host"], true);
        ok(&serde_json::json!({ "certificate": signed(body["csr"].as_str().unwrap()) }))
    })
    .await;
    let token = folder.path().join("token");
    fs::write(&token, "the.token\n").unwrap();
    let args = args(&folder, &cloud.url, &format!("--claim user --token-file {} --key rsa", token.display()));
    assert_eq!(claim(&args).await.unwrap().as_deref(), Some("127.0.0.1"), "the cloud named no other host");
    for (head, _) in cloud.requests.lock().iter() {
        assert!(head.contains("\r\nAuthorization: the.token\r\n") || head.ends_with("\r\nAuthorization: the.token"), "{head}");
    }
    let identity = credentials::Identity::load(&folder.path().join("node")).unwrap();
    assert_eq!(identity.node_id, "kT3vYw8uQm1rZs5dLb9xNa");
    assert_eq!(identity.signer().unwrap().sign(b"x").unwrap().len(), 256, "an RSA key");
}

#[tokio::test]
async fn what_a_device_cannot_read_fails_and_leaves_nothing() {
    let plain = |head: &str, body: &str| format!("HTTP/1.1 {head}\r\n\r\n{body}");
    let long = format!(r#"{{"auth_id":"{}"}}"#, "x".repeat(3060));
    let challenge = format!(r#"{{"auth_id":"a","challenge":"{}"}}"#, "c".repeat(130));
    let sized = |body: &str| plain(&format!("200 OK\r\nContent-Length: {}", body.len()), body);
    for (answer, why) in [
        (plain("201 Created\r\nContent-Length: 2", "{}"), "the cloud answered 201 Created: {}"),
        (plain("400 Bad Request\r\nContent-Length: 20", r#"{"status":"failure"}"#), r#"400 Bad Request: {"status":"failure"}"#),
        (plain("200 OK\r\nTransfer-Encoding: chunked", "2\r\n{}\r\n0\r\n\r\n"), "does not say how long it is"),
        (sized(""), "does not say how long it is"),
        (sized(&long), "longer than 3071 bytes"),
        (sized("{"), "not a JSON object"),
        (sized("{}"), "no auth_id"),
        (sized(&challenge), "no challenge of at most 129 characters"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let cloud = Cloud::start(move |_, _| answer.clone()).await;
        let error = format!("{:#}", claim(&by_itself(&folder, &cloud.url)).await.unwrap_err());
        assert!(error.contains(why), "{error}");
        assert_eq!(cloud.requests.lock().len(), 1, "no second try");
        assert_eq!(fs::read_dir(folder.path().join("node")).unwrap().count(), 0);
    }
}

#[tokio::test]
async fn a_certificate_of_another_name_or_key_is_not_taken() {
    let other_key = Pair::make(KeyKind::Ecdsa).unwrap().request(MAC).unwrap();
    for (csr, why) in [(Some(other_key), "for another key"), (None, "of somebody instead of 240AC4AABBCC")] {
        let folder = tempfile::tempdir().unwrap();
        let cloud = Cloud::start(move |path, body| match (path, &csr) {
            ("/claim/initiate", _) => good(path, body),
            (_, Some(csr)) => ok(&serde_json::json!({ "certificate": signed(csr) })),
            (_, None) => {
                let named = Pair::make(KeyKind::Ecdsa).unwrap().request("somebody").unwrap();
                ok(&serde_json::json!({ "certificate": signed(&named) }))
            }
        })
        .await;
        let error = format!("{:#}", claim(&by_itself(&folder, &cloud.url)).await.unwrap_err());
        assert!(error.contains(why), "{error}");
        assert!(!folder.path().join("node/node.crt").exists());
    }
}

#[test]
fn a_device_undoes_no_escape_but_that_of_a_new_line() {
    let pair = Pair::make(KeyKind::Ecdsa).unwrap();
    let pem = signed(&pair.request(MAC).unwrap()).replace("\r\n", "\n");
    for (end, good) in [("\\n", true), ("\\r\\n", false), ("\\u000a", false)] {
        let answer = format!(r#"{{"certificate":"{}"}}"#, pem.replace('\n', end));
        assert_eq!(granted(MAC, &answer).and_then(|granted| check(&granted, &pair)).is_ok(), good, "{end}");
    }
}

#[test]
fn options_that_belong_together_are_asked_for_together() {
    let parsed = |line: &str| Line::try_parse_from(format!("node --credentials x {line}").split_whitespace()).map(|line| line.node.claim);
    assert!(parsed("").is_ok());
    for bad in [
        "--claim self --mac 240AC4AABBCC --claim-url http://x",
        "--claim user --mac 240AC4AABBCC --claim-url http://x",
        "--claim self --mac 240AC4AABBCC --secret-file s",
        "--claim self --claim-url http://x --secret-file s",
        "--claim self --mac 24:0A --claim-url http://x --secret-file s",
        "--mac 240AC4AABBCC",
    ] {
        assert!(parsed(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_secret_is_sixteen_bytes_or_their_digits() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    let tag = |content: &[u8]| {
        fs::write(&file, content).unwrap();
        secret(Some(&file)).map(|key| hmac::sign(&key, b"x").as_ref().to_vec()).map_err(|error| error.to_string())
    };
    let bytes: Vec<u8> = (0..16).collect();
    assert_eq!(tag(&bytes), tag(format!("{SECRET_HEX}\n").as_bytes()));
    assert!(tag(&bytes).is_ok());
    for bad in [&bytes[1..], SECRET_HEX.replace('f', "g").as_bytes(), b""] {
        assert!(tag(bad).is_err(), "{bad:?}");
    }
}
