//! Setting params: checked against the node's config, published, and kept as desired while the node
//! is away.

use serde_json::{Value, json};

pub use super::check::Wanted;
use super::{DESIRED, SORT, check, deliver, field};
use crate::{
    Error, Ports, Refusal, Result,
    access::{
        Caller, Grant,
        grant::{self, Granted},
        role::Secondary,
    },
    arrival::{self, Yield},
    id::NodeId,
    node::{
        self,
        config::{Config, ParamSpec},
        presence::{self, Presence},
    },
    port::table::{MAX_MERGE_FIELDS, Merge, TableError, Value as Stored},
};

/// Nodes that one request may set (contract `rest-4-schemas.md`, `SetMultiNodeParamsRequestsBody`).
pub const MAX_NODES: usize = 25;

/// What became of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// Published to a node that is online.
    Sent,
    /// The node is away; it gets the change if it comes back within so many seconds.
    Kept(i64),
    /// The node is away and the owner lets nothing be kept.
    Offline,
}

/// Sets params of some nodes, each by itself. 1 batched get; for each node 1 publish, or 1 write and 1
/// get if it is away.
pub async fn set(ports: &Ports, caller: &Caller, wanted: Vec<(NodeId, Wanted)>) -> Result<Vec<Result<Done>>> {
    let (nodes, wanted): (Vec<_>, Vec<_>) = wanted.into_iter().unzip();
    let granted = grant::grants(ports, caller, nodes).await?;
    let mut done = Vec::new();
    for (granted, wanted) in granted.into_iter().zip(wanted) {
        done.push(match granted {
            Ok(granted) => set_one(ports, caller, granted, &wanted).await,
            Err(error) => Err(error),
        });
    }
    Ok(done)
}

async fn set_one(ports: &Ports, caller: &Caller, granted: Granted<Secondary, (Option<Config>, Presence)>, wanted: &Wanted) -> Result<Done> {
    let (config, presence) = granted.loaded;
    let config = config.ok_or(Refusal::NoConfig)?;
    check::check(&config, wanted)?;
    let node = granted.grant.node();
    // A node that has connected but not subscribed yet would miss it.
    if presence.is_connected() && deliver::publish(ports, node, wanted).await? != Some(0) {
        return Ok(Done::Sent);
    }
    let keep = ports.rules.desired_seconds;
    if keep == 0 {
        return Ok(Done::Offline);
    }
    let kept = with_earlier_operations(ports, &granted.grant, &config, wanted).await?;
    keep_desired(ports, caller, &granted.grant, &kept, keep).await?;
    // If it came back meanwhile and looked for what is desired before that was stored, it is sent now.
    if presence::read(ports, &granted.grant).await?.is_connected() {
        deliver::publish(ports, node, wanted).await?;
    }
    Ok(Done::Kept(keep))
}

/// What is to be kept: schedules and scenes are written as operations, so those that wait already stay
/// before the new ones. 1 get if there are such params.
async fn with_earlier_operations(ports: &Ports, grant: &Grant<Secondary>, config: &Config, wanted: &Wanted) -> Result<Wanted> {
    let mut kept = wanted.clone();
    let operations = |component: &str, param: &str| config.param(component, param).is_some_and(ParamSpec::takes_operations);
    let lists = kept.iter_mut().flat_map(|(component, params)| {
        let params = params.as_object_mut().into_iter().flatten();
        params.filter_map(move |(param, value)| operations(component, param).then(|| (field(DESIRED, component, param), value)))
    });
    let mut lists: Vec<_> = lists.collect();
    if lists.is_empty() {
        return Ok(kept);
    }
    let record = ports.table.get(&node::key(grant.node(), SORT)).await?;
    for (field, value) in &mut lists {
        let waiting = record.as_ref().and_then(|record| serde_json::from_str::<Value>(record.json(field)?).ok());
        if let Some(mut waiting) = waiting.filter(|waiting| waiting["until"].as_i64() > Some(ports.clock.now()))
            && let (Some(earlier), Some(new)) = (waiting["v"].as_array_mut(), value.as_array_mut())
        {
            earlier.append(new);
            **value = waiting["v"].take();
        }
    }
    drop(lists);
    check::check_size(&kept)?;
    Ok(kept)
}

/// Stores each value with whose wish it is and how long it counts.
async fn keep_desired(ports: &Ports, caller: &Caller, grant: &Grant<Secondary>, wanted: &Wanted, keep: i64) -> Result<()> {
    let until = ports.clock.now() + keep;
    let mut fields = Vec::new();
    for (component, params) in wanted {
        for (param, value) in params.as_object().into_iter().flatten() {
            let desired = json!({ "v": value, "until": until, "by": caller.user_id().as_str() });
            fields.push((field(DESIRED, component, param), Stored::Json(desired.to_string())));
        }
    }
    for some in fields.chunks(MAX_MERGE_FIELDS) {
        let merge = Merge::new(node::key(grant.node(), SORT)).newer_than(ports.clock.now_ms());
        let merge = some.iter().fold(merge, |merge, (name, value)| merge.set(name, value.clone()));
        arrival::write(ports, merge, Yield::All).await.map_err(|error| match error {
            Error::Table(TableError::TooLarge(_)) => Refusal::InvalidParam("there is no room to keep this for the node".to_owned()).into(),
            error => error,
        })?;
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
