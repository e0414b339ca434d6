//! `raincloud admin node add`.

use std::{
    fs, io,
    io::IsTerminal as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use builtin::clock::RandomIds;
use hyper::http::Method;
use ring::rand::{SecureRandom as _, SystemRandom};
use serde_json::json;
use shared::{
    access::Grant,
    id::NodeId,
    node::certificate::{self, NewCertificate},
    port::clock::Ids as _,
};

use super::{
    Cloud, Opened, Where,
    credentials::{Credentials, RANDOM},
    remote::Api,
    revoke::revoke_there,
};
use crate::{
    ca::{Authority, KeyKind, ServerCertificate},
    files::{self, Readers},
    folder::Folder,
    node::Pair,
    say,
    settings::Names,
};

/// How often progress is told.
const TELL_EVERY: Duration = Duration::from_millis(500);

/// What `admin node add` takes.
#[derive(clap::Args, Debug)]
pub(crate) struct AddArgs {
    #[command(flatten)]
    at: Where,

    #[command(flatten)]
    names: Names,

    /// The folder for the nodes' credentials; made if there is none
    #[arg(long, value_name = "DIR")]
    out: PathBuf,

    /// How many nodes
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    count: u32,

    /// The kind of their keys
    #[arg(long, value_enum, default_value_t)]
    key: KeyKind,

    /// Print each node as a JSON object on a line
    #[arg(long)]
    json: bool,
}

/// Makes nodes. Each is whole: its files are on disk before it is registered, and if it can't be
/// registered they are removed.
pub(super) async fn run(args: AddArgs) -> anyhow::Result<()> {
    let mut cloud = args.at.make().await?;
    let added = add(&args, &mut cloud).await;
    cloud.close().await;
    added
}

async fn add(args: &AddArgs, cloud: &mut Cloud) -> anyhow::Result<()> {
    let (ca, issuer) = match cloud {
        Cloud::Here(opened) => {
            let folder = Folder::open(&args.at.place.data)?;
            let authority = Authority::open(folder.path(), opened.ports.clock.now())?;
            let mqtt_host = mqtt_host(args, &folder);
            (Some(authority.pem().to_owned()), Issuer::Here { opened, authority: Box::new(authority), mqtt_host })
        }
        Cloud::There(api) => {
            let read = |file: &Path| fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()));
            (api.ca().map(read).transpose()?, Issuer::There(api))
        }
    };
    let out = prepare(&args.out, ca.as_deref())?;
    let mut maker = Maker { args, issuer, out: &out };
    let mut progress = Progress::new(args.count);
    let mut last: Option<Made> = None;
    for made in 0..args.count {
        let made_now = match maker.make().await {
            Ok(made) => made,
            Err(error) if made == 0 => return Err(error),
            Err(error) => {
                progress.end();
                return Err(error.context(format!("{made} of {} nodes were added and are good; then it failed", args.count)));
            }
        };
        if args.json {
            let Made { node, folder, mqtt_host } = &made_now;
            say::json(&json!({ "node_id": node.as_str(), "folder": folder, "mqtt_host": mqtt_host }))?;
        } else {
            progress.tell(made + 1);
        }
        last = Some(made_now);
    }
    progress.end();
    if let (Some(last), false) = (last, args.json) {
        say::line(summary(args, &out, &last, ca.is_some()))?;
    }
    Ok(())
}

fn summary(args: &AddArgs, out: &Path, Made { folder: last, mqtt_host, .. }: &Made, with_ca: bool) -> String {
    let ca = if with_ca { "  ../ca.crt            the CA by which it knows this cloud\n" } else { "" };
    let program = std::env::args().next().unwrap_or_else(|| "raincloud".to_owned());
    let what = match args.count {
        1 => format!("One node is registered: {}", last.display()),
        count => format!("{count} nodes are registered, each with a folder in {}", out.display()),
    };
    format!(
        "{what}\n\n  node.crt, node.key   its certificate and key\n  node_info.csv        the input of Espressif's NVS partition generator, for its flash\n\
         {ca}\nIt will connect to {mqtt_host}. Try it as a simulated device:\n\n  \
         {program} node --credentials {}\n",
        last.display()
    )
}

/// The name that nodes connect to: what the settings say, or what the server was last called.
fn mqtt_host(args: &AddArgs, folder: &Folder) -> String {
    match args.names.hosts.first().cloned().or_else(|| ServerCertificate::first_name(folder.path())) {
        Some(host) => host.to_string(),
        None => args.names.mqtt_host().to_owned(),
    }
}

