//! Which user may use which group, as the user's side has it; the group's side is [`super::holders`]. Both are written
//! together. Whoever has a group has the groups inside of it, and the nodes of all of them: nothing of it is kept for
//! each of them, so it ends with the group.
//!
//! | table `access` | sample | read by |
//! |---|---|---|
//! | `user#<user>` / `groups` | `{"<group>": "{\"role\":\"secondary\",\"sub_role\":2,\"since\":1790000000,\"others\":true}"}` | grants for groups, and for nodes that are not the user's own; the lists of groups and of nodes |
//!
//! All of a user's groups are one record: so a grant through a group is one batched get, however many groups there are.

use std::{collections::BTreeMap, marker::PhantomData};

use serde::{Deserialize, Serialize};

use super::{
    Caller, association,
    holders::Place,
    role::{Role, RoleName},
};
use crate::{
    Error, Ports, Refusal, Result,
    group::Group,
    id::{GroupId, UserId},
    port::table::{Cursor, Key, Merge, Record, TableId, Value, When, Write},
};

/// Groups that a user may have themselves, beside those inside of them: they are one record.
pub const MAX_GROUPS: usize = 1000;

/// What a user is to a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    /// The role.
    pub role: RoleName,
    /// 1 to 4, which the application gives a meaning; most have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sub_role: Option<u8>,
    /// Seconds since the epoch at which it began.
    pub since: i64,
    /// Nodes may be in it that are not the user's own.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) others: bool,
}

impl Membership {
    /// Of who makes a group.
    pub(crate) fn own(since: i64) -> Self {
        Self { role: RoleName::Primary, sub_role: None, since, others: false }
    }

    /// Of who joins others.
    pub(crate) fn shared(place: &Place, since: i64) -> Self {
        Self { role: place.role, sub_role: place.sub_role, since, others: true }
    }

    fn text(self) -> Result<Value> {
        serde_json::to_string(&self).map(Value::from).map_err(|_| Error::Corrupt("membership"))
    }

    /// The check that the user is still this to the group.
    fn stands(self, user: &UserId, group: &GroupId) -> Result<Write> {
        Ok(Write::Check { key: Memberships::key(user), when: When::FieldEq(group.to_string(), self.text()?) })
    }
}

/// A user's groups.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memberships {
    groups: BTreeMap<GroupId, Membership>,
    version: Option<u64>,
}

impl Memberships {
    /// The record's key.
    pub(crate) fn key(user: &UserId) -> Key {
        Key::new(TableId::Access, association::user_partition(user), "groups")
    }

    /// 1 get.
    pub(crate) async fn of(ports: &Ports, user: &UserId) -> Result<Self> {
        Self::read(ports.table.get(&Self::key(user)).await?.as_ref())
    }

    /// Reads the record; without one there are no groups.
    pub(crate) fn read(record: Option<&Record>) -> Result<Self> {
        let entry = |(id, record): (&String, &Record)| Some((id.parse().ok()?, serde_json::from_str(record.str(id)?).ok()?));
        let fields = record.into_iter().flat_map(|record| record.fields.keys().map(move |id| (id, record)));
        let groups = fields.map(entry).collect::<Option<_>>().ok_or(Error::Corrupt("memberships"))?;
        Ok(Self { groups, version: record.map(|record| record.version) })
    }

    /// The groups, by the order of their ids.
    pub(crate) fn groups(&self) -> impl Iterator<Item = &GroupId> {
        self.groups.keys()
    }

