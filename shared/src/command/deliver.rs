//! Sending commands to nodes: a node asks for what waits whenever it connects.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::{Command, Status, TRIES, WAITING, command_key, message};
use crate::{
    Ports, Refusal, Result,
    access::{
        Grant, association, grant,
        role::{Itself, Strongest},
    },
    id::{NodeId, RequestId, UserId},
    node,
    port::table::{Batch, Cursor, Key, Query, Record, TableId, Write},
};

/// Commands that are sent together: one that is not sent takes three writes.
const SENT_TOGETHER: usize = 32;
/// How often that is done for one poll. What is left then is sent with the next.
const ROUNDS: usize = 8;

/// The node asks for what waits: everything that it has not answered, the oldest first. What was sent before is sent again,
/// because nobody knows whether it arrived; the id tells the node. 1 query if nothing waits.
pub(super) async fn poll(ports: &Ports, node: &Grant<Itself>) -> Result<()> {
    send_waiting(ports, node.node()).await
}

/// Sends the node what waits for it.
pub(super) async fn send_waiting(ports: &Ports, node: &NodeId) -> Result<()> {
    let mut after = None;
    for _ in 0..ROUNDS {
        after = send_some(ports, node, after).await?;
        if after.is_none() {
            break;
        }
    }
    Ok(())
}

/// Returns where to go on.
async fn send_some(ports: &Ports, node: &NodeId, after: Option<Cursor>) -> Result<Option<Cursor>> {
    for _ in 0..TRIES {
        let query = Query::prefix(TableId::Nodes, node::key(node, WAITING).partition, WAITING, SENT_TOGETHER).after(after.clone());
        let page = ports.table.query(query).await?;
        if page.records.is_empty() {
            return Ok(None);
        }
        let (due, lost) = sort(ports, node, &page.records).await?;
        // Noted before it is sent: what was cancelled meanwhile is not sent.
        match note(ports, &due, &lost).await {
            Err(error) if error.is_conflict() => continue,
            noted => noted?,
        }
        for (command, role) in &due {
            publish(ports, command, *role).await?;
        }
        return Ok(page.next);
    }
    Err(Refusal::TooManyTries.into())
}

/// What is to be sent, each in which role, and what is not because whoever asked has the node no more. 1 batched get;
/// 1 more if anybody has the node by a group.
async fn sort(ports: &Ports, node: &NodeId, waiting: &[Record]) -> Result<(Vec<(Command, u8)>, Vec<Command>)> {
    let users: Vec<UserId> = waiting.iter().filter_map(|record| record.str("by")?.parse().ok()).collect();
    let commands = waiting.iter().filter_map(key_of).map(|request| command_key(node, &request));
    let keys: Vec<Key> = commands.chain(users.iter().map(|user| association::user_key(user, node))).collect();
    let mut records = ports.table.get_many(&keys).await?;
    let associations = records.split_off(records.len() - users.len());
    let pairs: Vec<_> = users.into_iter().map(|user| (user, node.clone())).collect();
    let associations = grant::or_through_groups::<Strongest>(ports, &pairs, associations).await?;
    let roles: BTreeMap<_, _> = pairs.into_iter().map(|(user, _)| user).zip(associations).collect();
    let (mut due, mut lost) = (Vec::new(), Vec::new());
    for record in records.iter().flatten() {
        let command = Command::read(record)?;
        let role = match roles.get(&command.by.user) {
            _ if command.by.admin => Some(message::SUPER_ADMIN),
            // The role that they have now.
            Some(Some(association)) => Some(message::role_of(association)),
            _ => None,
        };
        match role {
            _ if !command.is_open(ports.clock.now()) => {}
            Some(role) => due.push((command, role)),
            None => lost.push(command),
        }
    }
    Ok((due, lost))
}

async fn note(ports: &Ports, due: &[(Command, u8)], lost: &[Command]) -> Result<()> {
    let set = |command: &Command, status: Status| command.merge().set("status", status.as_str());
    let fresh = due.iter().map(|(command, _)| command).filter(|command| command.stored == Status::Requested);
    let mut writes: Vec<_> = fresh.map(|command| Write::Merge(set(command, Status::InProgress))).collect();
    writes.extend(lost.iter().flat_map(|command| command.end(set(command, Status::Cancelled), ports.clock.now())));
    if !writes.is_empty() {
        ports.table.write(Batch::new(writes)?).await?;
    }
    Ok(())
}

/// The commands that wait so. 1 batched get if there are any.
pub(super) async fn commands(ports: &Ports, node: &NodeId, waiting: &[Record]) -> Result<Vec<Command>> {
    let keys: Vec<Key> = waiting.iter().filter_map(key_of).map(|request| command_key(node, &request)).collect();
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    ports.table.get_many(&keys).await?.iter().flatten().map(Command::read).collect()
}

fn key_of(waiting: &Record) -> Option<RequestId> {
    waiting.key.sort.strip_prefix(WAITING)?.parse().ok()
}

/// Publishes it; returns the number of receivers, where it is known.
pub(super) async fn publish(ports: &Ports, command: &Command, role: u8) -> Result<Option<usize>> {
    let Command { node, request, cmd, data, .. } = command;
    let payload = message::request(request.as_str(), role, *cmd, &data.bytes);
    Ok(ports.fleet.publish(format!("node/{node}/to-node"), Bytes::from(payload)).await?)
}
