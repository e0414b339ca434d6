//! An account: who, the password's hash, and what it may do.
//!
//! `{user_id: "<user>", user_name: "A@x.io", hash: "$argon2id$…", state: "open", gate: 3,
//! privilege: "none", created: 1790000000}`; of a guest also `until: 1792592000`
//!
//! `state` is `unconfirmed`, `open`, `disabled` or `leaving`. `gate` changes with everything that forbids a
//! login which is under way: a new password, a lock, another state. A login is written only if it is
//! still the one that was read.

use shared::{
    id::UserId,
    port::{
        identity::{Account, IdentityError, Privilege},
        table::{Batch, Key, Merge, Record, Table, TableId, Value, When, Write},
    },
    user::{directory, name::UserName},
};

use super::{
    Result,
    code::Code,
    conflict, engine,
    guesses::{self, Guesses},
};

/// The sort key.
const SORT: &str = "credential";
/// The partition of the names of all confirmed accounts.
pub(super) const NAMES: &str = "accounts";

/// What an account is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Unconfirmed,
    Open,
    Disabled,
    Leaving,
}

impl State {
    const ALL: [(Self, &str); 4] =
        [(Self::Unconfirmed, "unconfirmed"), (Self::Open, "open"), (Self::Disabled, "disabled"), (Self::Leaving, "leaving")];

    pub(super) fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(state, _)| *state == self).map_or("", |(_, word)| word)
    }

    fn of(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, is)| *is == word).map(|(state, _)| *state)
    }
}

pub(super) struct Credential {
    record: Record,
    user_id: UserId,
    user_name: UserName,
    state: State,
    privilege: Privilege,
}

/// The partition of an account.
pub(super) fn partition(name: &UserName) -> String {
    format!("account#{}", name.folded())
}

pub(super) fn key(name: &UserName) -> Key {
    Key::new(TableId::Identity, partition(name), SORT)
}

/// The account's place among all names.
pub(super) fn listed(name: &UserName) -> Key {
    Key::new(TableId::Identity, NAMES, name.folded())
}

/// The writes by which a confirmed account can be found.
pub(super) fn list(user: &str, name: &UserName) -> Vec<Write> {
    let listed = Write::put(listed(name), [("user_id", user)], When::Always);
    std::iter::once(listed).chain(directory::put(user, name)).collect()
}

/// The fields of a new account.
pub(super) struct New<'a> {
    pub(super) user_id: &'a str,
    pub(super) user_name: &'a UserName,
    /// Empty where there is no password: no password verifies against it.
    pub(super) hash: String,
    pub(super) state: State,
    pub(super) privilege: Privilege,
    /// Seconds since the epoch; only a guest's.
    pub(super) until: Option<i64>,
}

impl New<'_> {
    /// The writes that make it, if nothing changed since `before` was read; a confirmed one is listed.
    pub(super) fn writes(self, before: Option<&Credential>, now: i64) -> Vec<Write> {
        let mut fields: Vec<(&str, Value)> = vec![
            ("user_id", self.user_id.into()),
            ("user_name", self.user_name.as_str().into()),
            ("hash", self.hash.into()),
            ("state", self.state.as_str().into()),
            ("gate", before.map_or(0, |before| before.int("gate") + 1).into()),
            ("privilege", self.privilege.as_str().into()),
            ("created", now.into()),
        ];
        fields.extend(self.until.map(|until| ("until", until.into())));
        let mut writes = vec![Write::put(key(self.user_name), fields, unchanged(before))];
        if self.state != State::Unconfirmed {
            writes.extend(list(self.user_id, self.user_name));
        }
        writes
    }
}

/// As it was read, or still none.
pub(super) fn unchanged(before: Option<&Credential>) -> When {
    before.map_or(When::Absent, |before| When::Version(before.record.version))
}

impl Credential {
    /// The account of this name. 1 get.
    pub(super) async fn read(table: &dyn Table, name: &UserName) -> Result<Option<Self>> {
        table.get(&key(name)).await.map_err(engine)?.map(Self::of).transpose()
    }

