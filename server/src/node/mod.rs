//! `raincloud node`: a simulated device that behaves on the wire like one with the public ESP RainMaker firmware.
//!
//! From the outside in:
//! * `options`: the command line; this file: the loop of connecting, working and waiting; `around`: what happens meanwhile;
//! * `claim`: how it gets credentials; `network`, `credentials`: the way to the broker with them;
//! * `client`, `outbox`: MQTT with the device's habits, of use to any other client too;
//! * `agent`, `budget`: what the firmware does and when; `misbehave`: what it would never do;
//! * `signer`, `on_network`: how it proves who it is to somebody who stands in front of it;
//! * `model`, `services`, `lists`, `zone`, `commands`: what the node is, and what it does with what it is told;
//! * `dialect`: the device's JSON; `state`: what it remembers; `say`: what it prints.

mod agent;
mod around;
mod budget;
mod claim;
pub(crate) mod client;
mod commands;
mod credentials;
mod dialect;
mod lists;
mod misbehave;
mod model;
mod network;
mod on_network;
mod options;
pub(crate) mod outbox;
mod say;
mod services;
mod signer;
mod state;
mod zone;

use std::io::IsTerminal as _;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use agent::{Again, Agent, Setup};
pub(crate) use claim::Pair;

use around::{Around, Interrupt};
use credentials::Identity;
use misbehave::{Misbehaviour, Unruly};
use network::{Connection, Failure, Network};
pub(crate) use options::NodeArgs;
use options::Stated;
use say::{Event, Say};
use services::{Extras, Things};
use state::Memory;

const PORT: u16 = 8883;
const PORT_WITH_ALPN: u16 = 8443;
/// From a reboot to the next attempt to connect.
const BOOT: Duration = Duration::from_secs(2);
/// How long the goodbye may take.
const GOODBYE: Duration = Duration::from_secs(2);

/// Runs a simulated node until it is told to stop.
pub(crate) async fn run(args: NodeArgs) -> anyhow::Result<()> {
    let claimed = claim::claim(&args).await?;
    let identity = Identity::load(&args.credentials)?;
    let memory = Memory::new(&args.credentials);
    let extras = Extras { groups: args.groups, connectivity: args.connectivity };
    if let Some(challenge) = &args.challenge {
        return print_answer(&identity, challenge, args.json);
    }
    if let Some(stated) = args.sign_state {
        return print_state(&identity, &args, &Things::new(args.product, extras, &memory.load()?), stated);
    }
    let host = args.host.or_else(|| credentials::host(&args.credentials)).unwrap_or_else(|| "localhost".to_owned());
    let port = args.port.unwrap_or(if args.alpn { PORT_WITH_ALPN } else { PORT });
    let network = Network::new(host, port, identity.tls(args.ca.as_deref(), args.alpn)?)?;
    let say = Say::new(&identity.node_id, args.json);
    if let Some(mqtt_host) = &claimed {
        say.tell(&Event::Claimed { mqtt_host });
    }
    if let Some(address) = args.on_network {
        let security = on_network::security(args.sec_ver, args.pop, &args.credentials)?;
        on_network::start(address, security, identity.signer()?, say.clone()).await?;
    }
    let half_open = args.misbehave.iter().find_map(|kind| if let Misbehaviour::HalfOpen(count) = kind { Some(*count) } else { None });
    let lasts = Duration::from_secs(args.misbehave_for);
    if let Some(count) = half_open {
        network.leave_half_open(count, lasts, say.clone());
    }
    let setup = Setup {
        node_id: identity.node_id,
        product: args.product,
        fw_version: args.fw_version,
        extras,
        plain_topics: args.plain_topics,
        persistent: args.persistent,
        measure_every: Duration::from_secs(args.report_seconds),
        answer_after: Duration::from_secs(args.answer_seconds),
    };
    let request = args.map.map(|mapping| (mapping, args.reset));
    let mut around = Around::new(args.stdin || std::io::stdin().is_terminal())?;
    let mut agent = Agent::new(setup, say, memory, request)?;
    agent.unruly = Unruly::new(args.misbehave, lasts);
    agent.keep();
    agent.tell(&Event::Starting { product: args.product.name(), server: &network.to_string() });

    let wait = Duration::from_secs(args.reconnect_seconds);
    loop {
        let pause = match session(&mut agent, &mut around, &network).await {
            Ok(Failure { kind, reason }) => {
                agent.tell(&Event::Waiting { seconds: wait.as_secs(), kind, reason: &reason });
                wait
            }
            Err(Interrupt::Again(Again::Connect)) => Duration::ZERO,
            Err(Interrupt::Again(Again::Boot)) => BOOT,
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

/// Prints what a challenge's answer is made of.
fn print_answer(identity: &Identity, challenge: &str, json: bool) -> anyhow::Result<()> {
    let node_id = &identity.node_id;
    let signature = signer::hex(&identity.signer()?.sign(challenge.as_bytes())?);
    if json {
        crate::say::json(&serde_json::json!({ "node_id": node_id, "challenge_response": signature }))?;
    } else {
        crate::say::line(format_args!("node_id: {node_id}\nchallenge_response: {signature}"))?;
    }
    Ok(())
}

/// Prints what an app posts for the node.
fn print_state(identity: &Identity, args: &NodeArgs, things: &Things, stated: Stated) -> anyhow::Result<()> {
    let data = match stated {
        Stated::Config => model::config(&identity.node_id, &args.fw_version, args.product, &things.devices),
        Stated::Params | Stated::Initparams => model::all_params(&things.devices),
    };
    Ok(crate::say::json(&identity.signer()?.state(&data, agent::now())?)?)
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
        if let Err(ended) = misbehave(agent, &mut link) {
            return Ok(told(agent, network.failure(&ended)));
        }
        let wake = agent.wake();
        tokio::select! {
            event = link.next(&mut agent.outbox) => match event {
                Ok(event) => agent.happened(event),
                Err(ended) => return Ok(told(agent, network.failure(&ended))),
            },
            happening = around.next(wake) => match happening.work(agent) {
                Ok(()) => {}
                // A reboot tears the connection down without a word, as on the device.
                Err(Interrupt::Again(Again::Boot)) => return Err(Interrupt::Again(Again::Boot)),
                Err(interrupt) => {
                    let goodbye = timeout(GOODBYE, link.close()).await;
                    let reason = if matches!(goodbye, Ok(Ok(()))) { "stopped" } else { "stopped without a goodbye" };
                    agent.tell(&Event::Disconnected { kind: "stopped", reason });
                    return Err(interrupt);
                }
            },
        }
    }
}

fn told(agent: &Agent, failure: Failure) -> Failure {
    agent.tell(&Event::Disconnected { kind: failure.kind, reason: &failure.reason });
    failure
}

/// Lets out what is due of the node's bad manners.
fn misbehave(agent: &mut Agent, link: &mut Connection) -> Result<(), client::Ended> {
    link.manners = agent.unruly.manners();
    while let Some(packet) = agent.rude(Instant::now()) {
        if let Some(packet) = link.offer(packet)? {
            agent.unruly.refused(packet);
            break;
        }
    }
    Ok(())
}
