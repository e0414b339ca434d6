//! Which user may use which node, as the user's side has it; the node's side is [`super::holders`]. Both are
//! written together.
//!
//! | table `access` | sample | read by |
//! |---|---|---|
//! | `user#<user>` / `node#<node>` | `{role: "secondary", sub_role: 2, mapped_at: 1790000000}` | every grant; the list of a user's nodes |
//!
//! A grant costs one get; a change of hands one get more and one batch.

use std::fmt::Display;

use crate::{
    Error, Result,
    access::{
        membership::{Membership, Memberships},
        role::RoleName,
    },
    id::{GroupId, NodeId, UserId},
    port::table::{Key, Merge, Record, TableId, Value, When, Write},
};

/// Sort keys of a user's nodes begin with this.
pub(crate) const NODE_PREFIX: &str = "node#";

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
    /// The groups of the user's by which it is; none if it is the user's own.
    pub groups: Vec<GroupId>,
}

impl Association {
    /// Reads the user's record.
    pub fn read(record: &Record) -> Result<Self> {
        let node = record.key.sort.strip_prefix(NODE_PREFIX).and_then(|id| id.parse().ok());
        let role = record.str("role").and_then(RoleName::of);
        match (node, role, record.int("mapped_at")) {
            (Some(node), Some(role), Some(mapped_at)) => Ok(Self::own(node, role, sub_role(record)?, mapped_at)),
            _ => Err(Error::Corrupt("association")),
        }
    }

    /// Of a node that is the user's own.
    pub(crate) fn own(node: NodeId, role: RoleName, sub_role: Option<u8>, mapped_at: i64) -> Self {
        Self { node, role, sub_role, mapped_at, groups: Vec::new() }
    }

    /// What a user is to a node that they may have themselves, and which is in these groups: the strongest, if anything.
    pub(crate) fn strongest<'a>(
        node: &NodeId,
        own: Option<Self>,
        memberships: &Memberships,
        groups: impl IntoIterator<Item = &'a GroupId>,
    ) -> Option<Self> {
        let theirs: Vec<_> = groups.into_iter().filter(|group| memberships.has(group)).collect();
        match memberships.strongest(theirs.iter().copied()) {
            Some((_, membership)) => Some(Self::stronger(node, own, membership, || theirs.into_iter().cloned().collect())),
            None => own,
        }
    }

    /// The stronger of what a user is to a node themselves, and of what they are to these groups in which it is.
    pub(crate) fn stronger(
        node: &NodeId,
        own: Option<Self>,
        Membership { role, sub_role, since, .. }: Membership,
        groups: impl FnOnce() -> Vec<GroupId>,
    ) -> Self {
        match own {
            Some(own) if !role.beats(own.role) => own,
            _ => Self { node: node.clone(), role, sub_role, mapped_at: since, groups: groups() },
        }
    }
}

fn sub_role(record: &Record) -> Result<Option<u8>> {
    record.int("sub_role").map(u8::try_from).transpose().map_err(|_| Error::Corrupt("association"))
}

/// The partition of what a user may use.
pub(crate) fn user_partition(user: &(impl Display + ?Sized)) -> String {
    format!("user#{user}")
}

/// The partition of a node's users.
pub(crate) fn node_partition(node: &NodeId) -> String {
    format!("{NODE_PREFIX}{node}")
}

/// The user's record.
pub(crate) fn user_key(user: &UserId, node: &NodeId) -> Key {
    Key::new(TableId::Access, user_partition(user), node_partition(node))
}

/// The write that gives the user the role at a node that they did not have.
pub(crate) fn put(user: &UserId, association: &Association) -> Write {
    let Association { node, role, sub_role, mapped_at, .. } = association;
    let fields = [("role", Value::from(role.as_str())), ("mapped_at", (*mapped_at).into())];
    let sub_role = sub_role.map(|sub_role| ("sub_role", i64::from(sub_role).into()));
    Write::put(user_key(user, node), fields.into_iter().chain(sub_role), When::Always)
}

/// The write that gives the user another role at a node that they have.
pub(crate) fn change(user: &UserId, node: &NodeId, role: RoleName, sub_role: Option<u8>) -> Write {
    let merge = Merge::new(user_key(user, node)).set("role", role.as_str());
    Write::Merge(match sub_role {
        Some(sub_role) => merge.set("sub_role", i64::from(sub_role)),
        None => merge.remove("sub_role"),
    })
}

/// The write that takes the node from the user.
pub(crate) fn delete(user: &UserId, node: &NodeId) -> Write {
    Write::Delete { key: user_key(user, node), when: When::Always }
}