    /// The account of this name, and the code that was sent for it. 1 batched get.
    pub(super) async fn read_with(table: &dyn Table, name: &UserName, code: Key) -> Result<(Option<Self>, Code)> {
        let (credential, sent) = Self::read_beside(table, name, code.clone()).await?;
        Ok((credential, Code::of(code, sent)))
    }

    /// The account of this name, and what was guessed at it. 1 batched get.
    pub(super) async fn read_guessed(table: &dyn Table, name: &UserName) -> Result<(Option<Self>, Guesses)> {
        let (credential, guesses) = Self::read_beside(table, name, guesses::key(name)).await?;
        Ok((credential, Guesses::of(guesses)))
    }

    async fn read_beside(table: &dyn Table, name: &UserName, other: Key) -> Result<(Option<Self>, Option<Record>)> {
        let mut records = table.get_many(&[key(name), other]).await.map_err(engine)?.into_iter();
        let credential = records.next().flatten().map(Self::of).transpose()?;
        Ok((credential, records.next().flatten()))
    }

    pub(super) fn of(record: Record) -> Result<Self> {
        let unreadable = || IdentityError::engine("a credential is not readable");
        let user_id = record.str("user_id").and_then(|id| id.parse().ok()).ok_or_else(unreadable)?;
        let user_name = record.str("user_name").and_then(|name| name.parse().ok()).ok_or_else(unreadable)?;
        // Accounts from before there were states have neither of these, nor a gate.
        let before = if record.bool("confirmed") == Some(true) { State::Open } else { State::Unconfirmed };
        let state = record.str("state").map_or(Some(before), State::of).ok_or_else(unreadable)?;
        let privilege = record.str("privilege").map_or(Some(Privilege::None), Privilege::of).ok_or_else(unreadable)?;
        Ok(Self { record, user_id, user_name, state, privilege })
    }

    fn int(&self, field: &str) -> i64 {
        self.record.int(field).unwrap_or_default()
    }

    pub(super) fn user_id(&self) -> &UserId {
        &self.user_id
    }

    pub(super) fn user_name(&self) -> &UserName {
        &self.user_name
    }

    pub(super) fn hash(&self) -> &str {
        self.record.str("hash").unwrap_or_default()
    }

    pub(super) fn state(&self) -> State {
        self.state
    }

    pub(super) fn privilege(&self) -> Privilege {
        self.privilege
    }

    /// A guest's, and good until then.
    pub(super) fn until(&self) -> Option<i64> {
        self.record.int("until")
    }

    pub(super) fn account(&self) -> Account {
        Account {
            user_id: self.user_id.clone(),
            user_name: self.user_name.clone(),
            privilege: self.privilege,
            enabled: self.state == State::Open,
            created: self.int("created"),
            until: self.until(),
        }
    }

    /// The write beside a session's: nothing happened to the account since it was read that forbids the
    /// login.
    pub(super) fn still_open(&self) -> Write {
        Write::Check { key: self.record.key.clone(), when: self.gate() }
    }

    /// Ends every login that is under way, whatever happened since the account was read.
    pub(super) fn shut(&self) -> Merge {
        self.merge().add("gate", 1).when(When::Present)
    }

    /// Changes the account such that no login that is under way succeeds.
    pub(super) fn change(&self) -> Merge {
        self.merge().add("gate", 1).when(self.gate())
    }

    fn gate(&self) -> When {
        match self.record.int("gate") {
            Some(gate) => When::FieldEq("gate".to_owned(), gate.into()),
            // True only of a field that is missing.
            None => When::FieldLess("gate".to_owned(), i64::MIN.into()),
        }
    }

    fn merge(&self) -> Merge {
        Merge::new(self.record.key.clone())
    }
}

/// Writes all or nothing; a condition that does not hold means that somebody else is at the account.
pub(super) async fn write(table: &dyn Table, writes: Vec<Write>) -> Result<()> {
    table.write(Batch::new(writes).map_err(IdentityError::engine)?).await.map_err(conflict)?;
    Ok(())
}
