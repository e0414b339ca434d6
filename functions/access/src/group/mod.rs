//! Groups of nodes.

pub mod acl;
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
    pub(crate) fn id(&self) -> Result<Option<GroupId>, Refusal> {
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
    #[serde(default)]
    #[schemars(with = "Option<Map<String, Value>>")]
    custom_data: Said,
    /// The old name.
    #[serde(default)]
    #[schemars(with = "Option<Map<String, Value>>")]
    group_metadata: Said,
}

/// `null` is something else than nothing.
#[derive(Default)]
enum Said {
    #[default]
    Nothing,
    Null,
    Object(Map<String, Value>),
}

impl<'de> Deserialize<'de> for Said {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(from)?.map_or(Self::Null, Self::Object))
    }
}

impl CustomData {
    /// Of a new group.
    fn first(self) -> Map<String, Value> {
        match self.given() {
            Some(shared::group::edit::CustomData::Merge(data)) => data,
            _ => Map::new(),
        }
    }

    fn given(self) -> Option<shared::group::edit::CustomData> {
        use shared::group::edit::CustomData::{Clear, Merge};
        match (self.custom_data, self.group_metadata) {
            (Said::Object(data), Said::Object(old)) => Some(Merge(old.into_iter().chain(data).collect())),
            (Said::Object(data), _) | (Said::Nothing, Said::Object(data)) => Some(Merge(data)),
            (Said::Null, _) | (Said::Nothing, Said::Null) => Some(Clear),
            (Said::Nothing, Said::Nothing) => None,
        }
    }
}

fn nodes(ids: &[String]) -> Result<Vec<NodeId>, Refusal> {
    ids.iter().map(|id| id.parse().map_err(|_| Refusal::NodesNotMapped)).collect()
}
