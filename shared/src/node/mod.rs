//! Nodes: what is known of each, and the list of a user's.
//!
//! | table `nodes` | sample | read by |
//! |---|---|---|
//! | `node#<node>` / `node` | `{fingerprint: "9f31…", certificate: <DER>, registered_at: 1790000000, revoked: false}` | registering and revoking; checking signatures |
//! | `node#<node>` / `config` | `{config: {"node_id": …}}` | checks of params, config, lists |
//! | `node#<node>` / `params` | see [`crate::params`] | params, lists |
//! | `node#<node>` / `command#…`, `waiting#…` | see [`crate::command`] | commands |
//! | `node#<node>` / `presence` | `{connected: true, at: 1790000000000, order: "…", session: "…"}` | status, lists |
//! | `node#<node>` / `details` | `{tags: ["location:pune"], metadata: {"room": 7}, admin_access: "READ"}` | lists, changes |
//! | `node#<node>` / `unparsable` | `{count: 1, suffix: "config", payload: <bytes>, unknown: 2, unknown_suffix: "x"}` | an owner who looks for it |
//! | `cert#<fingerprint>` / `certificate` | `{node: "<node>", revoked: false}` | every TLS handshake |
//! | `registry` / `<node>` | `{registered_at: 1790000000}` | the owner's list of nodes |
//! | `revocations` / `<ms>#<node>` | `{node: "<node>"}` | the broker's process, to end connections |

pub mod administer;
pub mod alert;
pub mod certificate;
pub mod config;
pub mod details;
pub mod filter;
pub mod list;
pub mod presence;
pub mod proxy;
pub mod public_key;
pub mod unparsable;

use crate::{
    id::NodeId,
    port::table::{Key, TableId},
};

/// The key of a record of this node.
pub(crate) fn key(node: &NodeId, sort: &str) -> Key {
    Key::new(TableId::Nodes, format!("node#{node}"), sort)
}
