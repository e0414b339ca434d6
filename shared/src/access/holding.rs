//! A user at a node, as the node's record `node#<node>` / `user#<user>` has it: also in which groups the user has
//! put the node. So whoever takes the node from the user takes it from those groups in the same batch, and
//! whoever puts it into one proves in that batch that it is the user's.
//!
//! `{role: "primary", "group/<group>": "{\"around\":[\"<home>\"],\"only\":\"room\"}"}`

use std::collections::BTreeMap;

use super::{
    association::{self, USER_PREFIX},
    role::RoleName,
};
use crate::{
    Ports, Result,
    group::{place::Place, shift},
    id::{GroupId, NodeId, UserId},
    port::table::{Key, Merge, Record, When, Write},
};

const GROUP_PREFIX: &str = "group/";
/// Groups into which a user can put one node: it leaves them all in the batch in which it leaves the user.
pub(crate) const MAX_PLACES: usize = 24;

/// Where a user has put a node.
pub(crate) type Places = BTreeMap<GroupId, Place>;

/// A user at a node.
#[derive(Clone, Debug)]
pub(crate) struct Holding {
    /// The user.
    pub(crate) user: UserId,
    /// What they are to the node.
    pub(crate) role: Option<RoleName>,
    /// The groups in which they have it.
    pub(crate) places: Places,
    version: u64,
}

impl Holding {
    /// Reads a record of the node's; `None` if it is no user's.
    pub(crate) fn read(record: &Record) -> Option<Self> {
        let place = |name: &String| Some((name.strip_prefix(GROUP_PREFIX)?.parse().ok()?, record.str(name)?.parse().ok()?));
        Some(Self {
            user: record.key.sort.strip_prefix(USER_PREFIX)?.parse().ok()?,
            role: record.str("role").and_then(RoleName::of),
            places: record.fields.keys().filter_map(place).collect(),
            version: record.version,
        })
    }

    /// The record's key.
    pub(crate) fn key(user: &UserId, node: &NodeId) -> Key {
        association::node_key(user, node)
    }

    /// What the user is to the node as the node has it. 1 get.
    pub(crate) async fn of(ports: &Ports, user: &UserId, node: &NodeId) -> Result<Option<Self>> {
        Ok(ports.table.get(&Self::key(user, node)).await?.as_ref().and_then(Self::read))
    }

    /// The write by which the node is in these groups of the user's, and in no others.
    pub(crate) fn put(&self, node: &NodeId, after: &Places) -> Write {
        let name = |group: &GroupId| format!("{GROUP_PREFIX}{group}");
        let mut merge = Merge::new(Self::key(&self.user, node)).when(When::Version(self.version));
        for group in self.places.keys().filter(|group| !after.contains_key(group)) {
            merge = merge.remove(name(group));
        }
        for (group, place) in after.iter().filter(|(group, place)| self.places.get(group) != Some(place)) {
            merge = merge.set(name(group), place.to_string());
        }
        Write::Merge(merge)
    }

    /// Writes of [`Self::end`].
    pub(crate) fn end_writes(&self) -> usize {
        2 + 2 * self.places.len()
    }

    /// The writes by which the user has the node no more, nor have their groups.
    pub(crate) fn end(&self, node: &NodeId) -> Vec<Write> {
        let mut writes = vec![
            Write::Delete { key: association::user_key(&self.user, node), when: When::Always },
            Write::Delete { key: Self::key(&self.user, node), when: When::Version(self.version) },
        ];
        writes.extend(self.places.keys().flat_map(|group| shift::out(group, node)));
        writes
    }
}
