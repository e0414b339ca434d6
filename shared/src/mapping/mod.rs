//! How a node comes to belong to a user: by a secret that the app gives to both the cloud and the node
//! (contract `mqtt-and-node.md` §4.2, `clients.md` A4). The two halves arrive in either order; whoever
//! brings the second confirms. A new primary user ends the rights of all users before.
//!
//! | table | key | sample | read by |
//! |---|---|---|---|
//! | `users` | `user#<user>` / `mapping#<request>` | `{node: "<node>", status: "requested", deadline: 1790000600}` | polling |
//! | `users` | `user#<user>` / `history#<node>` | `{first: 1790000000, updated: 1790000000, count: 1, active: true}` | [`history`] |
//! | `users` | `user#<user>` / `history` | `{total: 1}` | [`history`] |
//! | `nodes` | `node#<node>` / `mapping#user#<user>` | `{request: "<request>", secret: "…", gift: {"tags": […], "metadata": {…}}}` | the node's half, when it arrives |
//! | `nodes` | `node#<node>` / `mapping#node` | `{user: "<user>", secret: "…", reset: false}` | the user's half, when it arrives |
//!
//! A request costs 2 gets and 1 batch, the node's half 1 batched get and 1 write; confirming 1 query, 1 get
//! and 1 batch more, a reset 1 query and 1 batch. The halves live for [`WINDOW_SECONDS`].

mod confirm;
pub mod history;
pub mod poll;
pub mod remove;
pub mod report;
pub mod request;

use subtle::ConstantTimeEq as _;

use crate::{
    id::{NodeId, RequestId, UserId},
    node::{self, details},
    port::table::{Key, Record, TableId},
};

/// Seconds for which one half waits for the other. The firmware may need minutes to join its network.
pub const WINDOW_SECONDS: i64 = 600;
/// Seconds for which the outcome can be polled after that.
const OUTCOME_SECONDS: i64 = 86_400;
/// The longest secret (contract `rest-4-schemas.md`, `AddRemoveUserNodeMappingRequest`).
pub const MAX_SECRET: usize = 64;

/// What the user's side knows.
#[derive(Clone, Debug)]
struct UserHalf {
    user: UserId,
    request: RequestId,
    secret: String,
    /// What the node gets when it is the user's.
    gift: details::Change,
}

/// What the node's side knows.
#[derive(Clone, Debug)]
struct NodeHalf {
    user: UserId,
    secret: String,
    reset: bool,
    version: u64,
}

impl UserHalf {
    fn read(user: &UserId, record: &Record) -> Option<Self> {
        let gift = record.json("gift").map_or(Some(details::Change::default()), details::Change::from_json)?;
        Some(Self { user: user.clone(), request: record.str("request")?.parse().ok()?, secret: record.str("secret")?.to_owned(), gift })
    }
}

impl NodeHalf {
    fn read(record: &Record) -> Option<Self> {
        Some(Self {
            user: record.str("user")?.parse().ok()?,
            secret: record.str("secret")?.to_owned(),
            reset: record.bool("reset")?,
            version: record.version,
        })
    }

    fn matches(&self, half: &UserHalf) -> bool {
        self.user == half.user && bool::from(self.secret.as_bytes().ct_eq(half.secret.as_bytes()))
    }
}

fn request_key(user: &UserId, request: &RequestId) -> Key {
    Key::new(TableId::Users, format!("user#{user}"), format!("mapping#{request}"))
}

fn user_half_key(user: &UserId, node: &NodeId) -> Key {
    node::key(node, &format!("mapping#user#{user}"))
}

fn node_half_key(node: &NodeId) -> Key {
    node::key(node, "mapping#node")
}
