//! Who has a node, or a group: one record, and the lock under which that changes. It is written in every batch in which a
//! user gets, keeps or loses it, at the version that was read; so of two such batches at the same moment one
//! begins anew. A node's says also in which groups the node is: only of who owns it, so it leaves them with its owner.
//!
//! | table `access` | sample | read by |
//! |---|---|---|
//! | `node#<node>` / `owner` | `{user: "<owner>", since: 1790000000000, "user#<user>": {"role": "secondary", "sub_role": 2, "metadata": {"k": 1}}, "group#<group>": {"by": "<user>", "around": ["<home>"]}}` | changes of hands; who shares a node; grants through groups |
//! | `group#<group>` / `owner` | the same without groups | the same of a group |
//!
//! The owner is the primary user who mapped the node or made the group, or who got that place from them. An owner of whom
//! nothing else is to be said has no entry beside.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Load, association::node_partition, membership::group_partition, role::RoleName};
use crate::{
    Error, Ports, Result,
    group::{position::Position, shift},
    id::{GroupId, NodeId, UserId},
    port::table::{Key, Merge, Record, TableId, Value, When, Write},
};

const OWNER: &str = "owner";
const USER_PREFIX: &str = "user#";
const GROUP_PREFIX: &str = "group#";
/// Users that a node or a group may have.
pub const MAX_USERS: usize = 64;
/// Groups into which a user can put one node: it leaves them all in the batch in which it leaves the user.
pub(crate) const MAX_SPOTS: usize = 24;
/// Groups in which a node can be.
pub(crate) const MAX_ALL_SPOTS: usize = 200;
/// Writes of a batch by which users leave, beside those of who comes and of the proof.
const MAX_LEAVING_WRITES: usize = 84;
/// Fields of that record which change with them.
const MAX_LEAVING_FIELDS: usize = 44;

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

/// Where a node is in a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Spot {
    /// Who put it there: a primary user of the node.
    pub(crate) by: UserId,
    /// Of the group.
    #[serde(flatten)]
    pub(crate) position: Position,
}

/// Where a node is.
pub(crate) type Spots = BTreeMap<GroupId, Spot>;

/// The users of a node or of a group as they stand.
#[derive(Clone, Debug)]
pub(crate) struct Holders {
    /// See above.
    pub(crate) owner: Option<UserId>,
    /// When the owner mapped the node, or made the group, ms since the epoch.
    pub(crate) since: i64,
    /// In which groups the node is.
    pub(crate) spots: Spots,
    places: BTreeMap<UserId, Place>,
    version: Option<u64>,
}

/// The record of a node's users.
pub(crate) fn key(node: &NodeId) -> Key {
    Key::new(TableId::Access, node_partition(node), OWNER)
}

/// The record of a group's users.
pub(crate) fn group_key(group: &GroupId) -> Key {
    Key::new(TableId::Access, group_partition(group), OWNER)
}

fn corrupt() -> Error {
    Error::Corrupt("holders")
}

fn field(user: &UserId) -> String {
    format!("{USER_PREFIX}{user}")
}

fn json(value: &impl Serialize) -> Result<Value> {
    serde_json::to_string(value).map(Value::Json).map_err(|_| corrupt())
}

/// The entries whose names have this prefix.
fn entries<K: std::str::FromStr + Ord, V: for<'de> Deserialize<'de>>(record: &Record, prefix: &str) -> Result<BTreeMap<K, V>> {
    let named = record.fields.keys().filter_map(|name| Some((name, name.strip_prefix(prefix)?)));
    let entry = |(name, id): (&String, &str)| Some((id.parse().ok()?, serde_json::from_str(record.json(name)?).ok()?));
    named.map(|named| entry(named).ok_or_else(corrupt)).collect()
}

impl Holders {
    /// 1 get.
    pub(crate) async fn read(ports: &Ports, node: &NodeId) -> Result<Self> {
        Self::of(ports.table.get(&key(node)).await?.as_ref())
    }

    /// Reads the record; nobody has the node or the group if there is none.
    pub(crate) fn of(record: Option<&Record>) -> Result<Self> {
        let Some(record) = record else {
            return Ok(Self { owner: None, since: 0, spots: Spots::new(), places: BTreeMap::new(), version: None });
        };
        let owner: Option<UserId> = record.str("user").map(str::parse).transpose().map_err(|_| corrupt())?;
        let mut places: BTreeMap<UserId, Place> = owner.iter().map(|owner| (owner.clone(), Place::plain(RoleName::Primary))).collect();
        places.extend(entries::<UserId, Place>(record, USER_PREFIX)?);
        let since = record.int("since").unwrap_or_default();
        Ok(Self { owner, since, spots: entries(record, GROUP_PREFIX)?, places, version: Some(record.version) })
    }

