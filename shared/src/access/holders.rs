//! Who has a node: one record, and the lock under which that changes. It is written in every batch in which a user
//! gets, keeps or loses the node, at the version that was read; so of two such batches at the same moment one
//! begins anew.
//!
//! | table `access` | sample | read by |
//! |---|---|---|
//! | `node#<node>` / `owner` | `{user: "<owner>", since: 1790000000000, "user#<user>": {"role": "secondary", "sub_role": 2, "metadata": {"k": 1}}}` | changes of hands; who shares a node |
//!
//! The owner is the primary user who mapped the node, or who got that place from them. An owner of whom nothing else is to
//! be said has no entry beside.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Load, association::node_partition, role::RoleName};
use crate::{
    Error, Ports, Result,
    id::{NodeId, UserId},
    port::table::{Key, Merge, Record, TableId, Value, When, Write},
};

const OWNER: &str = "owner";
const USER_PREFIX: &str = "user#";

/// What a user is to a node, as those see it who share it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Place {
    /// The role.
    pub role: RoleName,
    /// 1 to 4, which the application gives a meaning; most have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sub_role: Option<u8>,
    /// What the application said with the offer: an object, as its very JSON text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Box<RawValue>>,
}

impl Place {
    /// A role of which nothing else is to be said.
    pub fn plain(role: RoleName) -> Self {
        Self { role, sub_role: None, metadata: None }
    }

    /// Is it the same in all?
    pub(crate) fn is(&self, other: &Self) -> bool {
        let said = |place: &Self| (place.role, place.sub_role, place.metadata.as_ref().map(|metadata| metadata.get().to_owned()));
        said(self) == said(other)
    }
}

/// A node's users as they stand.
#[derive(Debug)]
pub(crate) struct Holders {
    /// See above.
    pub(crate) owner: Option<UserId>,
    /// When the owner mapped it, ms since the epoch.
    pub(crate) since: i64,
    places: BTreeMap<UserId, Place>,
    version: Option<u64>,
}

/// The record of a node's users.
pub(crate) fn key(node: &NodeId) -> Key {
    Key::new(TableId::Access, node_partition(node), OWNER)
}

fn field(user: &UserId) -> String {
    format!("{USER_PREFIX}{user}")
}

impl Holders {
    /// 1 get.
    pub(crate) async fn read(ports: &Ports, node: &NodeId) -> Result<Self> {
        Self::of(ports.table.get(&key(node)).await?.as_ref())
    }

    /// Reads the record; nobody has the node if there is none.
    pub(crate) fn of(record: Option<&Record>) -> Result<Self> {
        let Some(record) = record else { return Ok(Self { owner: None, since: 0, places: BTreeMap::new(), version: None }) };
        let corrupt = || Error::Corrupt("holders of a node");
        let owner: Option<UserId> = record.str("user").map(str::parse).transpose().map_err(|_| corrupt())?;
        let mut places: BTreeMap<UserId, Place> = owner.iter().map(|owner| (owner.clone(), Place::plain(RoleName::Primary))).collect();
        for (name, user) in record.fields.keys().filter_map(|name| Some((name, name.strip_prefix(USER_PREFIX)?))) {
            let place = record.json(name).and_then(|text| serde_json::from_str(text).ok()).ok_or_else(corrupt)?;
            places.insert(user.parse().map_err(|_| corrupt())?, place);
        }
        Ok(Self { owner, since: record.int("since").unwrap_or_default(), places, version: Some(record.version) })
    }

    /// What each user is to the node.
    pub(crate) fn places(&self) -> &BTreeMap<UserId, Place> {
        &self.places
    }

    /// Everybody, the owner last.
    pub(crate) fn users(&self) -> impl Iterator<Item = &UserId> {
        let owner = self.owner.as_ref();
        self.places.keys().filter(move |user| Some(*user) != owner).chain(owner)
    }

    /// Does the user have the node in this role?
    pub(crate) fn has(&self, user: &UserId, role: RoleName) -> bool {
        self.places.get(user).is_some_and(|place| place.role == role)
    }

    /// Holds as long as nobody else changed it.
    pub(crate) fn unchanged(&self) -> When {
        self.version.map_or(When::Absent, When::Version)
    }

    /// The write by which these users leave; with the last of all the record goes.
    pub(crate) fn without(&self, node: &NodeId, leaving: &[&UserId]) -> Result<Write> {
        let owner = self.owner.as_ref().filter(|owner| !leaving.contains(owner));
        self.change(node, leaving.iter().map(|user| (*user, None)), owner)
    }

