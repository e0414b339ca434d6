//! How a node is shown, wherever clients read one (contract `rest-4-schemas.md`, `NodeDetailsObject`).

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};
use shared::{
    access::role::RoleName,
    node::{
        details::{AdminAccess, Metadata},
        list::{Details, Parts},
        presence::Presence,
    },
    params::Values,
};

/// `NodeDetailsObject`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[expect(clippy::struct_field_names, reason = "the contract's names")]
pub struct Node {
    // Some clients read `id`, others `node_id`.
    id: String,
    node_id: String,
    node_type: &'static str,
    role: &'static str,
    primary: bool,
    is_matter: bool,
    mapping_timestamp: i64,
    metadata: Metadata,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    admin_access: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status>,
    #[serde(skip_serializing_if = "Option::is_none")]
    config: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    params: Option<Values>,
}

impl Node {
    /// The node with the parts that are wanted.
    pub fn new(details: Details, wanted: Parts, with_tags: bool) -> Self {
        let Details { association, given, config, params, presence } = details;
        let params = wanted.params.then(|| params.readable(config.as_ref()));
        Self {
            id: association.node.to_string(),
            node_id: association.node.to_string(),
            node_type: "rainmaker",
            role: association.role.as_str(),
            primary: association.role == RoleName::Primary,
            is_matter: false,
            mapping_timestamp: association.mapped_at,
            metadata: given.metadata,
            tags: with_tags.then_some(given.tags),
            admin_access: given.admin_access.map(AdminAccess::as_str),
            status: wanted.status.then(|| presence.into()),
            config: config.filter(|_| wanted.config).map(|config| config.as_json().clone()),
            params,
        }
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }
}

/// `{"connectivity":{"connected":<bool>,"timestamp":<ms>}}`; `{"connectivity":{}}` of a node that never
/// connected.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Status {
    connectivity: Connectivity,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
struct Connectivity {
    #[serde(skip_serializing_if = "Option::is_none")]
    connected: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<i64>,
}

impl From<Presence> for Status {
    fn from(presence: Presence) -> Self {
        let (connected, timestamp) = presence.known.unzip();
        Self { connectivity: Connectivity { connected, timestamp } }
    }
}
