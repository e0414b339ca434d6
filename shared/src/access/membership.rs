//! Which user may use which group: two records, written together, and the proof that they allow something. Whoever has a
//! group has those inside of it; nothing of it is kept for each of them.
//!
//! | table `access` | sample | read by |
//! |---|---|---|
//! | `user#<user>` / `group#<group>` | `{role: "primary"}` | every grant; the list of a user's groups |
//! | `group#<group>` / `user#<user>` | `{role: "primary"}` | who has the group, when it goes |

use std::marker::PhantomData;

use super::{
    Caller,
    association::{self, USER_PREFIX},
    role::{Role, RoleName},
};
use crate::{
    Error, Ports, Refusal, Result,
    group::Group,
    id::{GroupId, UserId},
    port::table::{Cursor, Key, Query, Record, TableId, When, Write},
};

const GROUP_PREFIX: &str = "group#";

/// May act on one group in the role `R`. Made in this module alone.
#[derive(Clone, Debug)]
pub struct GroupGrant<R> {
    group: Group,
    name: RoleName,
    role: PhantomData<R>,
}

impl<R: Role> GroupGrant<R> {
    /// The group that it is for, as it was when this was made.
    pub fn group(&self) -> &Group {
        &self.group
    }

    /// What the user is to the group.
    pub fn role(&self) -> RoleName {
        self.name
    }

    /// Refusal: [`Refusal::SharedGroup`].
    fn new(group: Group, name: RoleName) -> Result<Self> {
        if R::includes(name) { Ok(Self { group, name, role: PhantomData }) } else { Err(Refusal::SharedGroup.into()) }
    }
}

/// The user's record.
pub(crate) fn user_key(user: &UserId, group: &GroupId) -> Key {
    Key::new(TableId::Access, association::user_partition(user), format!("{GROUP_PREFIX}{group}"))
}

/// The group's record.
fn group_key(user: &UserId, group: &GroupId) -> Key {
    Key::new(TableId::Access, format!("{GROUP_PREFIX}{group}"), association::user_partition(user))
}

/// The writes that give the user the role at the group.
pub(crate) fn put(user: &UserId, group: &GroupId, role: RoleName) -> [Write; 2] {
    [user_key(user, group), group_key(user, group)].map(|key| Write::put(key, [("role", role.as_str())], When::Always))
}

/// The writes that take the group from the user.
pub(crate) fn delete(user: &UserId, group: &GroupId) -> [Write; 2] {
    [user_key(user, group), group_key(user, group)].map(|key| Write::Delete { key, when: When::Always })
}

/// Users who have the group itself, and whether there are more than so many. 1 query.
pub(crate) async fn users(ports: &Ports, group: &GroupId, limit: usize) -> Result<(Vec<UserId>, bool)> {
    let page = ports.table.query(Query::prefix(TableId::Access, format!("{GROUP_PREFIX}{group}"), USER_PREFIX, limit)).await?;
    let users = page.records.iter().filter_map(|record| record.key.sort.strip_prefix(USER_PREFIX)?.parse().ok()).collect();
    Ok((users, page.next.is_some()))
}

/// A page of the groups that a user has, and of what they are to them. 1 query.
pub(crate) async fn of_user(
    ports: &Ports,
    user: &UserId,
    limit: usize,
    after: Option<Cursor>,
) -> Result<(Vec<(GroupId, RoleName)>, Option<Cursor>)> {
    let query = Query::prefix(TableId::Access, association::user_partition(user), GROUP_PREFIX, limit).after(after);
    let page = ports.table.query(query).await?;
    let read = |record: &Record| Some((record.key.sort.strip_prefix(GROUP_PREFIX)?.parse().ok()?, role(record)?));
    let groups = page.records.iter().map(|record| read(record).ok_or(Error::Corrupt("membership"))).collect::<Result<_>>()?;
    Ok((groups, page.next))
}

/// Where the page ended whose last group this is.
pub(crate) fn after(group: &GroupId) -> Cursor {
    Cursor::at(format!("{GROUP_PREFIX}{group}"))
}

fn role(record: &Record) -> Option<RoleName> {
    record.str("role").and_then(RoleName::of)
}

/// The caller's grant for the group, whether they have it or one around it. 1 batched get; 1 more for a group inside of others.
///
/// Refusals: [`Refusal::NoSuchGroup`], also for the groups of others; [`Refusal::SharedGroup`] where the caller's role is too weak.
pub async fn grant<R: Role>(ports: &Ports, caller: &Caller, id: &GroupId) -> Result<GroupGrant<R>> {
    let user = caller.user_id();
    let records = ports.table.get_many(&[Group::key(id), user_key(user, id)]).await?;
    let [Some(group), own] = records.as_slice() else { return Err(Refusal::NoSuchGroup.into()) };
    let group = Group::read(group)?;
    let mut roles: Vec<_> = own.iter().filter_map(role).collect();
    let around: Vec<_> = group.around().iter().map(|around| user_key(user, around)).collect();
    if !around.is_empty() {
        roles.extend(ports.table.get_many(&around).await?.iter().flatten().filter_map(role));
    }
    // The strongest counts.
    let name = [RoleName::Primary, RoleName::Secondary].into_iter().find(|name| roles.contains(name));
    GroupGrant::new(group, name.ok_or(Refusal::NoSuchGroup)?)
}

/// The caller's grants for a page of the groups that they have. 1 query, 1 batched get.
pub async fn page<R: Role>(
    ports: &Ports,
    caller: &Caller,
    limit: usize,
    after: Option<Cursor>,
) -> Result<(Vec<GroupGrant<R>>, Option<Cursor>)> {
    let (memberships, next) = of_user(ports, caller.user_id(), limit, after).await?;
    let keys: Vec<_> = memberships.iter().map(|(group, _)| Group::key(group)).collect();
    let records = ports.table.get_many(&keys).await?;
    // A group that is not there is going at this moment.
    let there = memberships.into_iter().zip(records).filter_map(|((_, name), record)| Some((name, record?)));
    let granted = there.map(|(name, record)| GroupGrant::new(Group::read(&record)?, name)).collect::<Result<_>>()?;
    Ok((granted, next))
}
