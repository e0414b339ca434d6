//! The directory of confirmed accounts: whose a name is, and what name a user has. It holds nothing else of an account, so
//! that every function may look here and none but the user function needs the table `identity`.
//!
//! | table `access` | sample | read by |
//! |---|---|---|
//! | `name#<folded name>` / `user` | `{user_id: "<user>", user_name: "A@x.io"}` | sharing with somebody |
//! | `user#<user>` / `name` | `{user_name: "A@x.io"}` | lists that name users |
//!
//! Whatever keeps accounts writes both in the batch in which an account is confirmed, renamed or forgotten. Finding
//! somebody costs 1 get, the names of any number of users 1 batched get.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Display,
};

use super::name::UserName;
use crate::{
    Error, Ports, Result,
    access::association::user_partition,
    id::UserId,
    port::table::{Key, Record, TableId, Value, When, Write},
};

fn user_key(name: &UserName) -> Key {
    Key::new(TableId::Access, format!("name#{}", name.folded()), "user")
}

/// Where a user's name stands, for those who read more in the same batched get.
pub(crate) fn name_key(user: &(impl Display + ?Sized)) -> Key {
    Key::new(TableId::Access, user_partition(user), "name")
}

/// The name that stands there.
pub(crate) fn read_name(record: &Record) -> Result<UserName> {
    record.str("user_name").and_then(|name| name.parse().ok()).ok_or(Error::Corrupt("user's name"))
}

/// The writes that say that the name is this user's.
pub fn put(user: &str, name: &UserName) -> [Write; 2] {
    let user_name = || Value::from(name.as_str());
    [
        Write::put(user_key(name), [("user_id", Value::from(user)), ("user_name", user_name())], When::Always),
        Write::put(name_key(user), [("user_name", user_name())], When::Always),
    ]
}

/// The write that frees the name of a user who has another now.
pub fn free(name: &UserName) -> Write {
    Write::Delete { key: user_key(name), when: When::Always }
}

/// The writes that forget the user.
pub fn forget(user: &str, name: &UserName) -> [Write; 2] {
    [free(name), Write::Delete { key: name_key(user), when: When::Always }]
}

/// Whose name it is. 1 get.
pub async fn find(ports: &Ports, name: &UserName) -> Result<Option<UserId>> {
    let Some(record) = ports.table.get(&user_key(name)).await? else { return Ok(None) };
    record.str("user_id").and_then(|id| id.parse().ok()).map(Some).ok_or(Error::Corrupt("user of a name"))
}

/// The names of those of these users who have one. 1 batched get.
pub async fn names(ports: &Ports, users: &BTreeSet<UserId>) -> Result<BTreeMap<UserId, UserName>> {
    if users.is_empty() {
        return Ok(BTreeMap::new());
    }
    let keys: Vec<_> = users.iter().map(name_key).collect();
    let found = users.iter().zip(ports.table.get_many(&keys).await?);
    found.filter_map(|(user, record)| Some(read_name(&record?).map(|name| (user.clone(), name)))).collect()
}