    /// The strongest that the user has to any of these.
    pub(crate) fn strongest<'a>(&self, groups: impl IntoIterator<Item = &'a GroupId>) -> Option<(&GroupId, Membership)> {
        let all = groups.into_iter().filter_map(|group| self.groups.get_key_value(group)).map(|(group, membership)| (group, *membership));
        all.reduce(|first, next| if next.1.role.beats(first.1.role) { next } else { first })
    }

    /// What the user is to the group itself.
    pub(crate) fn of_group(&self, group: &GroupId) -> Option<Membership> {
        self.groups.get(group).copied()
    }

    /// The check that these, which are the user's, still say the same of the group.
    pub(crate) fn stands(&self, user: &UserId, group: &GroupId) -> Result<Write> {
        self.of_group(group).ok_or(Refusal::NotYourGroups)?.stands(user, group)
    }

    /// Holds as long as none of it changes.
    pub(crate) fn unchanged(&self) -> When {
        self.version.map_or(When::Absent, When::Version)
    }

    /// Is the group one of these?
    pub(crate) fn has(&self, group: &GroupId) -> bool {
        self.groups.contains_key(group)
    }

    /// The groups in which nodes of others may be.
    pub(crate) fn with_others(&self) -> impl Iterator<Item = &GroupId> {
        self.groups.iter().filter(|(_, membership)| membership.others).map(|(group, _)| group)
    }

    /// Refusal: [`Refusal::InvalidRequest`] if the user has no room for so many more.
    pub(crate) fn has_room(&self, more: usize) -> Result<()> {
        if self.groups.len() + more <= MAX_GROUPS {
            return Ok(());
        }
        Err(Refusal::InvalidRequest(format!("a user has at most {MAX_GROUPS} groups that are in no other")).into())
    }
}

/// What becomes of some users' memberships in one batch: one write for each user.
#[derive(Clone, Debug, Default)]
pub(crate) struct Changes(BTreeMap<UserId, Change>);

#[derive(Clone, Debug)]
struct Change {
    groups: BTreeMap<GroupId, Option<Membership>>,
    when: When,
}

impl Changes {
    fn of(&mut self, user: &UserId) -> &mut Change {
        self.0.entry(user.clone()).or_insert_with(|| Change { groups: BTreeMap::new(), when: When::Always })
    }

    /// The user is this to the group from now on, or nothing.
    pub(crate) fn set(&mut self, user: &UserId, group: &GroupId, membership: Option<Membership>) {
        self.of(user).groups.insert(group.clone(), membership);
    }

    /// As long as the user's are as they were read.
    pub(crate) fn as_read(&mut self, user: &UserId, unchanged: When) {
        self.of(user).when = unchanged;
    }

    /// How many users it changes.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whom it changes.
    pub(crate) fn users(&self) -> impl Iterator<Item = &UserId> {
        self.0.keys()
    }

    /// The writes, of users whose groups are few enough to change at once.
    pub(crate) fn writes(&self) -> Result<Vec<Write>> {
        self.0.iter().map(|(user, change)| change.write(user)).collect()
    }
}

impl Change {
    fn write(&self, user: &UserId) -> Result<Write> {
        let (key, when) = (Memberships::key(user), self.when.clone());
        if self.groups.is_empty() {
            return Ok(Write::Check { key, when });
        }
        let merge = self.groups.iter().try_fold(Merge::new(key).when(when), |merge, (group, membership)| match membership {
            Some(membership) => membership.text().map(|text| merge.set(group.as_str(), text)),
            None => Ok(merge.remove(group.as_str())),
        });
        merge.map(Write::Merge)
    }
}

/// The partition of a group.
pub(crate) fn group_partition(group: &GroupId) -> String {
    format!("group#{group}")
}

/// May act on one group in the role `R`. Made in this module alone.
#[derive(Clone, Debug)]
pub struct GroupGrant<R> {
    group: Group,
    user: UserId,
    /// The group, this or one around it, that the user has.
    by: GroupId,
    membership: Membership,
    role: PhantomData<R>,
}

impl<R: Role> GroupGrant<R> {
    /// The group that it is for, as it was when this was made.
    pub fn group(&self) -> &Group {
        &self.group
    }

    /// What the user is to the group.
    pub fn membership(&self) -> Membership {
        self.membership
    }

    /// Who may.
    pub(crate) fn user(&self) -> &UserId {
        &self.user
    }