/// Makes the folder and puts the CA, if it is known, there. A CA that is there already must be ours.
fn prepare(out: &Path, authority: Option<&str>) -> anyhow::Result<PathBuf> {
    let cannot = || format!("cannot write to {}", out.display());
    files::make_folder(out).with_context(cannot)?;
    let out = out.canonicalize().with_context(cannot)?;
    let Some(authority) = authority else { return Ok(out) };
    let ca = out.join("ca.crt");
    match files::create(&ca, authority.as_bytes(), Readers::All) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let there = fs::read_to_string(&ca).with_context(|| format!("cannot read {}", ca.display()))?;
            if there != authority {
                bail!("{} is the certificate of another CA: choose another folder with --out", ca.display());
            }
        }
        created => created.with_context(cannot)?,
    }
    Ok(out)
}

/// Who signs.
enum Issuer<'a> {
    /// The CA in the data folder.
    Here { opened: &'a Opened, authority: Box<Authority>, mqtt_host: String },
    /// The cloud behind its API.
    There(&'a mut Api),
}

struct Maker<'a> {
    args: &'a AddArgs,
    issuer: Issuer<'a>,
    out: &'a Path,
}

/// A node that is whole.
struct Made {
    node: NodeId,
    folder: PathBuf,
    mqtt_host: String,
}

impl Maker<'_> {
    async fn make(&mut self) -> anyhow::Result<Made> {
        let node: NodeId = RandomIds.id().parse()?;
        match &mut self.issuer {
            Issuer::Here { opened, authority, mqtt_host } => {
                let ports = &opened.ports;
                let issued = authority.node(&node, self.args.key, ports.clock.now())?;
                let folder = write(self.out, &node, &issued.certificate_pem, &issued.key_pem, mqtt_host)?;
                let grant = Grant::trusted_because("the owner adds a node", node.clone());
                if let Err(error) = certificate::register(ports, &grant, &NewCertificate::of(issued.certificate.to_vec())).await {
                    // Credentials that open nothing would only mislead.
                    let _ = fs::remove_dir_all(&folder);
                    return Err(error).context(format!("node {node} can't be registered"));
                }
                Ok(Made { node, folder, mqtt_host: mqtt_host.clone() })
            }
            Issuer::There(api) => {
                let pair = Pair::make(self.args.key)?;
                let request = json!({ "csr": pair.request(node.as_str())? });
                let answer = api.call(Method::POST, "/v1/admin/nodes", Some(&request)).await?;
                let text = |key: &str| answer[key].as_str().map(str::to_owned).with_context(|| format!("the answer has no {key}"));
                let told = text("mqtt_host")?;
                let mqtt_host = self.args.names.hosts.first().map_or(told, ToString::to_string);
                match write(self.out, &node, &text("certificate")?, &pair.pem, &mqtt_host) {
                    Ok(folder) => Ok(Made { node, folder, mqtt_host }),
                    Err(error) => {
                        // Nobody has its credentials.
                        let _ = revoke_there(api, &node).await;
                        Err(error)
                    }
                }
            }
        }
    }
}

fn write(out: &Path, node: &NodeId, certificate_pem: &str, key_pem: &str, mqtt_host: &str) -> anyhow::Result<PathBuf> {
    let mut random = [0; RANDOM];
    SystemRandom::new().fill(&mut random).map_err(|_| anyhow::anyhow!("the system gave no random bytes"))?;
    let credentials = Credentials { node: node.as_str(), certificate_pem, key_pem, mqtt_host, random: &random };
    credentials.write(out).with_context(|| format!("cannot write to {}", out.display()))
}

/// Tells how far it is, to a terminal, if it takes long.
struct Progress {
    count: u32,
    told: Instant,
    any: bool,
    terminal: bool,
}

impl Progress {
    fn new(count: u32) -> Self {
        Self { count, told: Instant::now(), any: false, terminal: io::stderr().is_terminal() }
    }

    fn tell(&mut self, made: u32) {
        use io::Write as _;
        if self.terminal && self.told.elapsed() >= TELL_EVERY {
            let _ = write!(io::stderr().lock(), "\r{made} of {} nodes", self.count);
            (self.told, self.any) = (Instant::now(), true);
        }
    }

    fn end(&mut self) {
        if std::mem::take(&mut self.any) {
            say::note("");
        }
    }
}
