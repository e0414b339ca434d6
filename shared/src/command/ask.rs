//! Somebody asks nodes to do something.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;

use super::{Asker, Command, Data, Status, WAITING, close, deliver, message, moment};
use crate::{
    Error, Ports, Refusal, Result,
    access::{
        Admin, Caller, Grant, Load,
        grant::{self, Granted},
        role::Strongest,
    },
    id::{NodeId, RequestId},
    node::{self, config::Config, presence::Presence},
    port::table::{Batch, Query, TableId},
};

/// Nodes of one request, at most (contract `rest-1.md`, 131103).
pub const MAX_NODES: usize = 25;
/// Bytes of data, at most.
const MAX_DATA: usize = 64 * 1024;
/// Seconds, if none are said.
const DEFAULT_TIMEOUT: i64 = 30;
const MAX_TIMEOUT: i64 = 2_592_000;
/// This word for a timeout is no time at all.
const WITHOUT_LIMIT: i64 = -1;
/// Commands that one overrides, at most.
const MAX_OVERRIDDEN: usize = 100;
/// Digits of chance in a request's id, behind those of its time: 22 together, as apps know them.
const CHANCE: usize = 11;

/// What nodes are asked to do.
#[derive(Clone, Debug)]
pub struct Order {
    cmd: u16,
    data: Data,
    timeout: Option<i64>,
    overrides: bool,
}

impl Order {
    /// An order, as a request brings it: JSON, JSON in a string, or with `base64` any bytes. Of several orders of one number
    /// that wait at a node, one that `overrides` is the only one left; only who administers overrides their like.
    pub fn new(
        cmd: Option<i64>,
        data: Option<Value>,
        base64: bool,
        timeout: Option<i64>,
        overrides: bool,
    ) -> std::result::Result<Self, Refusal> {
        let cmd = cmd.and_then(|cmd| u16::try_from(cmd).ok()).ok_or(Refusal::InvalidCommand)?;
        let data = match data {
            None | Some(Value::Null) => return Err(Refusal::CommandDataMissing),
            Some(Value::String(text)) if text.is_empty() => return Err(Refusal::CommandDataMissing),
            Some(data) => bytes(data, base64)?,
        };
        if data.len() > MAX_DATA {
            return Err(Refusal::CommandDataTooLong);
        }
        let timeout = match timeout.unwrap_or(DEFAULT_TIMEOUT) {
            WITHOUT_LIMIT => None,
            seconds @ 1..=MAX_TIMEOUT => Some(seconds),
            _ => return Err(Refusal::InvalidCommandTimeout),
        };
        Ok(Self { cmd, data: Data { bytes: data, base64 }, timeout, overrides })
    }
}

fn bytes(data: Value, base64: bool) -> std::result::Result<Vec<u8>, Refusal> {
    match data {
        Value::String(text) if base64 => STANDARD.decode(text).map_err(|_| Refusal::InvalidCommandData),
        _ if base64 => Err(Refusal::InvalidCommandData),
        // Nodes get it without white space, as all JSON.
        Value::String(text) => {
            let json: Value = serde_json::from_str(&text).map_err(|_| Refusal::CommandDataNoJson)?;
            Ok(json.to_string().into_bytes())
        }
        json => Ok(json.to_string().into_bytes()),
    }
}

/// What becomes of an order at one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// It was published.
    Sent,
    /// The node is away; it gets the command if it comes back in time.
    Waits,
}

/// What becomes of an order.
#[derive(Debug)]
pub struct Asked {
    /// `None` if no node takes it.
    pub request: Option<RequestId>,
    /// In the order of the nodes.
    pub done: Vec<Result<Done>>,
}

type Loaded = (Option<Config>, Presence);

/// A node that takes commands, and the role in which it is asked.
struct Target {
    node: NodeId,
    role: u8,
    online: bool,
}

