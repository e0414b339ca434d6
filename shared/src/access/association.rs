//! Which user may use which node: two records and the owner's, written together.
//!
//! | table `access` | sample | read by |
//! |---|---|---|
//! | `user#<user>` / `node#<node>` | `{role: "secondary", sub_role: 2, mapped_at: 1790000000}` | every grant; the list of a user's nodes |
//! | `node#<node>` / `user#<user>` | `{role: "secondary", sub_role: 2}`, and see [`super::holding`] | who has the node, when it changes hands; groups |
//! | `node#<node>` / `owner` | `{user: "<user>", since: 1790000000000}` | the lock under which a node changes hands |
//!
//! A grant costs one get; a change of hands one query and one batch.

use crate::{
    Error, Ports, Result,
    access::role::RoleName,
    id::{NodeId, UserId},
    port::table::{Key, Merge, Record, TableId, Value, When, Write},
};

/// Sort keys of a user's nodes begin with this.
pub(crate) const NODE_PREFIX: &str = "node#";
/// Sort keys of a node's users begin with this, and those of a group's.
pub(crate) const USER_PREFIX: &str = "user#";
/// The sort key of the owner's record.
pub(crate) const OWNER: &str = "owner";

/// A user's place at a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Association {
    /// The node.
    pub node: NodeId,
    /// The user's role.
    pub role: RoleName,
    /// 1 to 4, which the application gives a meaning; most have none.
    pub sub_role: Option<u8>,
    /// Seconds since the epoch at which it began.
    pub mapped_at: i64,
}

impl Association {
    /// Reads the user's record.
    pub fn read(record: &Record) -> Result<Self> {
        let node = record.key.sort.strip_prefix(NODE_PREFIX).and_then(|id| id.parse().ok());
        let role = record.str("role").and_then(RoleName::of);
        match (node, role, record.int("mapped_at")) {
            (Some(node), Some(role), Some(mapped_at)) => Ok(Self { node, role, sub_role: sub_role(record)?, mapped_at }),
            _ => Err(Error::Corrupt("association")),
        }
    }
}

fn sub_role(record: &Record) -> Result<Option<u8>> {
    record.int("sub_role").map(u8::try_from).transpose().map_err(|_| Error::Corrupt("association"))
}

/// The partition of a user's nodes.
pub(crate) fn user_partition(user: &UserId) -> String {
    format!("{USER_PREFIX}{user}")
}

/// The partition of a node's users.
pub(crate) fn node_partition(node: &NodeId) -> String {
    format!("{NODE_PREFIX}{node}")
}

/// The user's record.
pub(crate) fn user_key(user: &UserId, node: &NodeId) -> Key {
    Key::new(TableId::Access, user_partition(user), node_partition(node))
}

/// The node's record of the user.
pub(crate) fn node_key(user: &UserId, node: &NodeId) -> Key {
    Key::new(TableId::Access, node_partition(node), user_partition(user))
}

/// The owner's record.
pub(crate) fn owner_key(node: &NodeId) -> Key {
    Key::new(TableId::Access, node_partition(node), OWNER)
}

/// What the user is to each of these nodes. 1 batched get.
pub(crate) async fn of_user(ports: &Ports, user: &UserId, nodes: &[NodeId]) -> Result<Vec<Option<Association>>> {
    let keys: Vec<_> = nodes.iter().map(|node| user_key(user, node)).collect();
    let records = ports.table.get_many(&keys).await?;
    records.iter().map(|record| record.as_ref().map(Association::read).transpose()).collect()
}

/// The writes that give the user the role at the node. The groups into which they have put it stay as they are.
pub(crate) fn put(user: &UserId, association: &Association) -> [Write; 2] {
    let Association { node, role, sub_role, mapped_at } = association;
    let sub_role = sub_role.map(i64::from);
    let fields = [("role", Value::from(role.as_str())), ("mapped_at", (*mapped_at).into())];
    let back = Merge::new(node_key(user, node)).set("role", role.as_str());
    let back = match sub_role {
        Some(sub_role) => back.set("sub_role", sub_role),
        None => back.remove("sub_role"),
    };
    let fields = fields.into_iter().chain(sub_role.map(|sub_role| ("sub_role", sub_role.into())));
    [Write::put(user_key(user, node), fields, When::Always), Write::Merge(back)]
}
