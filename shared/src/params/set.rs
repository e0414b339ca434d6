//! Setting params: checked against the node's config, published, and kept as desired while the node
//! is offline.

use serde_json::Value;

pub use super::check::Wanted;
use super::{DESIRED, SORT, check, deliver, field};
use crate::{
    Ports, Refusal, Result,
    access::{
        Caller,
        grant::{self, Granted},
        role::Secondary,
    },
    id::NodeId,
    node::{self, config::Config, presence::Presence},
    port::table::{Batch, MAX_MERGE_FIELDS, Merge, Value as Stored, Write},
};

/// Nodes that one request may set (contract `rest-4-schemas.md`, `SetMultiNodeParamsRequestsBody`).
pub const MAX_NODES: usize = 25;

/// What became of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// Published to a node that is online.
    Sent,
    /// The node is offline; it gets the change if it comes back within so many seconds.
    Kept(i64),
    /// The node is offline and the owner lets nothing be kept.
    Offline,
}

/// Sets params of some nodes, each by itself. 1 batched get; for each node 1 publish, and 1 write if
/// it is offline.
pub async fn set(ports: &Ports, caller: &Caller, wanted: Vec<(NodeId, Wanted)>) -> Result<Vec<Result<Done>>> {
    let (nodes, wanted): (Vec<_>, Vec<_>) = wanted.into_iter().unzip();
    let granted = grant::grants(ports, caller, nodes).await?;
    let mut done = Vec::new();
    for (granted, wanted) in granted.into_iter().zip(wanted) {
        done.push(match granted {
            Ok(granted) => set_one(ports, granted, &wanted).await,
            Err(error) => Err(error),
        });
    }
    Ok(done)
}

async fn set_one(ports: &Ports, granted: Granted<Secondary, (Option<Config>, Presence)>, wanted: &Wanted) -> Result<Done> {
    let (config, presence) = granted.loaded;
    check::check(&config.ok_or(Refusal::NoConfig)?, wanted)?;
    let node = granted.grant.node();
    let keep = ports.rules.desired_seconds;
    let done = match (presence.is_connected(), keep) {
        (true, _) => Done::Sent,
        (false, 1..) => {
            keep_desired(ports, node, wanted, keep).await?;
            Done::Kept(keep)
        }
        (false, _) => Done::Offline,
    };
    // Also to a node that was offline a moment ago: if it subscribed meanwhile and read what is desired
    // before that was stored, it still gets the change.
    deliver::publish(ports, node, wanted).await?;
    Ok(done)
}

async fn keep_desired(ports: &Ports, node: &NodeId, wanted: &Wanted, keep: i64) -> Result<()> {
    let until = ports.clock.now() + keep;
    let fields: Vec<_> = wanted
        .iter()
        .flat_map(|(component, params)| {
            params.as_object().into_iter().flatten().map(move |(param, value)| {
                let desired = serde_json::json!({ "v": value, "until": until });
                (field(DESIRED, component, param), Stored::Json(desired.to_string()))
            })
        })
        .collect();
    for some in fields.chunks(MAX_MERGE_FIELDS) {
        let merge = Merge::new(node::key(node, SORT)).newer_than(ports.clock.now_ms());
        let merge = some.iter().fold(merge, |merge, (name, value)| merge.set(name, value.clone()));
        ports.table.write(Batch::of(Write::Merge(merge))?).await?;
    }
    Ok(())
}

/// The single-node form's payload, from a body.
pub fn wanted(value: Value) -> Result<Wanted> {
    match value {
        Value::Object(wanted) => Ok(wanted),
        _ => Err(Refusal::InvalidBody("params are an object of devices".to_owned()).into()),
    }
}
