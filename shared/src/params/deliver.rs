//! Sending wanted params to a node, at once or when it comes back.

use std::collections::BTreeSet;

use bytes::Bytes;
use serde_json::Value;

use super::{DESIRED, SORT, check::Wanted, split};
use crate::{
    Error, Ports, Result,
    access::{
        Grant, association, grant,
        role::{Itself, Secondary},
    },
    id::{NodeId, UserId},
    node,
    port::table::{Batch, MAX_MERGE_FIELDS, Merge, Record, Value as Stored, Write},
};

/// The topic on which a node takes wanted params (contract `mqtt-and-node.md` §2.5).
fn topic(node: &NodeId) -> String {
    format!("node/{node}/params/remote")
}

/// Is this filter of the node's one on which it takes wanted params: the plain one, or that of its group?
pub fn is_topic(node: &NodeId, filter: &str) -> bool {
    filter
        .strip_prefix(&topic(node))
        .is_some_and(|rest| rest.is_empty() || rest.strip_prefix('/').is_some_and(|group| !group.contains('/')))
}

/// Publishes wanted params. JSON as nodes read it: no white space, `/` and `&` bare, ints as ints. Returns
/// the number of receivers, where it is known.
pub(super) async fn publish(ports: &Ports, node: &NodeId, wanted: &Wanted) -> Result<Option<usize>> {
    send(ports, topic(node), wanted).await
}

async fn send(ports: &Ports, topic: String, wanted: &Wanted) -> Result<Option<usize>> {
    let payload = serde_json::to_vec(wanted).map_err(|_| Error::Corrupt("wanted params"))?;
    Ok(ports.fleet.publish(topic, Bytes::from(payload)).await?)
}

/// What somebody wants of a param.
struct Desire {
    field: String,
    at: i64,
    component: String,
    param: String,
    value: Value,
    until: i64,
    by: Option<UserId>,
}

/// Publishes what is still wanted of a node that has just subscribed to this filter. It stays wanted until
/// the node reports it, its time is over, or whoever wanted it has the node no more. 1 get; if anything is
/// wanted, 1 batched get and 1 publish more; 1 write more for what is over.
///
/// It goes to the plain topic; where the broker says that nobody listens there, to that of the group whose
/// topic the filter is. So a node that subscribes to both, its group's first, may get it twice, as it may
/// when it reconnects: setting a value and an operation on a schedule can be repeated.
pub async fn deliver(ports: &Ports, node: &Grant<Itself>, filter: &str) -> Result<()> {
    let id = node.node();
    let record = ports.table.get(&node::key(id, SORT)).await?;
    let desires = record.iter().flat_map(desires).collect::<Result<Vec<_>>>()?;
    if desires.is_empty() {
        return Ok(());
    }
    let holders = holders(ports, id, &desires).await?;
    let now = ports.clock.now();
    let counts = |desire: &Desire| desire.until > now && desire.by.as_ref().is_some_and(|by| holders.contains(by));
    let (wanted, over): (Vec<_>, Vec<_>) = desires.into_iter().partition(counts);
    drop_all(ports, id, &over).await?;
    let mut payload = Wanted::new();
    for Desire { component, param, value, .. } in wanted {
        payload.entry(component).or_insert_with(|| Wanted::new().into())[param] = value;
    }
    if !payload.is_empty() && publish(ports, id, &payload).await? == Some(0) && filter != topic(id) && !filter.contains('+') {
        send(ports, filter.to_owned(), &payload).await?;
    }
    Ok(())
}

/// Forgets all that is wanted of the node. 1 get; 1 write if there is anything.
pub(crate) async fn forget(ports: &Ports, node: &NodeId) -> Result<()> {
    let record = ports.table.get(&node::key(node, SORT)).await?;
    drop_all(ports, node, &record.iter().flat_map(desires).collect::<Result<Vec<_>>>()?).await
}

/// Forgets these. 1 write for each 50.
async fn drop_all(ports: &Ports, node: &NodeId, desires: &[Desire]) -> Result<()> {
    for some in desires.chunks(MAX_MERGE_FIELDS) {
        // What is wanted anew meanwhile has a later time, and stays.
        let newest = some.iter().map(|desire| desire.at).max().unwrap_or_default();
        let forget = Merge::new(node::key(node, SORT)).newer_than(newest + 1);
        let forget = some.iter().fold(forget, |forget, desire| forget.remove(&desire.field));
        ports.table.write(Batch::of(Write::Merge(forget))?).await?;
    }
    Ok(())
}

fn desires(record: &Record) -> impl Iterator<Item = Result<Desire>> {
    record.fields.iter().filter_map(|(name, field)| {
        let (component, param) = split(DESIRED, name)?;
        let Stored::Json(text) = &field.value else { return None };
        let read = |mut stored: Value| Desire {
            field: name.clone(),
            at: field.at.unwrap_or_default(),
            component,
            param,
            value: stored["v"].take(),
            until: stored["until"].as_i64().unwrap_or_default(),
            by: stored["by"].as_str().and_then(|by| by.parse().ok()),
        };
        Some(serde_json::from_str(text).map(read).map_err(|_| Error::Corrupt("desired params")))
    })
}

/// Those of the users who wanted something that still have the node. 1 batched get, 1 more if anybody has it
/// by a group.
async fn holders(ports: &Ports, node: &NodeId, desires: &[Desire]) -> Result<BTreeSet<UserId>> {
    let users: BTreeSet<&UserId> = desires.iter().filter_map(|desire| desire.by.as_ref()).collect();
    let pairs: Vec<_> = users.into_iter().map(|user| (user.clone(), node.clone())).collect();
    let own = ports.table.get_many(&pairs.iter().map(|(user, node)| association::user_key(user, node)).collect::<Vec<_>>()).await?;
    let found = grant::or_through_groups::<Secondary>(ports, &pairs, own).await?;
    Ok(pairs.into_iter().zip(found).filter_map(|((user, _), found)| found.map(|_| user)).collect())
}