    /// The write by which users get these places, or none, and this one is the owner.
    pub(crate) fn change<'a>(
        &self,
        node: &NodeId,
        places: impl IntoIterator<Item = (&'a UserId, Option<&'a Place>)>,
        owner: Option<&UserId>,
    ) -> Result<Write> {
        let mut merge = Merge::new(key(node)).when(self.unchanged());
        let mut left = self.places.len();
        for (user, place) in places {
            let had = self.places.contains_key(user);
            merge = if let Some(place) = place {
                left += usize::from(!had);
                let text = serde_json::to_string(place).map_err(|_| Error::Corrupt("holders of a node"))?;
                merge.set(field(user), Value::Json(text))
            } else {
                left -= usize::from(had);
                merge.remove(field(user))
            };
        }
        if left == 0 {
            let (key, when) = (merge.key, merge.when);
            return Ok(if self.version.is_some() { Write::Delete { key, when } } else { Write::Check { key, when } });
        }
        Ok(Write::Merge(match owner {
            Some(owner) => merge.set("user", owner.as_str()),
            None => merge.remove("user").remove("since"),
        }))
    }

    /// The write by which the user becomes the owner at this moment, ms since the epoch. The others stay, or have left.
    pub(crate) fn give(&self, node: &NodeId, owner: &UserId, at: i64, others_stay: bool) -> Write {
        let (key, when) = (key(node), self.unchanged());
        if others_stay {
            return Write::Merge(Merge::new(key).set("user", owner.as_str()).set("since", at).when(when));
        }
        Write::put(key, [("user", Value::from(owner.as_str())), ("since", at.into())], when)
    }
}

impl Load for Holders {
    fn keys(node: &NodeId) -> Vec<Key> {
        vec![key(node)]
    }

    fn read(_: &Ports, records: &mut dyn Iterator<Item = Option<Record>>) -> Result<Self> {
        Self::of(records.next().flatten().as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::table::Stored;

    fn user(id: &str) -> UserId {
        id.parse().unwrap()
    }

    /// What the write makes of the record.
    fn written(before: Option<&Record>, write: Write) -> Option<Record> {
        match write {
            Write::Put { key, fields, .. } => Some(Stored::put(&key, &fields, None).record),
            Write::Merge(merge) => {
                let mut stored = Stored::empty(&merge.key);
                stored.record = before.cloned().unwrap_or(stored.record);
                stored.merge(&merge).unwrap();
                Some(stored.record)
            }
            Write::Delete { .. } => None,
            Write::Check { .. } => before.cloned(),
        }
    }

    #[test]
    fn users_come_and_leave_and_the_record_goes_with_the_last() {
        let (node, a, b) = ("n1".parse().unwrap(), user("a"), user("b"));
        let nobody = Holders::of(None).unwrap();
        let record = written(None, nobody.give(&node, &a, 7, false));
        let mapped = Holders::of(record.as_ref()).unwrap();
        assert_eq!((mapped.owner.as_ref(), mapped.since, mapped.has(&a, RoleName::Primary)), (Some(&a), 7, true));
        let place = Place { sub_role: Some(2), ..Place::plain(RoleName::Secondary) };
        let record = written(record.as_ref(), mapped.change(&node, [(&b, Some(&place))], Some(&a)).unwrap());
        let shared = Holders::of(record.as_ref()).unwrap();
        assert!(shared.places()[&b].is(&place) && shared.has(&a, RoleName::Primary));
        assert_eq!(shared.users().collect::<Vec<_>>(), [&b, &a]);
        let again = Holders::of(written(record.as_ref(), shared.give(&node, &a, 9, true)).as_ref()).unwrap();
        assert_eq!((again.since, again.places().len()), (9, 2));
        let record_of_b = written(record.as_ref(), shared.without(&node, &[&a]).unwrap());
        let without_owner = Holders::of(record_of_b.as_ref()).unwrap();
        assert_eq!((without_owner.owner.as_ref(), without_owner.users().collect::<Vec<_>>()), (None, vec![&b]));
        assert!(matches!(shared.without(&node, &[&b, &a]).unwrap(), Write::Delete { .. }));
        assert!(matches!(without_owner.without(&node, &[&b]).unwrap(), Write::Delete { .. }));
        assert!(matches!(nobody.without(&node, &[]).unwrap(), Write::Check { when: When::Absent, .. }));
    }
}
