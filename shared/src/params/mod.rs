//! Params: what nodes report and what users set (contract `mqtt-and-node.md` §2.5).
//!
//! | table `nodes` | sample | read by |
//! |---|---|---|
//! | `node#<node>` / `params` | `{"p/Light/Power": true @1790000000000, "d/Light/Power": {"v": false, "until": 1790000600} @…}` | params, lists, delivery |
//!
//! A field `p/<device>/<param>` holds what the node reported, with the arrival time, so that late,
//! repeated or reversed deliveries can't undo a newer value. A field `d/<device>/<param>` holds what a
//! user wants while the node is offline; a report of the same param takes it away in the same write.
//! Setting costs 1 batched get and 1 publish, and 1 write if the node is offline; a report costs 1 write
//! for each 25 params, `init` for each 50.

pub mod check;
pub mod deliver;
pub mod report;
pub mod set;

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use crate::{
    Error, Ports, Refusal, Result,
    access::{Grant, Load, role::Secondary},
    id::NodeId,
    node::{self, config::Config},
    port::table::{Key, Record, Value},
};

pub(crate) use report::forget_gone;

/// The sort key of the record.
pub(crate) const SORT: &str = "params";
/// Fields of reported values begin with this.
const REPORTED: &str = "p/";
/// Fields of desired values begin with this.
const DESIRED: &str = "d/";

/// Values by device or service and param, each as its very JSON text.
pub type Values = BTreeMap<String, BTreeMap<String, Box<RawValue>>>;

/// All that a node has reported, also what nobody may read: shown only through [`Params::readable`].
#[derive(Clone, Debug, Default)]
pub struct Params(Values);

impl Params {
    /// Has the node reported anything?
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What leaves the API: the params that the config declares with the property `read`, because
    /// nodes echo secrets such as `UserToken`; with an entry, if an empty one, for each device and
    /// service, because clients crash otherwise (contract `clients.md` D8).
    pub fn readable(&self, config: Option<&Config>) -> Values {
        let components = config.into_iter().flat_map(Config::components);
        let readable = components.map(|(component, specs)| {
            let values = specs.into_iter().filter(|spec| spec.has("read")).filter_map(|spec| {
                let name = spec.name()?;
                Some((name.to_owned(), self.0.get(component)?.get(name)?.clone()))
            });
            (component.to_owned(), values.collect())
        });
        readable.collect()
    }
}

impl Load for Params {
    fn keys(node: &NodeId) -> Vec<Key> {
        vec![node::key(node, SORT)]
    }

    fn read(_: &Ports, records: &mut dyn Iterator<Item = Option<Record>>) -> Result<Self> {
        let record = records.next().flatten();
        let mut params = Values::new();
        for (name, field) in record.iter().flat_map(|record| &record.fields) {
            if let (Some((component, param)), Value::Json(text)) = (split(REPORTED, name), &field.value) {
                let value = RawValue::from_string(text.clone()).map_err(|_| Error::Corrupt("params"))?;
                params.entry(component).or_default().insert(param, value);
            }
        }
        Ok(Self(params))
    }
}

/// The node's readable params, for somebody who may see them.
pub fn show(_: &Grant<Secondary>, config: Option<&Config>, params: &Params) -> Result<Values> {
    if params.is_empty() {
        return Err(Refusal::NoParams.into());
    }
    Ok(params.readable(config))
}

/// The name of a param's field: the parts with `%` and `/` percent-coded.
fn field(prefix: &str, component: &str, param: &str) -> String {
    format!("{prefix}{}/{}", encode(component), encode(param))
}

/// The parts of a field's name, if it begins so.
fn split(prefix: &str, name: &str) -> Option<(String, String)> {
    let (component, param) = name.strip_prefix(prefix)?.split_once('/')?;
    Some((decode(component), decode(param)))
}

fn encode(part: &str) -> String {
    part.replace('%', "%25").replace('/', "%2F")
}

fn decode(part: &str) -> String {
    part.replace("%2F", "/").replace("%25", "%")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn field_names_survive_any_part() {
        for (component, param) in [("Light", "Power"), ("a/b", "c%2Fd"), ("%25", "%"), ("", "x"), ("é", "/")] {
            let name = field(REPORTED, component, param);
            assert_eq!(split(REPORTED, &name), Some((component.to_owned(), param.to_owned())), "{name}");
            assert_eq!(split(DESIRED, &name), None);
        }
    }
}
