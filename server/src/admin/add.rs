//! `raincloud admin node add`.

use std::{
    fs, io,
    io::IsTerminal as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use ring::rand::{SecureRandom as _, SystemRandom};
use serde_json::json;
use shared::{
    access::Grant,
    id::NodeId,
    node::certificate::{self, NewCertificate},
};

use super::{
    Opened,
    credentials::{Credentials, RANDOM},
};
use crate::{
    ca::{Authority, KeyKind, ServerCertificate},
    files::{self, Readers},
    folder::Folder,
    say,
    settings::{Names, Place},
};

/// How often progress is told.
const TELL_EVERY: Duration = Duration::from_millis(500);

/// What `admin node add` takes.
#[derive(clap::Args, Debug)]
pub(crate) struct AddArgs {
    #[command(flatten)]
    place: Place,

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
    let folder = Folder::make(&args.place.data)?;
    let opened = Opened::new(&folder).await?;
    let added = add(&args, &folder, &opened).await;
    opened.close().await;
    added
}

async fn add(args: &AddArgs, folder: &Folder, opened: &Opened) -> anyhow::Result<()> {
    let authority = Authority::open(folder.path(), opened.ports.clock.now())?;
    let out = prepare(&args.out, &authority)?;
    let mqtt_host = mqtt_host(args, folder);
    let maker = Maker { args, opened, authority: &authority, out: &out, mqtt_host: &mqtt_host };
    let mut progress = Progress::new(args.count);
    let mut last = None;
    for made in 0..args.count {
        let (node, credentials) = match maker.make().await {
            Ok(made) => made,
            Err(error) if made == 0 => return Err(error),
            Err(error) => {
                progress.end();
                return Err(error.context(format!("{made} of {} nodes were added and are good; then it failed", args.count)));
            }
        };
        if args.json {
            let json = json!({ "node_id": node.as_str(), "folder": credentials, "mqtt_host": mqtt_host });
            say::json(&json)?;
        } else {
            progress.tell(made + 1);
        }
        last = Some(credentials);
    }
    progress.end();
    if let (Some(last), false) = (last, args.json) {
        say::line(summary(args, &out, &mqtt_host, &last))?;
    }
    Ok(())
}

fn summary(args: &AddArgs, out: &Path, mqtt_host: &str, last: &Path) -> String {
    let program = std::env::args().next().unwrap_or_else(|| "raincloud".to_owned());
    let what = match args.count {
        1 => format!("One node is registered: {}", last.display()),
        count => format!("{count} nodes are registered, each with a folder in {}", out.display()),
    };
    format!(
        "{what}\n\n  node.crt, node.key   its certificate and key\n  node_info.csv        the input of Espressif's NVS partition generator, for its flash\n  \
         ../ca.crt            the CA by which it knows this cloud\n\nIt will connect to {mqtt_host}. Try it as a simulated device:\n\n  \
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

/// Makes the folder and puts the CA there. A CA that is there already must be ours.
fn prepare(out: &Path, authority: &Authority) -> anyhow::Result<PathBuf> {
    let cannot = || format!("cannot write to {}", out.display());
    files::make_folder(out).with_context(cannot)?;
    let out = out.canonicalize().with_context(cannot)?;
    let ca = out.join("ca.crt");
    match files::create(&ca, authority.pem().as_bytes(), Readers::All) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let there = fs::read_to_string(&ca).with_context(|| format!("cannot read {}", ca.display()))?;
            if there != authority.pem() {
                bail!("{} is the certificate of another CA: choose another folder with --out", ca.display());
            }
        }
        created => created.with_context(cannot)?,
    }
    Ok(out)
}

struct Maker<'a> {
    args: &'a AddArgs,
    opened: &'a Opened,
    authority: &'a Authority,
    out: &'a Path,
    mqtt_host: &'a str,
}

impl Maker<'_> {
    async fn make(&self) -> anyhow::Result<(NodeId, PathBuf)> {
        let ports = &self.opened.ports;
        let node: NodeId = ports.ids.id().parse()?;
        let issued = self.authority.node(&node, self.args.key, ports.clock.now())?;
        let mut random = [0; RANDOM];
        SystemRandom::new().fill(&mut random).map_err(|_| anyhow::anyhow!("the system gave no random bytes"))?;
        let credentials = Credentials {
            node: node.as_str(),
            certificate_pem: &issued.certificate_pem,
            key_pem: &issued.key_pem,
            mqtt_host: self.mqtt_host,
            random: &random,
        };
        let folder = credentials.write(self.out).with_context(|| format!("cannot write to {}", self.out.display()))?;
        let grant = Grant::trusted_because("the owner adds a node", node.clone());
        if let Err(error) = certificate::register(ports, &grant, &NewCertificate::of(issued.certificate.to_vec())).await {
            // Credentials that open nothing would only mislead.
            let _ = fs::remove_dir_all(&folder);
            return Err(error).context(format!("node {node} can't be registered"));
        }
        Ok((node, folder))
    }
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
