//! Params that a node reports: `params/local` and `params/local/init`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::value::RawValue;

use super::{DESIRED, REPORTED, SORT, Values, field};
use crate::{
    Ports, Result,
    access::{Grant, role::Itself},
    arrival,
    node::{
        self,
        config::{Config, ParamSpec},
    },
    port::table::{Change, MAX_MERGE_FIELDS, Merge, Value},
};

/// Which of the two a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Some params have changed: what a user still wanted of them is settled.
    Changed,
    /// All params, after a boot: says nothing of what a user wants meanwhile.
    Init,
}

/// Parses a report. A device whose value is no object is passed over, as nodes do; `None` if the
/// message is no JSON object, or is nested more deeply than readers of JSON follow.
pub fn parse(payload: &[u8]) -> Option<Values> {
    serde_json::from_slice::<serde_json::Value>(payload).ok()?;
    let devices: BTreeMap<String, Box<RawValue>> = serde_json::from_slice(payload).ok()?;
    Some(devices.into_iter().filter_map(|(device, params)| Some((device, serde_json::from_str(params.get()).ok()?))).collect())
}

/// Stores what was reported, param by param, unless a later arrival was stored already. 1 write for
/// each 25 (`Changed`) or 50 (`Init`) params.
pub async fn report(ports: &Ports, node: &Grant<Itself>, kind: Kind, values: &Values, at: i64) -> Result<()> {
    let mut changes = Vec::new();
    for (component, params) in values {
        for (param, value) in params {
            let mut own = vec![(field(REPORTED, component, param), Change::Set(Value::Json(value.get().to_owned())))];
            if kind == Kind::Changed {
                own.push((field(DESIRED, component, param), Change::Remove));
            }
            changes.push(own);
        }
    }
    merge(ports, node, changes, at).await
}

/// Takes away the params that the new config does not have any more. No write if there are none.
pub(crate) async fn forget_gone(ports: &Ports, node: &Grant<Itself>, before: &Config, now: &Config, at: i64) -> Result<()> {
    let names = |config: &Config| -> BTreeSet<(String, String)> {
        let of = |(component, specs): (&str, Vec<ParamSpec<'_>>)| {
            let component = component.to_owned();
            specs.into_iter().filter_map(move |spec| Some((component.clone(), spec.name()?.to_owned()))).collect::<Vec<_>>()
        };
        config.components().flat_map(of).collect()
    };
    let gone = names(before).difference(&names(now)).cloned().collect::<Vec<_>>();
    let changes =
        gone.iter().map(|(component, param)| [REPORTED, DESIRED].map(|prefix| (field(prefix, component, param), Change::Remove)).to_vec());
    merge(ports, node, changes.collect(), at).await
}

/// Applies the changes, those of one param always together.
async fn merge(ports: &Ports, node: &Grant<Itself>, changes: Vec<Vec<(String, Change)>>, at: i64) -> Result<()> {
    let key = node::key(node.node(), SORT);
    let mut merge = Merge::new(key.clone()).newer_than(at);
    for own in changes {
        if merge.changes.len() + own.len() > MAX_MERGE_FIELDS {
            let full = std::mem::replace(&mut merge, Merge::new(key.clone()).newer_than(at));
            arrival::write(ports, full).await?;
        }
        merge.changes.extend(own);
    }
    if !merge.changes.is_empty() {
        arrival::write(ports, merge).await?;
    }
    Ok(())
}
