//! Setting params: checked against the node's config, published, and kept as desired while the node
//! is away.

use serde_json::{Value, json};

pub use super::check::Wanted;
use super::{DESIRED, SORT, check, deliver, field};
use crate::{
    Error, Ports, Refusal, Result,
    access::{
        Caller, Grant, Load as _,
        grant::{self, Granted},
        role::Secondary,
    },
    id::NodeId,
    node::{
        self,
        config::{Config, ParamSpec},
        presence::Presence,
    },
    port::table::{Batch, MAX_MERGE_FIELDS, Merge, TableError, Value as Stored, Write},
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
/// batched get if it is away.
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
    let wishes = wishes(ports, caller, &kept, keep);
    store(ports, &granted.grant, &wishes, Some(ports.clock.now_ms())).await?;
    let (presence, lost) = after_storing(ports, &granted.grant, wishes).await?;
    if presence.is_connected() {
        // It came back meanwhile, and may have looked for what is wanted before that was stored.
        deliver::publish(ports, node, wanted).await?;
    } else if !lost.is_empty() {
        store(ports, &granted.grant, &lost, None).await?;
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

/// A field and what it is to hold.
type Wish = (String, Stored);

/// Each value with whose wish it is and how long it counts.
fn wishes(ports: &Ports, caller: &Caller, wanted: &Wanted, keep: i64) -> Vec<Wish> {
    let until = ports.clock.now() + keep;
    let mut wishes = Vec::new();
    for (component, params) in wanted {
        for (param, value) in params.as_object().into_iter().flatten() {
            let wish = json!({ "v": value, "until": until, "by": caller.user_id().as_str() });
            wishes.push((field(DESIRED, component, param), Stored::Json(wish.to_string())));
        }
    }
    wishes
}

/// Stores wishes; with a time, unless something later is stored. 1 write for each 50.
async fn store(ports: &Ports, grant: &Grant<Secondary>, wishes: &[Wish], at: Option<i64>) -> Result<()> {
    for some in wishes.chunks(MAX_MERGE_FIELDS) {
        let merge = Merge { newer_than: at, ..Merge::new(node::key(grant.node(), SORT)) };
        let merge = some.iter().fold(merge, |merge, (name, value)| merge.set(name, value.clone()));
        ports.table.write(Batch::of(Write::Merge(merge))?).await.map_err(|error| match error {
            TableError::TooLarge(_) => Refusal::InvalidParam("there is no room to keep this for the node".to_owned()).into(),
            error => Error::Table(error),
        })?;
    }
    Ok(())
}

/// The node's presence, and the wishes that were not stored because of a time that is no earlier: of the
/// same millisecond, or of a clock that was ahead. 1 batched get.
async fn after_storing(ports: &Ports, grant: &Grant<Secondary>, mut wishes: Vec<Wish>) -> Result<(Presence, Vec<Wish>)> {
    let keys = [Presence::keys(grant.node()), vec![node::key(grant.node(), SORT)]].concat();
    let mut records = ports.table.get_many(&keys).await?.into_iter();
    let presence = Presence::read(ports, &mut records)?;
    let record = records.next().flatten();
    wishes.retain(|(name, value)| record.as_ref().and_then(|record| record.fields.get(name)).is_none_or(|stored| stored.value != *value));
    Ok((presence, wishes))
}

/// The single-node form's payload, from a body.
pub fn wanted(value: Value) -> Result<Wanted> {
    match value {
        Value::Object(wanted) => Ok(wanted),
        _ => Err(Refusal::InvalidBody("params are an object of devices".to_owned()).into()),
    }
}
