//! A node's config: what devices, services and params it has (contract `mqtt-and-node.md` §2.4, §6).

use serde_json::{Map, Value};

use super::key;
use crate::{
    Error, Ports, Refusal, Result,
    access::{
        Grant, Load,
        role::{Itself, Secondary},
    },
    arrival,
    id::NodeId,
    json::{self, Repaired},
    params,
    port::table::{Key, Merge, Record, Value as Stored},
};

/// The sort key of the record.
pub(crate) const SORT: &str = "config";

/// A node's config as stored: the JSON object, with `devices` and `services` always lists, because
/// clients crash otherwise (contract `clients.md` A3).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config(Map<String, Value>);

/// A param as the config declares it. Whatever is missing or of a strange form counts as absent:
/// firmware generations differ.
#[derive(Clone, Copy, Debug)]
pub struct ParamSpec<'a>(&'a Value);

impl Config {
    /// Parses a config that this node sent, which may have a comma too many before a closing bracket. `None`
    /// if it is no JSON object or names another node.
    pub fn parse(node: &NodeId, payload: &[u8]) -> Option<Self> {
        let mut object: Map<String, Value> = object(payload)?;
        if object.get("node_id").is_some_and(|id| id.as_str() != Some(node.as_str())) {
            return None;
        }
        for list in ["devices", "services"] {
            if !object.get(list).is_some_and(Value::is_array) {
                object.insert(list.to_owned(), Value::Array(Vec::new()));
            }
        }
        Some(Self(object))
    }

    /// The config as it is shown.
    pub fn as_json(&self) -> &Map<String, Value> {
        &self.0
    }

    /// A text that the node tells of itself, such as `model`.
    pub fn info(&self, field: &str) -> Option<&str> {
        self.0.get("info")?.get(field)?.as_str()
    }

    /// Does the node say that it takes commands? (contract `mqtt-and-node.md` §2.12)
    pub fn takes_commands(&self) -> bool {
        let attributes = self.0.get("attributes").and_then(Value::as_array);
        let says_so =
            |is: &Value| is.get("name").and_then(Value::as_str) == Some("cmd-resp") && is.get("value").and_then(Value::as_str) == Some("1");
        attributes.is_some_and(|all| all.iter().any(says_so))
    }

    /// Devices and services by name, each with its params.
    pub fn components(&self) -> impl Iterator<Item = (&str, Vec<ParamSpec<'_>>)> {
        ["devices", "services"]
            .into_iter()
            .filter_map(|list| self.0.get(list)?.as_array())
            .flatten()
            .filter_map(|component| Some((component.get("name")?.as_str()?, component)))
            .map(|(name, component)| {
                let params = component.get("params").and_then(Value::as_array);
                (name, params.into_iter().flatten().map(ParamSpec).collect())
            })
    }

    /// The param of this device or service.
    pub fn param(&self, component: &str, param: &str) -> Option<ParamSpec<'_>> {
        let (_, params) = self.components().find(|(name, _)| *name == component)?;
        params.into_iter().find(|spec| spec.name() == Some(param))
    }
}

fn object(payload: &[u8]) -> Option<Map<String, Value>> {
    serde_json::from_slice(payload).ok().or_else(|| {
        // A bound that is no number would be another bound without it.
        let Repaired { text, nans } = json::repair(payload)?;
        if nans.is_empty() { serde_json::from_str(&text).ok() } else { None }
    })
}

impl<'a> ParamSpec<'a> {
    fn str(self, field: &str) -> Option<&'a str> {
        self.0.get(field)?.as_str()
    }

    /// Its name.
    pub fn name(self) -> Option<&'a str> {
        self.str("name")
    }

    /// `bool`, `int`, `float`, `string`, `object` or `array`.
    pub fn data_type(self) -> Option<&'a str> {
        self.str("data_type")
    }

    /// Its type, such as `esp.param.power`.
    pub fn kind(self) -> Option<&'a str> {
        self.str("type").or_else(|| self.str("param_type"))
    }

    /// Is what is written to it a list of operations, not a state? (contract `mqtt-and-node.md` §7.2, §7.3)
    pub fn takes_operations(self) -> bool {
        matches!(self.kind(), Some("esp.param.schedules" | "esp.param.scenes"))
    }

    /// Does it have the property `read` or `write`?
    pub fn has(self, property: &str) -> bool {
        let properties = self.0.get("properties").and_then(Value::as_array);
        properties.is_some_and(|all| all.iter().any(|is| is.as_str() == Some(property)))
    }

    /// `bounds.min` or `bounds.max`.
    pub fn bound(self, which: &str) -> Option<f64> {
        self.0.get("bounds")?.get(which)?.as_f64()
    }

    /// The only strings that it takes, if it says so.
    pub fn valid_strs(self) -> Option<Vec<&'a str>> {
        Some(self.0.get("valid_strs")?.as_array()?.iter().filter_map(Value::as_str).collect())
    }
}