impl Target {
    fn new(grant: &Grant<Strongest>, role: u8, (config, presence): Loaded) -> Result<Self> {
        if !config.is_some_and(|config| config.takes_commands()) {
            return Err(Refusal::NoCommands.into());
        }
        Ok(Self { node: grant.node().clone(), role, online: presence.is_connected() })
    }
}

/// A user asks these nodes, all different and at most [`MAX_NODES`].
pub async fn ask(ports: &Ports, caller: &Caller, nodes: Vec<NodeId>, order: &Order) -> Result<Asked> {
    let granted = grant::grants(ports, caller, nodes).await?;
    let target = |granted: Result<Granted<Strongest, Loaded>>| {
        let Granted { grant, association, loaded } = granted?;
        Target::new(&grant, message::role_of(&association), loaded)
    };
    give(ports, &Asker::user(caller), granted.into_iter().map(target).collect(), order).await
}

/// Somebody who administers asks these nodes, all different and at most [`MAX_NODES`].
pub async fn ask_as_admin(ports: &Ports, admin: &Admin, nodes: Vec<NodeId>, order: &Order) -> Result<Asked> {
    let by = Asker::admin(admin)?;
    let keys: Vec<_> = nodes.iter().flat_map(Loaded::keys).collect();
    let mut records = ports.table.get_many(&keys).await?.into_iter();
    let target = |node| {
        let loaded = Loaded::read(ports, &mut records)?;
        let grant = Grant::trusted_because("somebody who administers commands a node", node);
        Target::new(&grant, message::SUPER_ADMIN, loaded)
    };
    let targets = nodes.into_iter().map(target).collect();
    give(ports, &by, targets, order).await
}

async fn give(ports: &Ports, by: &Asker, targets: Vec<Result<Target>>, order: &Order) -> Result<Asked> {
    let request = new_id(ports)?;
    let now = ports.clock.now();
    let command = |target: &Target| Command {
        node: target.node.clone(),
        request: request.clone(),
        by: by.clone(),
        cmd: order.cmd,
        data: order.data.clone(),
        asked: now,
        until: order.timeout.map(|seconds| now + seconds),
        answered: None,
        // Noted as sent before it is, so that no answer is faster than the note.
        stored: if target.online { Status::InProgress } else { Status::Requested },
        version: 0,
    };
    let commands: Vec<Result<_>> = targets.into_iter().map(|target| target.map(|target| (command(&target), target.role))).collect();
    let given: Vec<&Command> = commands.iter().flatten().map(|(command, _)| command).collect();
    let waits = |command: Result<_>| command.map(|_: (Command, u8)| Done::Waits);
    if given.is_empty() {
        return Ok(Asked { request: None, done: commands.into_iter().map(waits).collect() });
    }
    if order.overrides {
        for command in &given {
            override_others(ports, command).await?;
        }
    }
    ports.table.write(Batch::new(given.iter().flat_map(|command| command.note()).collect())?).await?;
    let away: Vec<_> = given.iter().filter(|command| command.stored == Status::Requested).map(|command| command.node.clone()).collect();
    let mut done = Vec::with_capacity(commands.len());
    for command in commands {
        done.push(match command {
            Ok((command, role)) if command.stored == Status::InProgress => Ok(send(ports, &command, role).await),
            command => waits(command),
        });
    }
    catch_up(ports, away).await?;
    Ok(Asked { request: Some(request), done })
}

/// Publishes it. Where nobody takes it, the node gets it when it next asks what waits.
async fn send(ports: &Ports, command: &Command, role: u8) -> Done {
    match deliver::publish(ports, command, role).await {
        // A node that has connected but not subscribed yet asks after it has.
        Ok(Some(0)) => Done::Waits,
        Ok(_) => Done::Sent,
        Err(error) => {
            tracing::warn!(node = %command.node, error = &error as &dyn std::error::Error, "a command could not be published, and waits");
            Done::Waits
        }
    }
}

