//! How a node gets its credentials from the cloud before it connects (contract `mqtt-and-node.md` §3): by itself with the
//! secret that is burnt into its chip, or for a user whose token an app brings.
//!
//! Each step fails as on the device: with a word why, and without another try until the next start. A node that has its
//! credentials claims no more.

mod http;
mod pair;

use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context as _, anyhow, bail};
use hyper::http::Uri;
use ring::hmac;
use ring::rand::{SecureRandom as _, SystemRandom};
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;

use self::http::Service;
pub(crate) use self::pair::Pair;
use super::credentials;
use super::dialect::{Json, Writer};
use super::options::NodeArgs;
use crate::admin::credentials::{Credentials, RANDOM};
use crate::ca::KeyKind;
use crate::files::{self, Readers};

const CLAIMING: &str = "Claiming";
/// The device's buffers.
const LONGEST_AUTH_ID: usize = 63;
const LONGEST_CHALLENGE: usize = 129;
const LONGEST_NODE_ID: usize = 63;
const SECRET: usize = 16;

/// The options of claiming.
#[derive(Debug, clap::Args)]
pub(crate) struct ClaimArgs {
    /// Get credentials from the cloud first, if the folder holds none
    #[arg(long, value_enum, requires_all = ["mac", "claim_url"], help_heading = CLAIMING)]
    claim: Option<How>,

    /// Where to claim, such as `http://localhost:8080`
    #[arg(long, value_name = "URL", requires = "claim", help_heading = CLAIMING)]
    claim_url: Option<Uri>,

    /// The chip's MAC: 12 hexadecimal digits
    #[arg(long, requires = "claim", help_heading = CLAIMING)]
    mac: Option<Mac>,

    /// File with the 16 bytes that are burnt into the chip, or their 32 hexadecimal digits; for `--claim self`
    #[arg(long, value_name = "FILE", required_if_eq("claim", "self"), help_heading = CLAIMING)]
    secret_file: Option<PathBuf>,

    /// File with the user's access token; for `--claim user`
    #[arg(long, value_name = "FILE", required_if_eq("claim", "user"), help_heading = CLAIMING)]
    token_file: Option<PathBuf>,

    /// The chip
    #[arg(long, value_name = "NAME", default_value = "esp32s3", help_heading = CLAIMING)]
    platform: String,

    /// The kind of the key that it makes
    #[arg(long, value_enum, default_value_t, help_heading = CLAIMING)]
    key: KeyKind,
}

/// Who claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum How {
    /// The node itself, which proves that it knows its secret; its id is its MAC
    #[value(name = "self")]
    Itself,
    /// A user, whose token is shown; the cloud gives the id
    User,
}

/// A MAC in 12 upper-case digits.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mac(String);

impl FromStr for Mac {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let good = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        good.then(|| Self(text.to_ascii_uppercase())).ok_or("expected 12 hexadecimal digits")
    }
}

/// What the cloud said when it gave a certificate.
#[derive(Debug, PartialEq, Eq)]
struct Granted {
    node_id: String,
    certificate: String,
    mqtt_host: Option<String>,
}

/// Claims if that is asked for and not done yet. Returns the host of the broker that the node was told.
pub(super) async fn claim(args: &NodeArgs) -> anyhow::Result<Option<String>> {
    let ClaimArgs { claim: Some(how), claim_url: Some(url), mac: Some(mac), .. } = &args.claim else { return Ok(None) };
    let folder = args.credentials.as_path();
    if folder.join("node.crt").exists() {
        return Ok(None);
    }
    files::make_folder(folder).with_context(|| format!("cannot write to {}", folder.display()))?;
    if let Some(there) = FILES.iter().map(|name| folder.join(name)).find(|file| file.exists()) {
        bail!("{} is there without a node.crt: move it away, or name another folder with --credentials", there.display());
    }
    let service = Service::new(url, || credentials::trusting(folder, args.ca.as_deref()))?;
    let pair = Pair::make(args.claim.key)?;
    let Mac(mac) = mac;
    let begin = Writer::object().text("mac_addr", mac).text("platform", &args.claim.platform).end();
    let granted = match how {
        How::Itself => by_itself(&service, mac, begin, &secret(args.claim.secret_file.as_deref())?, &pair).await,
        How::User => for_user(&service, begin, &token(args.claim.token_file.as_deref())?, &pair).await,
    };
    let granted = granted.context("claiming failed")?;
    check(&granted, &pair)?;
    let told = granted.mqtt_host.as_deref().or(args.host.as_deref()).or(url.host()).unwrap_or("localhost");
    keep(folder, args.ca.as_deref(), &granted, &pair, told).with_context(|| format!("cannot write to {}", folder.display()))?;
    Ok(Some(told.to_owned()))
}

