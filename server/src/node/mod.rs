//! `raincloud node`: a simulated device that behaves on the wire like one with the public ESP RainMaker firmware.
//!
//! From the outside in:
//! * this file: the options and the loop of connecting, working and waiting;
//! * `network`, `credentials`: the way to the broker;
//! * `client`, `outbox`: MQTT with the device's habits, of use to any other client too;
//! * `agent`, `budget`: what the firmware does and when;
//! * `model`, `services`, `lists`, `zone`, `commands`: what the node is, and what it does with what it is told;
//! * `dialect`: the device's JSON; `state`: what it remembers; `say`: what it prints.

mod agent;
mod budget;
pub(crate) mod client;
mod commands;
mod credentials;
mod dialect;
mod lists;
mod model;
mod network;
pub(crate) mod outbox;
mod say;
mod services;
mod state;
mod zone;

use std::future::Future;
use std::io::{BufRead as _, IsTerminal as _};
use std::path::PathBuf;
use std::pin::{Pin, pin};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use agent::{Agent, Setup};
use credentials::Credentials;
use model::Product;
use network::{Failure, Network};
use say::{Event, Say};
use state::{Mapping, Memory};

const PORT: u16 = 8883;
const PORT_WITH_ALPN: u16 = 8443;
/// From a reboot to the next attempt to connect.
const BOOT: Duration = Duration::from_secs(2);
/// How long the goodbye may take.
const GOODBYE: Duration = Duration::from_secs(2);

/// Run a simulated device, to try the cloud without hardware.
///
/// The device connects with its own certificate, tells what it is, does what it is told and remembers it in
/// `state.json` in its folder. If a terminal is attached, a line such as `Light.Power=true` works like a button on it.
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch on the command line")]
pub(crate) struct NodeArgs {
    /// Folder with the node's certificate and key, `node.crt` and `node.key`
    #[arg(long, value_name = "DIR")]
    credentials: PathBuf,

    /// What kind of product it is
    #[arg(long = "type", value_name = "TYPE", value_enum, default_value_t = Product::Light)]
    product: Product,

    /// Ask the cloud once to belong to this user, who asked for it with the same secret
    #[arg(long, value_name = "USER_ID:SECRET")]
    map: Option<Mapping>,

    /// Ask with `--map` that everybody else loses the node
    #[arg(long, requires = "map")]
    reset: bool,

    /// Host of the cloud's broker [default: what the folder says, else localhost]
    #[arg(long)]
    host: Option<String>,

    /// Port of the cloud's broker [default: 8883, with --alpn 8443]
    #[arg(long)]
    port: Option<u16>,

    /// Certificate of the CA of the broker [default: `ca.crt` in the folder or in the one above]
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,

    /// Offer the protocol `x-amzn-mqtt-ca`, as a device does where HTTPS and MQTT share a port
    #[arg(long)]
    alpn: bool,

    /// Publish to `node/...` instead of `$aws/rules/<rule>/node/...`
    #[arg(long)]
    plain_topics: bool,

    /// Firmware version that the node says it runs
    #[arg(long, value_name = "VERSION", default_value = "1.0")]
    fw_version: String,

    /// Seconds from a lost connection to the next try
    #[arg(long, value_name = "N", default_value_t = 10)]
    reconnect_seconds: u64,

    /// Seconds from one report of a sensor to the next
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    report_seconds: u64,

    /// Print one JSON object a line, for programs
    #[arg(long)]
    json: bool,

    /// Take lines such as `Light.Power=true` from standard input even if it is no terminal
    #[arg(long)]
    stdin: bool,
}

/// Runs a simulated node until it is told to stop.
pub(crate) async fn run(args: NodeArgs) -> anyhow::Result<()> {
    let credentials = Credentials::load(&args.credentials, args.ca.as_deref(), args.alpn)?;
    let host = args.host.or_else(|| credentials::host(&args.credentials)).unwrap_or_else(|| "localhost".to_owned());
    let port = args.port.unwrap_or(if args.alpn { PORT_WITH_ALPN } else { PORT });
    let network = Network::new(host, port, credentials.tls)?;
    let say = Say::new(&credentials.node_id, args.json);
    let setup = Setup {
        node_id: credentials.node_id,
        product: args.product,
        fw_version: args.fw_version,
        plain_topics: args.plain_topics,
        measure_every: Duration::from_secs(args.report_seconds),
    };
    let request = args.map.map(|mapping| (mapping, args.reset));
    let mut around = Around::new(args.stdin || std::io::stdin().is_terminal())?;
    let mut agent = Agent::new(setup, say, Memory::new(&args.credentials), request)?;
    agent.keep();
    agent.tell(&Event::Starting { product: args.product.name(), server: &network.to_string() });

    let wait = Duration::from_secs(args.reconnect_seconds);
    loop {
        let pause = match session(&mut agent, &mut around, &network).await {
            Ok(Failure { kind, reason }) => {
                agent.tell(&Event::Waiting { seconds: wait.as_secs(), kind, reason: &reason });
                wait
            }
            Err(Interrupt::Restart) => BOOT,
            Err(Interrupt::Stop) => break,
        };
        if let Err(Interrupt::Stop) = around.during(&mut agent, sleep(pause)).await {
            break;
        }
    }
    agent.keep();
    agent.tell(&Event::Stopped);
    Ok(())
}

