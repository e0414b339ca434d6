//! `raincloud serve`: everything in one process.

use std::{fs::File, future::Future, num::NonZeroU32, sync::Arc, time::Duration};

use anyhow::Context as _;
use axum::Router;
use broker::{Broker, Limits, QoS};
use embedded::{clock::SystemClock, fleet::BrokerFleet, sqlite::SqliteTable};
use shared::{
    Ports,
    node::certificate,
    port::{Rules, clock::Clock as _},
};
use tokio::net::TcpListener;
use web::{App, throttle::Throttle};

use crate::{
    ca::{self, Authority, ServerCertificate},
    folder::Folder,
    front::{self, Front, Speaks},
    hooks::NodeHooks,
    open_files, revocations, say,
    settings::{Port, Settings},
    signals::Stop,
    tls::{Registry, Serves, Tls},
    welcome::Welcome,
    wiring,
};

/// How long requests and nodes have to come to an end.
const ENDING: Duration = Duration::from_secs(4);
/// How long the database has.
const CLOSING: Duration = Duration::from_secs(4);
/// After this a step that lasts is named, so that nobody wonders.
const LONG: Duration = Duration::from_secs(2);

/// What `serve` takes.
#[derive(clap::Args, Clone, Debug)]
pub struct ServeArgs {
    /// The settings.
    #[command(flatten)]
    pub settings: Settings,

    /// Say in JSON, in one line, what is served
    #[arg(long)]
    pub json: bool,
}

/// Serves until a signal comes.
pub async fn run(args: ServeArgs) -> anyhow::Result<()> {
    let ServeArgs { settings, json } = args;
    let mut stop = Stop::on_signals()?;
    let server = tokio::select! {
        started = Server::start(&settings) => started?,
        () = stop.wait() => return Ok(()),
    };
    let welcome = server.welcome(&settings);
    // Nodes are served whether or not somebody reads this.
    let told = if json { say::json(&welcome.json()) } else { say::line(welcome.text()) };
    if let Err(error) = told {
        tracing::info!(%error, "nobody reads what is printed");
    }
    stop.wait().await;
    tracing::info!("stopping; a second signal ends at once");
    stop.end_at_next();
    server.stop().await;
    Ok(())
}

/// What runs.
struct Server {
    folder: Folder,
    _serving: File,
    again: bool,
    sockets: Sockets,
    front: Front,
    table: Arc<SqliteTable>,
    watch: tokio::task::JoinHandle<()>,
}

impl Server {
    async fn start(settings: &Settings) -> anyhow::Result<Self> {
        let folder = Folder::make(&settings.place.data)?;
        let serving = folder.serve()?;
        let listeners = Listeners::open(settings)?;
        let sockets = listeners.addresses()?;
        let now = SystemClock.now();
        let authority = Authority::open(folder.path(), now)?;
        let names = ca::all_names(&settings.names.hosts, settings.bind);
        let certificate = ServerCertificate::open(folder.path(), &authority, &names, now)?;
        if certificate.new && !authority.is_new() {
            tracing::info!("the server has a new certificate");
        }
        let again = folder.database().exists();
        let table = patiently("opening the database", wiring::open_table(folder.database())).await?;
        let registry: Arc<Registry> = {
            let table = Arc::clone(&table);
            Arc::new(move |fingerprint| {
                let record = table.get_now(&certificate::fingerprint_key(fingerprint)).map_err(|error| error.to_string())?;
                Ok(record.as_ref().and_then(certificate::read))
            })
        };
        let tls = Tls::new(certificate, registry).context("the server's certificate can't be used")?;

        let max_nodes = room_for_nodes(settings);
        let hooks = Arc::new(NodeHooks::new(SystemClock.now_ms()));
        let broker = Broker::new(Arc::clone(&hooks) as Arc<_>, limits(max_nodes));
        let fleet = Arc::new(BrokerFleet::new(broker.clone(), &SystemClock));
        let rules = Rules { desired_seconds: settings.desired_seconds };
        let ports = wiring::ports(&folder, Arc::clone(&table), fleet, rules)?;
        let app = app(ports.clone(), settings);
        hooks.begin(app.clone());

        let front = Front::new(router(app), broker, max_nodes, settings.max_http as usize);
        listeners.open_to(&front, &tls);
        let watch = tokio::spawn(revocations::watch(ports));
        Ok(Self { folder, _serving: serving, again, sockets, front, table, watch })
    }