    /// What each user is to it.
    pub(crate) fn places(&self) -> &BTreeMap<UserId, Place> {
        &self.places
    }

    /// Everybody, the owner last.
    pub(crate) fn users(&self) -> impl Iterator<Item = &UserId> {
        let owner = self.owner.as_ref();
        self.places.keys().filter(move |user| Some(*user) != owner).chain(owner)
    }

    /// Has the user it in this role?
    pub(crate) fn has(&self, user: &UserId, role: RoleName) -> bool {
        self.places.get(user).is_some_and(|place| place.role == role)
    }

    /// Those who have it as primary users, but for this one.
    pub(crate) fn other_primaries(&self, user: &UserId) -> impl Iterator<Item = &UserId> {
        self.users().filter(move |other| *other != user && self.has(other, RoleName::Primary))
    }

    /// Is the user the one primary user of a group that is in no other? Those inside of others have no owner themselves.
    pub(crate) fn is_alone(&self, user: &UserId) -> bool {
        self.owner.is_some() && self.has(user, RoleName::Primary) && self.other_primaries(user).next().is_none()
    }

    /// The groups into which the user has put the node.
    pub(crate) fn spots_by<'a>(&'a self, user: &'a UserId) -> impl Iterator<Item = &'a GroupId> {
        self.spots.iter().filter(move |(_, spot)| spot.by == *user).map(|(group, _)| group)
    }

    /// Holds as long as nobody else changed it.
    pub(crate) fn unchanged(&self) -> When {
        self.version.map_or(When::Absent, When::Version)
    }