/// Sends what waits to those of the nodes that have come back meanwhile, and may have asked before there was anything. 1 batched
/// get if there are any nodes.
async fn catch_up(ports: &Ports, nodes: Vec<NodeId>) -> Result<()> {
    if nodes.is_empty() {
        return Ok(());
    }
    let keys: Vec<_> = nodes.iter().flat_map(Presence::keys).collect();
    let mut records = ports.table.get_many(&keys).await?.into_iter();
    for node in nodes {
        if Presence::read(ports, &mut records)?.is_connected() {
            deliver::send_waiting(ports, &node).await?;
        }
    }
    Ok(())
}

/// Ends what waits at the node under the new command's number. 1 query; if anything waits 1 batched get, and 1 batch for each.
async fn override_others(ports: &Ports, new: &Command) -> Result<()> {
    let partition = node::key(&new.node, WAITING).partition;
    let waiting = ports.table.query(Query::prefix(TableId::Nodes, partition, WAITING, MAX_OVERRIDDEN)).await?;
    let others = deliver::commands(ports, &new.node, &waiting.records).await?;
    for other in others.into_iter().filter(|other| other.cmd == new.cmd && (new.by.admin || !other.by.admin)) {
        close(ports, other, Status::Overridden).await?;
    }
    Ok(())
}

/// An id that begins with its time, of the length that a node can give back.
fn new_id(ports: &Ports) -> Result<RequestId> {
    let chance = ports.ids.id();
    let chance = chance.get(chance.len().saturating_sub(CHANCE)..).unwrap_or_default();
    format!("{}{chance}", moment(ports.clock.now_ms())).parse().map_err(|_| Error::Corrupt("generated id"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn order(data: Value, base64: bool) -> std::result::Result<Vec<u8>, Refusal> {
        Order::new(Some(1), Some(data), base64, None, false).map(|order| order.data.bytes)
    }

    #[test]
    fn data_is_json_or_any_bytes() {
        for (data, bytes) in [
            (json!({ "b": 1, "a": [1.5, "ü"] }), r#"{"b":1,"a":[1.5,"ü"]}"#),
            (json!(r#" {"brightness": 10} "#), r#"{"brightness":10}"#),
            (json!(false), "false"),
            (json!("7"), "7"),
        ] {
            assert_eq!(order(data.clone(), false), Ok(bytes.as_bytes().to_vec()), "{data}");
        }
        assert_eq!(order(json!("AP8="), true), Ok(vec![0, 255]));
        for (data, base64, refusal) in [
            (json!(null), false, Refusal::CommandDataMissing),
            (json!(""), true, Refusal::CommandDataMissing),
            (json!("on"), false, Refusal::CommandDataNoJson),
            (json!("AP8"), true, Refusal::InvalidCommandData),
            (json!({}), true, Refusal::InvalidCommandData),
            (json!("x".repeat(MAX_DATA)).to_string().into(), false, Refusal::CommandDataTooLong),
        ] {
            assert_eq!(order(data, base64), Err(refusal));
        }
        assert!(order(json!("x".repeat(MAX_DATA - 2)).to_string().into(), false).is_ok());
    }

    #[test]
    fn numbers_and_timeouts_are_bounded() {
        let order = |cmd, timeout| Order::new(cmd, Some(json!({})), false, timeout, false);
        for cmd in [None, Some(-1), Some(65_536)] {
            assert_eq!(order(cmd, None).unwrap_err(), Refusal::InvalidCommand);
        }
        for timeout in [0, -2, MAX_TIMEOUT + 1, i64::MAX] {
            assert_eq!(order(Some(0), Some(timeout)).unwrap_err(), Refusal::InvalidCommandTimeout);
        }
        let timeouts = [(None, Some(30)), (Some(-1), None), (Some(1), Some(1)), (Some(MAX_TIMEOUT), Some(MAX_TIMEOUT))];
        for (said, is) in timeouts {
            assert_eq!(order(Some(65_535), said).unwrap().timeout, is);
        }
    }
}
