//! `raincloud serve`: everything in one process.

use std::{fs::File, future::Future, num::NonZeroU32, sync::Arc, time::Duration};

use anyhow::Context as _;
use axum::Router;
use broker::{Broker, Limits, QoS};
use builtin::clock::SystemClock;
use embedded::{files::Files, fleet::BrokerFleet, sqlite::SqliteTable};
use shared::{
    Ports,
    node::certificate,
    port::{Rules, clock::Clock as _},
};
use web::{App, throttle::Throttle};

use crate::{
    acme::{self, Tokens},
    blobs,
    folder::Folder,
    front::{self, Front},
    hooks::NodeHooks,
    leaving,
    logging::Said,
    metrics::{self, Looks, Metrics},
    open_files,
    reach::{self, Reach},
    revocations, say,
    settings::{Settings, Switch},
    sign_in,
    signals::Stop,
    sockets::{Listeners, Sockets},
    tls::{Registry, Tls},
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
pub async fn run(args: ServeArgs, said: Arc<Said>) -> anyhow::Result<()> {
    let ServeArgs { settings, json } = args;
    let mut stop = Stop::on_signals()?;
    let (server, welcome) = tokio::select! {
        started = Server::start(&settings, said) => started?,
        () = stop.wait() => return Ok(()),
    };
    // Nodes are served whether or not somebody reads this.
    let told = if json { say::json(&welcome.json()) } else { say::line(welcome.text()) };
    if let Err(error) = told {
        tracing::info!(%error, "nobody reads what is printed");
    }
    stop.wait().await;
    tracing::info!("stopping; a second signal ends at once");
    stop.end_at_next();
    server.stop().await;
    tracing::info!("stopped");
    Ok(())
}

/// What runs.
struct Server {
    _serving: File,
    front: Front,
    reach: reach::Kept,
    table: Arc<SqliteTable>,
    watches: Vec<tokio::task::JoinHandle<()>>,
}

impl Server {
    async fn start(settings: &Settings, said: Arc<Said>) -> anyhow::Result<(Self, Welcome)> {
        let folder = Folder::make(&settings.place.data)?;
        let serving = folder.serve()?;
        let listeners = Listeners::open(settings)?;
        let sockets = listeners.addresses()?;
        let reach = Reach::open(settings, &folder, &sockets, SystemClock.now()).await?;
        let metrics = Arc::new(Metrics::default());
        let again = folder.database().exists();
        let table = patiently("opening the database", wiring::open_table(folder.database())).await?;
        let registry: Arc<Registry> = {
            let table = Arc::clone(&table);
            Arc::new(move |fingerprint| {
                let record = table.get_now(&certificate::fingerprint_key(fingerprint)).map_err(|error| error.to_string())?;
                Ok(record.as_ref().and_then(certificate::read))
            })
        };
        let tls = Tls::new(&reach.certificates, registry).context("TLS can't be served")?;

        let max_nodes = room_for_nodes(settings);
        let hooks = Arc::new(NodeHooks::new(SystemClock.now_ms()));
        let counted = metrics::hooks::Measured { inner: Arc::clone(&hooks), metrics: Arc::clone(&metrics) };
        let broker = Broker::new(Arc::new(counted), limits(max_nodes));
        let fleet = Arc::new(BrokerFleet::new(broker.clone(), reach.names.mqtt_host().to_owned(), &SystemClock));
        let (mail, delivery) = wiring::mail(&folder, settings)?;
        let welcome = welcome(settings, &folder, &sockets, &reach, again);
        let base = settings.public_url.0.as_ref().map(|url| url.as_str().to_owned()).or_else(|| welcome.url());
        let blobs = wiring::blobs(&folder, base)?;
        blobs.sweep().await.context("the blobs cannot be read")?;
        let providers = sign_in::providers(settings, &(Arc::new(SystemClock) as _))?;
        let (ports, meter) = wiring::measured_ports(Arc::clone(&table), blobs.clone(), mail, providers, fleet, rules(settings)?, &metrics);
        let (events, webhook) = wiring::events(settings)?;
        let ports = Ports { events, ..ports };
        // Tokens are checked by it from the first request on; a database of an earlier version has none yet.
        ports.identity.public_keys().await.context("the key that signs tokens cannot be read")?;
        let app = app(ports.clone(), settings);
        hooks.begin(app.clone());

        let looks = Looks {
            broker: broker.clone(),
            table: Arc::clone(&table),
            certificates: Arc::clone(&reach.certificates),
            meter,
            counts: Arc::clone(&app.counts),
            said,
            folder: folder.clone(),
        };
        let page = metrics.router(looks);
        let api = metrics::http::measured(served(app, blobs, reach.tokens()), Arc::clone(&metrics));
        let front = Front::new(api, broker, max_nodes, settings.max_http as usize, metrics);
        listeners.open_to(&front, &tls, page);
        sockets.log();
        let reach = reach.keep(&sockets);
        let mut watches = vec![tokio::spawn(revocations::watch(ports.clone())), tokio::spawn(leaving::watch(ports.clone()))];
        watches.extend(delivery.map(|delivery| tokio::spawn(delivery.run())));
        watches.extend(webhook.map(|webhook| tokio::spawn(webhook.run(ports))));
        Ok((Self { _serving: serving, front, reach, table, watches }, welcome))
    }

    /// What was acknowledged is on disk already; this also ends what is under way, in order.
    async fn stop(self) {
        tokio::join!(self.front.close(ENDING), self.reach.stop());
        self.watches.iter().for_each(tokio::task::JoinHandle::abort);
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

fn rules(settings: &Settings) -> anyhow::Result<Rules> {
    Ok(Rules {
        desired_seconds: settings.desired_seconds,
        history: settings.node_history == Switch::On,
        guest_days: settings.guest_days.0,
        claims_per_user: settings.claims_per_user,
        oauth: Arc::new(sign_in::oauth(settings)?),
    })
}

fn welcome(settings: &Settings, folder: &Folder, sockets: &Sockets, reach: &Reach, again: bool) -> Welcome {
    let data = &settings.place.data;
    Welcome {
        program: std::env::args().next().unwrap_or_else(|| "raincloud".to_owned()),
        names: reach.names.clone(),
        public: reach.public.clone(),
        lan: reach.lan.clone(),
        bind: sockets.ip().unwrap_or(settings.bind),
        http: sockets.http,
        https: sockets.https,
        mqtts: sockets.mqtts,
        metrics: sockets.metrics,
        data: folder.path().to_owned(),
        ca: folder.ca(),
        data_flag: if data.as_os_str() == "./raincloud-data" { String::new() } else { format!(" --data {}", data.display()) },
        again,
    }
}

fn app(ports: Ports, settings: &Settings) -> App {
    let app = App::new(ports);
    match NonZeroU32::new(settings.attempts_per_minute) {
        Some(tries) => app.throttled(Throttle::per_minute(tries)),
        None => app,
    }
}

/// Every route, as the socket serves it: the API, what signed URLs of blobs lead to, and what an authority is answered
/// while it checks whose a name is.
fn served(app: App, files: Arc<Files>, tokens: Option<Tokens>) -> Router {
    let routes = user::routes().merge(::node::routes()).merge(access::routes()).merge(ota::routes());
    let router = web::openapi::published(routes).router(app.clone()).merge(blobs::router(files));
    web::door::finish(match tokens {
        Some(tokens) => router.merge(acme::router(tokens, app)),
        None => router,
    })
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