    /// The write by which users get these places, or none, and this one is the owner. With the last the record goes. Spots of
    /// who is no primary user any more go too: their groups are changed by [`Self::vacated`].
    pub(crate) fn change<'a>(
        &self,
        key: Key,
        places: impl IntoIterator<Item = (&'a UserId, Option<&'a Place>)>,
        owner: Option<&UserId>,
    ) -> Result<Write> {
        let places: Vec<_> = places.into_iter().collect();
        let goes =
            |spot: &Spot| places.iter().any(|(user, place)| spot.by == **user && place.is_none_or(|place| place.role != RoleName::Primary));
        let stay = self.spots.iter().filter(|(_, spot)| !goes(spot)).map(|(group, spot)| (group.clone(), spot.clone())).collect();
        self.change_with(key, &places, owner, &stay)
    }

    /// The same, and the node is in these groups then.
    pub(crate) fn change_with(
        &self,
        key: Key,
        places: &[(&UserId, Option<&Place>)],
        owner: Option<&UserId>,
        spots: &Spots,
    ) -> Result<Write> {
        let mut merge = Merge::new(key).when(self.unchanged());
        let mut left = self.places.len();
        for (user, place) in places {
            let had = self.places.contains_key(user);
            merge = if let Some(place) = place {
                left += usize::from(!had);
                merge.set(field(user), json(place)?)
            } else {
                left -= usize::from(had);
                merge.remove(field(user))
            };
        }
        if left == 0 {
            return Ok(self.gone(merge.key));
        }
        // Who was the owner and stays has an entry from now on.
        if let Some((before, place)) = self.owner.as_ref().and_then(|before| self.places.get_key_value(before))
            && owner != Some(before)
            && !places.iter().any(|(user, _)| *user == before)
        {
            merge = merge.set(field(before), json(place)?);
        }
        let merge = self.move_spots(merge, spots)?;
        Ok(Write::Merge(match owner {
            Some(owner) => merge.set("user", owner.as_str()),
            None => merge.remove("user").remove("since"),
        }))
    }

    fn move_spots(&self, mut merge: Merge, after: &Spots) -> Result<Merge> {
        for group in self.spots.keys().filter(|group| !after.contains_key(group)) {
            merge = merge.remove(spot_field(group));
        }
        for (group, spot) in after.iter().filter(|(group, spot)| self.spots.get(group) != Some(spot)) {
            merge = merge.set(spot_field(group), json(spot)?);
        }
        Ok(merge)
    }

    /// The writes by which these users leave; with the last of all the record goes.
    pub(crate) fn without(&self, node: &NodeId, leaving: &[&UserId]) -> Result<Vec<Write>> {
        let owner = self.owner.as_ref().filter(|owner| !leaving.contains(owner));
        let mut writes = vec![self.change(key(node), leaving.iter().map(|user| (*user, None)), owner)?];
        writes.extend(leaving.iter().flat_map(|user| self.vacated(node, user)));
        Ok(writes)
    }

    /// The writes by which the groups into which the user has put the node have it no more: two for each.
    pub(crate) fn vacated(&self, node: &NodeId, user: &UserId) -> Vec<Write> {
        shift::out(self.spots_by(user).map(|group| (group, node)))
    }

    /// Those of these users who can leave in one batch, of as many writes at most, with so many beside for each of them.
    pub(crate) fn can_leave<'a>(&self, users: &[&'a UserId], beside: usize) -> Vec<&'a UserId> {
        let (mut writes, mut fields) = (0, 0);
        let fits = |user: &&&UserId| {
            let spots = self.spots_by(user).count();
            (writes, fields) = (writes + beside + 2 * spots, fields + 1 + spots);
            writes <= MAX_LEAVING_WRITES && fields <= MAX_LEAVING_FIELDS
        };
        users.iter().take_while(fits).copied().collect()
    }

    /// The write by which the user becomes the owner at this moment, ms since the epoch. The others stay, and the node in its
    /// groups, or have left.
    pub(crate) fn give(&self, node: &NodeId, owner: &UserId, at: i64, others_stay: bool) -> Write {
        let (key, when) = (key(node), self.unchanged());
        if others_stay {
            return Write::Merge(Merge::new(key).set("user", owner.as_str()).set("since", at).when(when));
        }
        Write::put(key, [("user", Value::from(owner.as_str())), ("since", at.into())], when)
    }

    /// The write by which the user has made the group at this moment, ms since the epoch.
    pub(crate) fn found(group: &GroupId, owner: &UserId, at: i64) -> Write {
        Write::put(group_key(group), [("user", Value::from(owner.as_str())), ("since", at.into())], When::Absent)
    }

    /// The write by which nobody has it, as its users stand; a check where nobody had it.
    pub(crate) fn gone(&self, key: Key) -> Write {
        let when = self.unchanged();
        if self.version.is_some() { Write::Delete { key, when } } else { Write::Check { key, when } }
    }

    /// The write by which the node is in these groups, and in no others.
    pub(crate) fn arrange(&self, node: &NodeId, after: &Spots) -> Result<Write> {
        self.move_spots(Merge::new(key(node)).when(self.unchanged()), after).map(Write::Merge)
    }
}

fn spot_field(group: &GroupId) -> String {
    format!("{GROUP_PREFIX}{group}")
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
        let record = written(record.as_ref(), mapped.change(key(&node), [(&b, Some(&place))], Some(&a)).unwrap());
        let shared = Holders::of(record.as_ref()).unwrap();
        assert!(shared.places()[&b].is(&place) && shared.has(&a, RoleName::Primary));
        assert_eq!(shared.users().collect::<Vec<_>>(), [&b, &a]);
        let passed_on = Holders::of(written(record.as_ref(), shared.change(key(&node), [], Some(&b)).unwrap()).as_ref()).unwrap();
        assert_eq!((passed_on.owner.as_ref(), passed_on.has(&a, RoleName::Primary)), (Some(&b), true));
        let again = Holders::of(written(record.as_ref(), shared.give(&node, &a, 9, true)).as_ref()).unwrap();
        assert_eq!((again.since, again.places().len()), (9, 2));
        let record_of_b = written(record.as_ref(), shared.without(&node, &[&a]).unwrap().remove(0));
        let without_owner = Holders::of(record_of_b.as_ref()).unwrap();
        assert_eq!((without_owner.owner.as_ref(), without_owner.users().collect::<Vec<_>>()), (None, vec![&b]));
        assert!(matches!(shared.without(&node, &[&b, &a]).unwrap()[..], [Write::Delete { .. }]));
        assert!(matches!(without_owner.without(&node, &[&b]).unwrap()[..], [Write::Delete { .. }]));
        assert!(matches!(nobody.without(&node, &[]).unwrap()[..], [Write::Check { when: When::Absent, .. }]));
    }
}