impl Load for Option<Config> {
    fn keys(node: &NodeId) -> Vec<Key> {
        vec![key(node, SORT)]
    }

    fn read(_: &Ports, records: &mut dyn Iterator<Item = Option<Record>>) -> Result<Self> {
        records.next().flatten().map(|record| read(&record)).transpose()
    }
}

fn read(record: &Record) -> Result<Config> {
    let text = record.json("config").ok_or(Error::Corrupt("config"))?;
    Ok(Config(serde_json::from_str(text).map_err(|_| Error::Corrupt("config"))?))
}

/// The node's config, for somebody who may see it.
pub fn show(_: &Grant<Secondary>, config: Option<Config>) -> Result<Config> {
    Ok(config.ok_or(Refusal::NoConfig)?)
}

/// Stores the config that the node reports, in place of the one before; a message that arrived earlier
/// never replaces a later one. 1 write, and 1 more where params have gone that were there before.
pub async fn report(ports: &Ports, node: &Grant<Itself>, config: &Config, at: i64) -> Result<()> {
    let text = serde_json::to_string(config.as_json()).map_err(|_| Error::Corrupt("config"))?;
    let merge = Merge::new(key(node.node(), SORT)).set("config", Stored::Json(text)).newer_than(at);
    let before = arrival::write(ports, merge).await?;
    match before.as_ref().map(read) {
        Some(Ok(before)) if before != *config => params::forget_gone(ports, node, &before, config, at).await,
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node() -> NodeId {
        "n1".parse().unwrap()
    }

    #[test]
    fn lists_are_always_there() {
        let config = Config::parse(&node(), br#"{"node_id":"n1","devices":null}"#).unwrap();
        assert_eq!(serde_json::to_string(config.as_json()).unwrap(), r#"{"node_id":"n1","devices":[],"services":[]}"#);
    }

    #[test]
    fn a_config_of_another_node_is_none() {
        assert!(Config::parse(&node(), br#"{"node_id":"n2"}"#).is_none());
        assert!(Config::parse(&node(), br#"{"node_id":7}"#).is_none());
        assert!(Config::parse(&node(), b"[]").is_none());
        assert!(Config::parse(&node(), br#"{"node_id":"n1","#).is_none());
        assert!(Config::parse(&node(), br#"{"node_id":"n2",}"#).is_none());
    }

    #[test]
    fn a_comma_too_many_is_forgiven_and_a_bound_that_is_none_is_not() {
        let insights = br#"{"node_id":"n1","config_version":"2019-09-11","attributes":[{"name":"cmd-resp","value":"1"}],}"#;
        assert!(Config::parse(&node(), insights).unwrap().takes_commands());
        for without in ["{}", r#"{"attributes":{}}"#, r#"{"attributes":[7,{"name":"cmd-resp","value":"0"},{"name":"x","value":"1"}]}"#] {
            assert!(!Config::parse(&node(), without.as_bytes()).unwrap().takes_commands(), "{without}");
        }
        assert!(Config::parse(&node(), br#"{"devices":[{"params":[{"bounds":{"max":nan}}]}]}"#).is_none());
    }

    #[test]
    fn params_are_found_in_devices_and_services_whatever_else_is_odd() {
        let text = br#"{"devices":[7,{"name":"L","params":[{"name":"P","data_type":"int","properties":["read","write"],"bounds":{"min":0,"max":0.50000}}]}],
            "services":[{"name":"T","params":"none"},{"name":"S","params":[{"name":"X","valid_strs":["a",3]}]}]}"#;
        let config = Config::parse(&node(), text).unwrap();
        let power = config.param("L", "P").unwrap();
        assert_eq!((power.data_type(), power.has("write"), power.has("time_series")), (Some("int"), true, false));
        assert_eq!((power.bound("min"), power.bound("max"), power.bound("step")), (Some(0.0), Some(0.5), None));
        assert_eq!(config.param("S", "X").unwrap().valid_strs(), Some(vec!["a"]));
        assert!(config.param("L", "X").is_none() && config.param("T", "X").is_none());
    }
}
