//! Groups of nodes.

pub mod change;
pub mod create;
pub mod list;
pub mod remove;
mod view;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use shared::{Refusal, id::GroupId, id::NodeId};

/// The group that a query names.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
pub struct OfGroup {
    /// The group.
    group_id: Option<String>,
}

impl OfGroup {
    fn id(&self) -> Result<Option<GroupId>, Refusal> {
        self.group_id.as_ref().map(|id| id.parse().map_err(|_| Refusal::NoSuchGroup)).transpose()
    }

    fn required(&self) -> Result<GroupId, Refusal> {
        self.id()?.ok_or(Refusal::GroupIdMissing)
    }
}

/// What apps keep with a group, under its name and under its old name. Some apps use both.
#[derive(Deserialize, JsonSchema)]
struct CustomData {
    /// What is merged in; `null` takes everything away.
    #[serde(default, deserialize_with = "present")]
    #[schemars(!default)]
    custom_data: Option<Option<Map<String, Value>>>,
    /// The old name.
    #[serde(default, deserialize_with = "present")]
    #[schemars(!default)]
    group_metadata: Option<Option<Map<String, Value>>>,
}

impl CustomData {
    fn given(self) -> Option<Option<Map<String, Value>>> {
        match (self.custom_data, self.group_metadata) {
            (Some(Some(data)), Some(Some(old))) => Some(Some(old.into_iter().chain(data).collect())),
            (data, old) => data.or(old),
        }
    }
}

fn present<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Option<Map<String, Value>>>, D::Error> {
    Option::deserialize(from).map(Some)
}

fn nodes(ids: &[String]) -> Result<Vec<NodeId>, Refusal> {
    ids.iter().map(|id| id.parse().map_err(|_| Refusal::NodesNotMapped)).collect()
}
