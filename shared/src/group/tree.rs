//! All groups inside of an outermost group, in one record: which is in which, and what none beside it may be
//! called. Written only at the version that was read.

use std::collections::BTreeMap;

use super::{MAX_CHILDREN, MAX_INSIDE, key, name::Name};
use crate::{
    Error, Refusal, Result,
    id::GroupId,
    port::table::{Key, Merge, Record, When, Write},
};

const SORT: &str = "tree";

/// What is inside of an outermost group.
pub(crate) struct Tree {
    outermost: GroupId,
    branches: BTreeMap<GroupId, Branch>,
    version: Option<u64>,
}

#[derive(Clone, PartialEq, Eq)]
struct Branch {
    parent: GroupId,
    /// Of the name.
    hash: String,
}

impl Tree {
    /// The record's key.
    pub(crate) fn key(outermost: &GroupId) -> Key {
        key(outermost, SORT)
    }

    /// Reads the record; without one there is nothing inside.
    pub(crate) fn read(outermost: GroupId, record: Option<&Record>) -> Result<Self> {
        let branch = |(id, record): (&String, &Record)| {
            let (parent, hash) = record.str(id)?.split_once('#')?;
            Some((id.parse().ok()?, Branch { parent: parent.parse().ok()?, hash: hash.to_owned() }))
        };
        let fields = record.into_iter().flat_map(|record| record.fields.keys().map(move |id| (id, record)));
        let branches = fields.map(branch).collect::<Option<_>>().ok_or(Error::Corrupt("tree of groups"))?;
        Ok(Self { outermost, branches, version: record.map(|record| record.version) })
    }

    /// The groups directly inside of this one.
    pub(crate) fn children(&self, parent: &GroupId) -> Vec<GroupId> {
        self.branches.iter().filter(|(_, branch)| branch.parent == *parent).map(|(id, _)| id.clone()).collect()
    }

    /// The groups inside of this one on all levels, each before those inside of it.
    pub(crate) fn inside(&self, group: &GroupId) -> Vec<GroupId> {
        let mut found = self.children(group);
        let mut next = 0;
        while let Some(group) = found.get(next) {
            let more = self.children(group);
            found.extend(more);
            next += 1;
        }
        found
    }

    /// The write by which the group is inside of the parent under this name, whether or not it was under another.
    ///
    /// Refusals: [`Refusal::GroupNameTaken`], [`Refusal::TooManySubGroups`].
    pub(crate) fn put(&self, group: &GroupId, parent: &GroupId, name: &Name) -> Result<Write> {
        let hash = name.hash();
        let beside = || self.branches.iter().filter(|(id, branch)| *id != group && branch.parent == *parent);
        if beside().any(|(_, branch)| branch.hash == hash) {
            return Err(Refusal::GroupNameTaken.into());
        }
        if beside().count() >= MAX_CHILDREN || self.branches.keys().filter(|id| *id != group).count() >= MAX_INSIDE {
            return Err(Refusal::TooManySubGroups.into());
        }
        let merge = Merge::new(Self::key(&self.outermost)).set(group.as_str(), format!("{parent}#{hash}"));
        Ok(Write::Merge(merge.when(self.unchanged())))
    }

    /// The write by which these are not inside any more.
    pub(crate) fn without(&self, groups: &[GroupId]) -> Write {
        let merge = groups.iter().fold(Merge::new(Self::key(&self.outermost)), |merge, group| merge.remove(group.as_str()));
        Write::Merge(merge.when(self.unchanged()))
    }

    /// The write by which there is no such record.
    pub(crate) fn delete(&self) -> Write {
        Write::Delete { key: Self::key(&self.outermost), when: self.unchanged() }
    }

    fn unchanged(&self) -> When {
        self.version.map_or(When::Absent, When::Version)
    }
}