    fn welcome(&self, settings: &Settings) -> Welcome {
        let data = &settings.place.data;
        Welcome {
            program: std::env::args().next().unwrap_or_else(|| "raincloud".to_owned()),
            names: settings.names.clone(),
            bind: settings.bind,
            http: self.sockets.http,
            https: self.sockets.https,
            mqtts: self.sockets.mqtts,
            data: self.folder.path().to_owned(),
            ca: self.folder.ca(),
            data_flag: if data.as_os_str() == "./raincloud-data" { String::new() } else { format!(" --data {}", data.display()) },
            again: self.again,
        }
    }

    /// What was acknowledged is on disk already; this also ends what is under way, in order.
    async fn stop(self) {
        self.front.close(ENDING).await;
        self.watch.abort();
        if tokio::time::timeout(CLOSING, self.table.close()).await.is_err() {
            tracing::warn!("the database did not close in time; what was acknowledged is safe");
        }
    }
}

/// As many nodes as are set, or as there are open files for beside all else.
fn room_for_nodes(settings: &Settings) -> usize {
    let beside = u64::from(settings.max_http) + front::HANDSHAKES as u64;
    let room = open_files::raise(u64::from(settings.max_nodes) + beside);
    usize::try_from(room.saturating_sub(beside)).unwrap_or(usize::MAX).max(1)
}

/// Like IoT Core, which ends a connection that publishes with `QoS` 2. Nothing is retained: a retained write
/// would be done again at each reconnect (contract `mqtt-and-node.md` §1.3).
fn limits(max_nodes: usize) -> Limits {
    Limits { connections: max_nodes, max_qos: QoS::AtLeastOnce, retained_messages: 0, ..Limits::default() }
}

fn app(ports: Ports, settings: &Settings) -> App {
    let host = settings.names.mqtt_host().to_owned();
    let app = App::new(ports, web::Settings { mqtt_host: host.clone(), mqtt_cred_host: host });
    match NonZeroU32::new(settings.attempts_per_minute) {
        Some(tries) => app.throttled(Throttle::per_minute(tries)),
        None => app,
    }
}

/// Every route, as the socket serves it.
pub fn router(app: App) -> Router {
    web::door::finish(web::openapi::published(user::routes().merge(::node::routes())).router(app))
}

/// Says what takes long, once it does.
async fn patiently<T>(what: &str, step: impl Future<Output = T>) -> T {
    let mut step = std::pin::pin!(step);
    if let Ok(done) = tokio::time::timeout(LONG, step.as_mut()).await {
        return done;
    }
    say::note(format_args!("{what} takes a while ..."));
    step.await
}

/// The sockets that are listened on.
struct Listeners {
    http: Option<TcpListener>,
    https: Option<TcpListener>,
    mqtts: Option<TcpListener>,
}

/// Their addresses.
struct Sockets {
    http: Option<std::net::SocketAddr>,
    https: Option<std::net::SocketAddr>,
    mqtts: Option<std::net::SocketAddr>,
}

impl Listeners {
    fn open(settings: &Settings) -> anyhow::Result<Self> {
        for (one, other, flags) in [
            (settings.http, settings.https, "--http and --https"),
            (settings.http, settings.mqtts, "--http and --mqtts"),
            (settings.https, settings.mqtts, "--https and --mqtts"),
        ] {
            anyhow::ensure!(one != other || matches!(one, Port::Off | Port::At(0)), "{flags} name the same port");
        }
        let listen = |port, flag| match port {
            Port::Off => Ok(None),
            Port::At(port) => front::listen(settings.bind, port, flag).map(Some),
        };
        let http = listen(settings.http, "--http")?;
        let https = listen(settings.https, "--https")?;
        let mqtts = listen(settings.mqtts, "--mqtts")?;
        anyhow::ensure!(http.is_some() || https.is_some() || mqtts.is_some(), "all ports are off: there is nothing to serve");
        Ok(Self { http, https, mqtts })
    }

    fn addresses(&self) -> anyhow::Result<Sockets> {
        let address = |listener: &Option<TcpListener>| listener.as_ref().map(TcpListener::local_addr).transpose();
        Ok(Sockets { http: address(&self.http)?, https: address(&self.https)?, mqtts: address(&self.mqtts)? })
    }

    fn open_to(self, front: &Front, tls: &Tls) {
        let https = Speaks::Tls(tls.clone(), Serves::HttpAndMqtt);
        let mqtts = Speaks::Tls(tls.clone(), Serves::Mqtt);
        for (listener, speaks) in [(self.http, Speaks::Plain), (self.https, https), (self.mqtts, mqtts)] {
            if let Some(listener) = listener {
                front.open(listener, speaks);
            }
        }
    }
}
