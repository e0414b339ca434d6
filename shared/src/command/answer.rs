//! What nodes say on `from-node`: they ask for what waits, answer, at once or later, and give commands of their own.

use super::{
    Command, Status, command_key, deliver,
    message::{FromNode, SET_PARAMS},
    settle,
};
use crate::{
    Ports, Result,
    access::{Grant, role::Itself},
    params::report::{self, Kind},
    port::table::Value,
};

/// Takes a message that arrived at this time, ms since the epoch. It may come twice or late, or belong to nothing.
pub async fn take(ports: &Ports, node: &Grant<Itself>, message: &FromNode, at: i64) -> Result<()> {
    if message.is_poll() {
        return deliver::poll(ports, node).await;
    }
    if message.is_command() {
        // The contract has no place where apps could read it.
        tracing::debug!(node = %node.node(), command = message.command, "a command of the node's own");
        return Ok(());
    }
    // Without an id it is about a request that the node could not use.
    let Ok(request) = message.request_id.parse() else { return Ok(()) };
    match ports.table.get(&command_key(node.node(), &request)).await? {
        Some(record) => answer(ports, node, Command::read(&record)?, message, at).await,
        None => Ok(()),
    }
}

/// The first answer counts, and is noted whenever it comes; whether the command has succeeded, only while it is open.
async fn answer(ports: &Ports, node: &Grant<Itself>, command: Command, message: &FromNode, at: i64) -> Result<()> {
    if command.answered.is_some() {
        return Ok(());
    }
    // Before the answer is noted: were this done after it and failed, nobody would do it again.
    if command.cmd == SET_PARAMS
        && message.status == 0
        // What changed, which the node does not report otherwise.
        && let Some(values) = report::parse_member(&message.data, "params")
    {
        report::report(ports, node, Kind::Changed, &values, at).await?;
    }
    let status = if message.status == 0 { Status::Success } else { Status::Failure };
    let arrival = at.div_euclid(1000);
    let noted = settle(ports, command, |command| {
        if command.answered.is_some() {
            return None;
        }
        let ended = if command.is_open(arrival) { status } else { command.status(arrival) };
        let merge = command.merge().set("status", ended.as_str());
        let merge = merge.set("device_status", i64::from(message.status)).set("answered", arrival);
        Some(if message.data.is_empty() { merge } else { merge.set("response", Value::Bytes(message.data.clone())) })
    });
    noted.await.map(drop)
}
