//! How a group is shown (contract `rest-4-schemas.md`, `UserDeviceGroup` and the examples for group reads).

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};
use shared::{access::role::RoleName, group::View, id::GroupId};
use web::node::Node;

/// `UserDeviceGroup`.
#[derive(Serialize, JsonSchema)]
#[expect(clippy::struct_field_names, reason = "the contract's names")]
pub(super) struct Group {
    group_id: String,
    group_name: String,
    /// The caller is an owner.
    primary: bool,
    /// The group that it is in.
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_group_id: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    r#type: String,
    mutually_exclusive: bool,
    is_matter: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    fabric_id: Option<String>,
    /// Nodes in it.
    total: i64,
    #[serde(skip_serializing_if = "String::is_empty")]
    description: String,
    custom_data: Map<String, Value>,
    /// The same, under its old name.
    group_metadata: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nodes: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    node_details: Option<Vec<Node>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub_groups: Option<Vec<Self>>,
    /// Where its nodes go on, if these are not all.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_id: Option<String>,
}

/// What is shown of the nodes.
pub(super) enum Nodes {
    /// Nothing.
    None,
    /// Their ids.
    Ids,
    /// These, by their ids.
    Details(BTreeMap<String, Node>),
}

impl Group {
    /// The group with what is wanted of it.
    pub(super) fn new(view: View, nodes: &Nodes, sub_groups: bool) -> Self {
        let View { group, membership, nodes: ids, sub_groups: inside } = view;
        let parent = group.parent().as_ref().map(GroupId::to_string);
        let (exclusive, total) = (group.is_exclusive(), group.total);
        let ids: Vec<_> = ids.iter().map(ToString::to_string).collect();
        let (nodes_shown, node_details) = match nodes {
            Nodes::None => (None, None),
            Nodes::Ids => (Some(ids), None),
            Nodes::Details(known) => (None, Some(ids.iter().filter_map(|id| known.get(id).cloned()).collect())),
        };
        Self {
            group_id: group.id.to_string(),
            group_name: group.name.as_str().to_owned(),
            primary: membership.role == RoleName::Primary,
            parent_group_id: parent,
            r#type: group.kind,
            mutually_exclusive: exclusive,
            is_matter: group.fabric_id.is_some(),
            fabric_id: group.fabric_id,
            total,
            description: group.description,
            custom_data: group.custom_data.clone(),
            group_metadata: group.custom_data,
            nodes: nodes_shown,
            node_details,
            sub_groups: sub_groups.then(|| inside.into_iter().map(|view| Self::new(view, nodes, true)).collect()),
            next_id: None,
        }
    }

    /// The same, whose nodes go on there.
    pub(super) fn continued(mut self, next_id: Option<String>) -> Self {
        self.next_id = next_id;
        self
    }

    /// Is it a Matter fabric?
    pub(super) fn is_matter(&self) -> bool {
        self.is_matter
    }
}
