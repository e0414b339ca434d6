//! How a node comes to belong to a user (contract `mqtt-and-node.md` §4, `clients.md` A4). A new primary user
//! ends the rights of all users before.
//!
//! * By a secret ([`request`], [`mod@report`]) that the app gives to both the cloud and the node. The two halves
//!   arrive in either order; whoever brings the second confirms.
//! * By a challenge ([`initiate`], [`verify`]) that the node signs with the key of its certificate, and the
//!   app carries to and fro. The node need not ever have been online.
//!
//! | table | key | sample | read by |
//! |---|---|---|---|
//! | `users` | `user#<user>` / `mapping#<request>` | `{node: "<node>", status: "requested", deadline: 1790000600}` | polling |
//! | `users` | the same, by challenge | `{by: "challenge", challenge: "…", tries: 0, status: "requested", deadline: …}` | the node's answer, polling |
//! | `users` | `user#<user>` / `history#<node>` | `{first: 1790000000, updated: 1790000000, count: 1, active: true}` | [`history`] |
//! | `users` | `user#<user>` / `history` | `{total: 1}` | [`history`] |
//! | `nodes` | `node#<node>` / `mapping#user#<user>` | `{request: "<request>", secret: "…", gift: {"tags": […], "metadata": {…}}, group: "<group>"}` | the node's half, when it arrives |
//! | `nodes` | `node#<node>` / `mapping#node` | `{user: "<user>", secret: "…", reset: false}` | the user's half, when it arrives |
//!
//! A request costs 2 gets and 1 batch, the node's half 1 batched get and 1 write; confirming 2 gets
//! and 1 batch more, and what adding to a group costs, a reset 1 get and 1 batch. The halves live for
//! [`WINDOW_SECONDS`]. A challenge costs 1 write; its answer 1 write and 1 get, and then what confirming costs.

mod confirm;
pub mod history;
pub mod initiate;
pub mod poll;
pub mod remove;
pub mod report;
pub mod request;
pub mod verify;

use subtle::ConstantTimeEq as _;

use crate::{
    Ports, Refusal, Result,
    access::{Caller, membership, role::Primary},
    id::{GroupId, NodeId, RequestId, UserId},
    node::{self, details},
    port::table::{Key, Record, Value},
    user,
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
    gift: Gift,
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
        let details = record.json("gift").map_or(Some(details::Change::default()), details::Change::from_json)?;
        let gift = Gift { details, group: group_of(record) };
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

/// What a node gets when it is the user's.
#[derive(Clone, Debug, Default)]
pub struct Gift {
    /// Tags and metadata.
    pub details: details::Change,
    /// A group of the user's, into which it comes; if the group is not there by then, or not theirs, it comes into none.
    pub group: Option<GroupId>,
}

/// The group that a record keeps for the node.
fn group_of(record: &Record) -> Option<GroupId> {
    record.str("group").and_then(|group| group.parse().ok())
}

/// The field by which it is kept.
fn group_field(group: Option<&GroupId>) -> Option<(&'static str, Value)> {
    group.map(|group| ("group", group.as_str().into()))
}

/// The group, of which the caller must be a primary user. 1 batched get, if there is one.
///
/// Refusals: [`Refusal::NoSuchGroup`], [`Refusal::SharedGroup`].
pub async fn group(ports: &Ports, caller: &Caller, id: Option<&str>) -> Result<Option<GroupId>> {
    let Some(id) = id.filter(|id| !id.is_empty()) else { return Ok(None) };
    let id = id.parse().map_err(|_| Refusal::NoSuchGroup)?;
    membership::grant::<Primary>(ports, caller, &id).await?;
    Ok(Some(id))
}

fn request_key(user: &UserId, request: &RequestId) -> Key {
    user::key(user, &format!("mapping#{request}"))
}

fn user_half_key(user: &UserId, node: &NodeId) -> Key {
    node::key(node, &format!("mapping#user#{user}"))
}

fn node_half_key(node: &NodeId) -> Key {
    node::key(node, "mapping#node")
}