/// Why work is broken off.
enum Interrupt {
    /// The node starts again.
    Restart,
    /// The program ends.
    Stop,
}

/// One connection from the attempt to its end.
async fn session(agent: &mut Agent, around: &mut Around, network: &Network) -> Result<Failure, Interrupt> {
    let hello = agent.hello();
    let mut link = match around.during(agent, network.connect(hello)).await? {
        Ok(link) => link,
        Err(failure) => return Ok(failure),
    };
    agent.connected(&network.to_string());
    loop {
        let wake = agent.wake();
        tokio::select! {
            event = link.next(&mut agent.outbox) => match event {
                Ok(event) => agent.happened(event),
                Err(ended) => {
                    let failure = network.failure(&ended);
                    agent.tell(&Event::Disconnected { kind: failure.kind, reason: &failure.reason });
                    return Ok(failure);
                }
            },
            happening = around.next(wake) => match happening.work(agent) {
                Ok(()) => {}
                // A reboot tears the connection down without a word, as on the device.
                Err(Interrupt::Restart) => return Err(Interrupt::Restart),
                Err(Interrupt::Stop) => {
                    let goodbye = timeout(GOODBYE, link.close()).await;
                    let reason = if matches!(goodbye, Ok(Ok(()))) { "stopped" } else { "stopped without a goodbye" };
                    agent.tell(&Event::Disconnected { kind: "stopped", reason });
                    return Err(Interrupt::Stop);
                }
            },
        }
    }
}

/// Something that happens around the node.
enum Happening {
    Line(String),
    Timer,
    Stop,
}

impl Happening {
    fn work(self, agent: &mut Agent) -> Result<(), Interrupt> {
        match self {
            Self::Line(line) => agent.line(&line),
            Self::Timer if agent.tick() => return Err(Interrupt::Restart),
            Self::Timer => {}
            Self::Stop => return Err(Interrupt::Stop),
        }
        Ok(())
    }
}

/// What surrounds the node: a person at the keyboard, the system, time.
struct Around {
    lines: mpsc::Receiver<String>,
    stop: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Around {
    fn new(listen: bool) -> anyhow::Result<Self> {
        let (sender, lines) = mpsc::channel(16);
        if listen {
            // A thread of its own, as a blocked read must not hold up the end of the program.
            std::thread::Builder::new().name("stdin".to_owned()).spawn(move || {
                for line in std::io::stdin().lock().lines().map_while(Result::ok) {
                    if sender.blocking_send(line).is_err() {
                        break;
                    }
                }
            })?;
        }
        Ok(Self { lines, stop: stop_signal()? })
    }

    /// The next thing that happens. May be dropped and called again.
    async fn next(&mut self, wake: Option<Instant>) -> Happening {
        tokio::select! {
            () = &mut self.stop => Happening::Stop,
            Some(line) = self.lines.recv() => Happening::Line(line),
            () = sleep_until(wake.unwrap_or_else(Instant::now)), if wake.is_some() => Happening::Timer,
        }
    }

    /// Waits for something, and lets the node work meanwhile.
    async fn during<T>(&mut self, agent: &mut Agent, work: impl Future<Output = T>) -> Result<T, Interrupt> {
        let mut work = pin!(work);
        loop {
            let wake = agent.wake();
            tokio::select! {
                done = &mut work => return Ok(done),
                happening = self.next(wake) => happening.work(agent)?,
            }
        }
    }
}

#[cfg(unix)]
fn stop_signal() -> anyhow::Result<Pin<Box<dyn Future<Output = ()> + Send>>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(Box::pin(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    }))
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "installing a handler can fail elsewhere")]
fn stop_signal() -> anyhow::Result<Pin<Box<dyn Future<Output = ()> + Send>>> {
    Ok(Box::pin(async {
        let _ = tokio::signal::ctrl_c().await;
    }))
}
