//! Nodes on their way into groups and out of them, in one batch: each node's own record, and for each group its
//! nodes and their number.

use std::collections::{BTreeMap, BTreeSet};

use super::{Group, key};
use crate::{
    Result,
    access::holding::{Holding, Places},
    id::{GroupId, NodeId, UserId},
    port::table::{Batch, Key, MAX_MERGE_FIELDS, MAX_WRITES, Merge, When, Write},
};

const NODES: &str = "nodes";

/// The key of a group's nodes.
pub(super) fn nodes_key(group: &GroupId) -> Key {
    key(group, NODES)
}

/// The writes by which the node is not in the group any more, beside those of the node's own record.
pub(crate) fn out(group: &GroupId, node: &NodeId) -> [Write; 2] {
    let delta = Delta { out: [node.clone()].into(), ..Delta::default() };
    delta.writes(group, When::Always)
}

/// What a batch does.
#[derive(Clone, Default)]
pub(super) struct Shift {
    groups: BTreeMap<GroupId, Delta>,
    holdings: Vec<Write>,
}

#[derive(Clone, Default)]
struct Delta {
    /// With who puts it there.
    into: BTreeMap<NodeId, UserId>,
    out: BTreeSet<NodeId>,
}

impl Delta {
    fn writes(&self, group: &GroupId, when: When) -> [Write; 2] {
        let (into, out) = (self.into.len(), self.out.len());
        let more = i64::try_from(into).unwrap_or_default() - i64::try_from(out).unwrap_or_default();
        let count = Merge::new(Group::key(group)).add("total", more).when(when);
        let nodes = Merge::new(nodes_key(group));
        let nodes = self.into.iter().fold(nodes, |merge, (node, user)| merge.set(node.as_str(), user.as_str()));
        let nodes = self.out.iter().fold(nodes, |merge, node| merge.remove(node.as_str()));
        [Write::Merge(count), Write::Merge(nodes)]
    }
}

impl Shift {
    /// Also has the user's node in these groups, and in no others.
    pub(super) fn with(mut self, node: &NodeId, holding: &Holding, after: &Places) -> Self {
        for group in after.keys().filter(|group| !holding.places.contains_key(group)) {
            self.groups.entry(group.clone()).or_default().into.insert(node.clone(), holding.user.clone());
        }
        for group in holding.places.keys().filter(|group| !after.contains_key(group)) {
            self.groups.entry(group.clone()).or_default().out.insert(node.clone());
        }
        self.holdings.push(holding.put(node, after));
        self
    }

    /// Is it small enough for a batch?
    pub(super) fn fits(&self) -> bool {
        let writes = 2 * self.groups.len() + self.holdings.len();
        // And one more that checks the group.
        writes < MAX_WRITES && self.groups.values().all(|delta| delta.into.len() + delta.out.len() <= MAX_MERGE_FIELDS)
    }

    /// The batch, if there is anything to do; as long as the group that it is about is as it was read.
    pub(super) fn batch(&self, about: &Group) -> Result<Option<Batch>> {
        if self.holdings.is_empty() {
            return Ok(None);
        }
        let mut writes = self.holdings.clone();
        for (group, delta) in &self.groups {
            writes.extend(delta.writes(group, if *group == about.id { about.stands() } else { When::Always }));
        }
        if !self.groups.contains_key(&about.id) {
            writes.push(Write::Check { key: Group::key(&about.id), when: about.stands() });
        }
        Ok(Some(Batch::new(writes)?))
    }
}
