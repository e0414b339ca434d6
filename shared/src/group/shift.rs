//! Nodes on their way into groups and out of them, in one batch: each node's own record, and for each group its
//! nodes and their number.

use std::collections::{BTreeMap, BTreeSet};

use super::{Group, key};
use crate::{
    Result,
    access::holders::{Holders, Spots},
    id::{GroupId, NodeId, UserId},
    port::table::{Batch, Key, MAX_MERGE_FIELDS, MAX_WRITES, Merge, When, Write},
};

const NODES: &str = "nodes";

/// The key of a group's nodes.
pub(crate) fn nodes_key(group: &GroupId) -> Key {
    key(group, NODES)
}

/// The writes by which nodes are not in groups any more, beside those of the nodes' own records: two for each group.
pub(crate) fn out<'a>(leaving: impl IntoIterator<Item = (&'a GroupId, &'a NodeId)>) -> Vec<Write> {
    let mut shift = Shift::default();
    for (group, node) in leaving {
        shift.groups.entry(group.clone()).or_default().out.insert(node.clone());
    }
    shift.of_groups()
}

/// The writes by which the groups say that the node has come from these to those, beside those of the node's own record.
pub(super) fn between(node: &NodeId, before: &Spots, after: &Spots) -> Vec<Write> {
    let mut shift = Shift::default();
    shift.move_between(node, before, after);
    shift.of_groups()
}

/// What a batch does.
#[derive(Clone, Default)]
pub(super) struct Shift {
    groups: BTreeMap<GroupId, Delta>,
    holders: Vec<Write>,
}

#[derive(Clone, Default)]
struct Delta {
    /// With who puts it there.
    into: BTreeMap<NodeId, UserId>,
    /// Of these so many that were there before, of another user's.
    stay: usize,
    out: BTreeSet<NodeId>,
}

impl Delta {
    fn writes(&self, group: &GroupId, when: When) -> [Write; 2] {
        let (into, out) = (self.into.len() - self.stay, self.out.len());
        let more = i64::try_from(into).unwrap_or_default() - i64::try_from(out).unwrap_or_default();
        let count = Merge::new(Group::key(group)).add("total", more).when(when);
        let nodes = Merge::new(nodes_key(group));
        let nodes = self.into.iter().fold(nodes, |merge, (node, user)| merge.set(node.as_str(), user.as_str()));
        let nodes = self.out.iter().fold(nodes, |merge, node| merge.remove(node.as_str()));
        [Write::Merge(count), Write::Merge(nodes)]
    }
}

impl Shift {
    /// Also has the node in these groups, and in no others.
    pub(super) fn with(mut self, node: &NodeId, holders: &Holders, after: &Spots) -> Result<Self> {
        self.move_between(node, &holders.spots, after);
        self.holders.push(holders.arrange(node, after)?);
        Ok(self)
    }

    /// Also has the groups say that the node has come from these to those.
    fn move_between(&mut self, node: &NodeId, before: &Spots, after: &Spots) {
        for (group, spot) in after.iter().filter(|(group, spot)| before.get(group).is_none_or(|before| before.by != spot.by)) {
            let delta = self.groups.entry(group.clone()).or_default();
            delta.into.insert(node.clone(), spot.by.clone());
            delta.stay += usize::from(before.contains_key(group));
        }
        for group in before.keys().filter(|group| !after.contains_key(group)) {
            self.groups.entry(group.clone()).or_default().out.insert(node.clone());
        }
    }

    fn of_groups(&self) -> Vec<Write> {
        self.groups.iter().flat_map(|(group, delta)| delta.writes(group, When::Always)).collect()
    }

    /// Is it small enough for a batch?
    pub(super) fn fits(&self) -> bool {
        let writes = 2 * self.groups.len() + self.holders.len();
        // And some more that check the group, and who does this.
        writes + 4 < MAX_WRITES && self.groups.values().all(|delta| delta.into.len() + delta.out.len() <= MAX_MERGE_FIELDS)
    }

    /// The batch with these writes beside, if there is anything to do; as long as the group that it is about is as it was read.
    pub(super) fn batch(&self, about: &Group, also: &[Write]) -> Result<Option<Batch>> {
        if self.holders.is_empty() {
            return Ok(None);
        }
        let mut writes = [&self.holders, also].concat();
        for (group, delta) in &self.groups {
            writes.extend(delta.writes(group, if *group == about.id { about.stands() } else { When::Always }));
        }
        if !self.groups.contains_key(&about.id) {
            writes.push(Write::Check { key: Group::key(&about.id), when: about.stands() });
        }
        Ok(Some(Batch::new(writes)?))
    }
}