    /// Does the user have the group itself, not only one around it?
    pub(crate) fn is_direct(&self) -> bool {
        self.by == self.group.id
    }

    /// The check that the user still is to the group what they were.
    pub(crate) fn stands(&self) -> Result<Write> {
        self.membership.stands(&self.user, &self.by)
    }

    /// Refusals: [`Refusal::NoSuchGroup`], [`Refusal::SharedGroup`].
    pub(crate) fn new(group: Group, user: &UserId, memberships: &Memberships) -> Result<Self> {
        let (by, membership) = memberships.strongest(group.around().iter().chain([&group.id])).ok_or(Refusal::NoSuchGroup)?;
        if !R::includes(membership.role) {
            return Err(Refusal::SharedGroup.into());
        }
        let by = by.clone();
        Ok(Self { by, user: user.clone(), group, membership, role: PhantomData })
    }
}

/// The caller's grant for the group, whether they have it or one around it. 1 batched get.
///
/// Refusals: [`Refusal::NoSuchGroup`], also for the groups of others; [`Refusal::SharedGroup`] where the caller's role is too weak.
pub async fn grant<R: Role>(ports: &Ports, caller: &Caller, id: &GroupId) -> Result<GroupGrant<R>> {
    of_user(ports, caller.user_id(), id).await
}

/// The same grant, as it stands now. 1 batched get.
pub(crate) async fn again<R: Role>(ports: &Ports, grant: &GroupGrant<R>) -> Result<GroupGrant<R>> {
    of_user(ports, &grant.user, &grant.group.id).await
}

/// The user's grant for the group, as [`grant`].
pub(crate) async fn of_user<R: Role>(ports: &Ports, user: &UserId, id: &GroupId) -> Result<GroupGrant<R>> {
    grants(ports, user, std::slice::from_ref(id)).await?.pop().unwrap_or(Err(Refusal::NoSuchGroup.into()))
}

/// The user's grants for these groups, in their order. 1 batched get.
pub(crate) async fn grants<R: Role>(ports: &Ports, user: &UserId, ids: &[GroupId]) -> Result<Vec<Result<GroupGrant<R>>>> {
    let mut keys: Vec<_> = ids.iter().map(Group::key).collect();
    keys.push(Memberships::key(user));
    let mut records = ports.table.get_many(&keys).await?;
    let memberships = Memberships::read(records.pop().flatten().as_ref())?;
    let grant = |record: Option<Record>| {
        let group = Group::read(&record.ok_or(Refusal::NoSuchGroup)?)?;
        GroupGrant::new(group, user, &memberships)
    };
    Ok(records.into_iter().map(grant).collect())
}

/// The caller's grants for a page of the groups that they have; those inside of others of these come with them. 1 get, 1
/// batched get.
pub async fn page<R: Role>(
    ports: &Ports,
    caller: &Caller,
    limit: usize,
    after: Option<Cursor>,
) -> Result<(Vec<GroupGrant<R>>, Option<Cursor>)> {
    let memberships = Memberships::of(ports, caller.user_id()).await?;
    let mut rest = memberships.groups().filter(|group| after.as_ref().is_none_or(|after| group.as_str() > after.sort()));
    let ids: Vec<_> = rest.by_ref().take(limit).cloned().collect();
    let next = ids.last().filter(|_| rest.next().is_some()).map(self::after);
    let records = if ids.is_empty() { Vec::new() } else { ports.table.get_many(&ids.iter().map(Group::key).collect::<Vec<_>>()).await? };
    // A group that is not there is going at this moment.
    let groups = records.iter().flatten().map(Group::read).collect::<Result<Vec<_>>>()?;
    let alone = groups.into_iter().filter(|group| !group.around().iter().any(|around| memberships.has(around)));
    Ok((alone.map(|group| GroupGrant::new(group, caller.user_id(), &memberships)).collect::<Result<_>>()?, next))
}

/// Where the page ended whose last group this is.
pub(crate) fn after(group: &GroupId) -> Cursor {
    Cursor::at(group.as_str())
}