/// The device's own claim.
async fn by_itself(service: &Service, mac: &str, begin: String, secret: &hmac::Key, pair: &Pair) -> anyhow::Result<Granted> {
    let begun = service.post("/claim/initiate", begin, None).await?;
    let begun = Json::parse(&begun).context("the answer is not a JSON object")?;
    let auth_id = member(&begun, "auth_id", LONGEST_AUTH_ID)?;
    let challenge = member(&begun, "challenge", LONGEST_CHALLENGE)?;
    let response = hmac::sign(secret, challenge.as_bytes());
    let verify = Writer::object()
        .text("auth_id", auth_id)
        .text("challenge_response", &super::signer::hex(response.as_ref()).to_ascii_uppercase())
        .text("csr", &escaped(&pair.request(mac)?))
        .end();
    granted(mac, &service.post("/claim/verify", verify, None).await?)
}

/// The claim in which an app carries the messages, and shows the user's token.
async fn for_user(service: &Service, begin: String, token: &str, pair: &Pair) -> anyhow::Result<Granted> {
    let begun = service.post("/claim/initiate", begin, Some(token)).await?;
    let begun = Json::parse(&begun).context("the answer is not a JSON object")?;
    let node_id = member(&begun, "node_id", LONGEST_NODE_ID)?;
    let verify = Writer::object().text("csr", &escaped(&pair.request(node_id)?)).raw("send_mqtt_host", true).end();
    granted(node_id, &service.post("/claim/verify", verify, Some(token)).await?)
}

fn granted(node_id: &str, answer: &str) -> anyhow::Result<Granted> {
    let answer = Json::parse(answer).context("the answer is not a JSON object")?;
    let certificate = answer.get("certificate").and_then(Json::text).context("the answer has no certificate")?;
    // The device knows no other escape.
    let certificate = certificate.replace("\\n", "\n");
    let mqtt_host = answer.get("mqtt_host").and_then(Json::text).filter(|host| !host.is_empty()).map(ToOwned::to_owned);
    Ok(Granted { node_id: node_id.to_owned(), certificate, mqtt_host })
}

fn member<'a>(answer: &Json<'a>, name: &str, longest: usize) -> anyhow::Result<&'a str> {
    let text = answer.get(name).and_then(Json::text).filter(|text| !text.is_empty() && text.len() <= longest);
    text.with_context(|| format!("the answer has no {name} of at most {longest} characters"))
}

/// PEM in a JSON string.
fn escaped(pem: &str) -> String {
    pem.replace("\r\n", "\n").replace('\n', "\\n")
}

/// Is this the certificate that was asked for?
fn check(granted: &Granted, pair: &Pair) -> anyhow::Result<()> {
    let leaf = CertificateDer::from_pem_slice(granted.certificate.as_bytes());
    let leaf = leaf.map_err(|error| anyhow!("the cloud gave a damaged certificate: {error}"))?;
    let name = credentials::common_name(&leaf)?;
    if name != granted.node_id {
        bail!("the cloud gave a certificate of {name} instead of {}", granted.node_id);
    }
    let (_, parsed) = x509_parser::parse_x509_certificate(&leaf)?;
    if parsed.public_key().subject_public_key.data.as_ref() != pair.public_key() {
        bail!("the cloud gave a certificate for another key");
    }
    Ok(())
}

/// The files that claiming makes, the one by which it is done last.
const FILES: [&str; 6] = ["node.key", "node.info", "endpoint.info", "random.info", "node_info.csv", "node.crt"];

fn keep(folder: &Path, ca: Option<&Path>, granted: &Granted, pair: &Pair, mqtt_host: &str) -> anyhow::Result<()> {
    let mut random = [0; RANDOM];
    SystemRandom::new().fill(&mut random).map_err(|_| anyhow!("the system gave no random bytes"))?;
    let credentials =
        Credentials { node: &granted.node_id, certificate_pem: &granted.certificate, key_pem: &pair.pem, mqtt_host, random: &random };
    credentials.fill(&folder.canonicalize()?).inspect_err(|_| {
        for name in FILES {
            let _ = fs::remove_file(folder.join(name));
        }
    })?;
    // So that the next start needs no --ca.
    match ca {
        Some(ca) if !folder.join("ca.crt").exists() => Ok(files::create(&folder.join("ca.crt"), &fs::read(ca)?, Readers::All)?),
        _ => Ok(()),
    }
}

fn read(file: Option<&Path>) -> anyhow::Result<Vec<u8>> {
    let file = file.context("a file is missing")?;
    fs::read(file).with_context(|| format!("cannot read {}", file.display()))
}

fn secret(file: Option<&Path>) -> anyhow::Result<hmac::Key> {
    let bytes = read(file)?;
    let digits = std::str::from_utf8(&bytes).map(str::trim).unwrap_or_default();
    let bytes = match digits.len() {
        _ if bytes.len() == SECRET => bytes,
        length if length == 2 * SECRET => {
            let pairs = (0..length).step_by(2).map(|at| digits.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok()));
            pairs.collect::<Option<Vec<_>>>().context("the secret is not hexadecimal")?
        }
        _ => bail!("the secret is neither {SECRET} bytes nor {} hexadecimal digits", 2 * SECRET),
    };
    Ok(hmac::Key::new(hmac::HMAC_SHA512, &bytes))
}

fn token(file: Option<&Path>) -> anyhow::Result<String> {
    let token = String::from_utf8(read(file)?).ok().map(|token| token.trim().to_owned());
    token.filter(|token| !token.is_empty()).context("the token file holds no token")
}

#[cfg(test)]
mod tests;
