//! An account: who, the password's hash, and the counters against guessing.
//!
//! `{user_id: "<user>", user_name: "A@x.io", hash: "$argon2id$…", confirmed: false, code: "123456",
//! code_until: 1790000600, code_tries: 0, codes: 1, codes_until: 1790003600, failed: 0, locked_until: 0}`

use shared::{
    id::UserId,
    port::{
        identity::IdentityError,
        table::{Batch, Key, Merge, Record, Table, TableId, Value, When, Write},
    },
    user::name::UserName,
};
use subtle::ConstantTimeEq as _;

use super::{Result, conflict, engine};

/// Seconds for which a code is good.
pub(super) const CODE_SECONDS: i64 = 600;
/// Guesses at one code.
const CODE_TRIES: i64 = 5;
/// Codes that are sent to one account in [`CODES_SECONDS`].
const CODES: i64 = 5;
const CODES_SECONDS: i64 = 3600;
/// Wrong passwords in a row after which each further one locks the account for a while.
const FAILURES: i64 = 10;
const LOCK_SECONDS: i64 = 60;

pub(super) struct Credential {
    pub(super) record: Record,
    user_id: UserId,
}

/// A credential to be written.
pub(super) struct Fresh(Key, Vec<(&'static str, Value)>);

pub(super) fn key(name: &UserName) -> Key {
    Key::new(TableId::Identity, format!("account#{}", name.folded()), "credential")
}

impl Credential {
    /// The account of this name. 1 get.
    pub(super) async fn read(table: &dyn Table, name: &UserName) -> Result<Option<Self>> {
        table.get(&key(name)).await.map_err(engine)?.map(Self::of).transpose()
    }

    /// The account of this record.
    pub(super) fn of(record: Record) -> Result<Self> {
        let user_id = record.str("user_id").and_then(|id| id.parse().ok());
        let user_id = user_id.ok_or_else(|| IdentityError::engine("a credential is not readable"))?;
        Ok(Self { record, user_id })
    }

    /// May an account of this name be made, and another code be sent? Codes sent so far, and until when
    /// they count.
    pub(super) fn codes_sent(known: Option<&Self>, now: i64) -> Result<(i64, i64)> {
        if known.is_some_and(Self::is_confirmed) {
            return Err(IdentityError::Exists);
        }
        match known.map(|known| (known.int("codes"), known.int("codes_until"))) {
            Some((CODES.., until)) if until > now => Err(IdentityError::TooManyTries),
            Some((codes, until)) if until > now => Ok((codes, until)),
            _ => Ok((0, now + CODES_SECONDS)),
        }
    }

    /// What an account that waits for its code looks like; one that waits already keeps its id.
    pub(super) fn unconfirmed(
        known: Option<&Self>,
        name: &UserName,
        hash: String,
        code: &str,
        id: &str,
        (codes, until): (i64, i64),
        now: i64,
    ) -> Fresh {
        let fields = vec![
            ("user_id", known.map_or(id, |known| known.user_id.as_str()).into()),
            ("user_name", name.as_str().into()),
            ("hash", hash.into()),
            ("confirmed", false.into()),
            ("code", code.into()),
            ("code_until", (now + CODE_SECONDS).into()),
            ("code_tries", 0.into()),
            ("codes", (codes + 1).into()),
            ("codes_until", until.into()),
            ("failed", 0.into()),
            ("locked_until", 0.into()),
        ];
        Fresh(key(name), fields)
    }

    fn int(&self, field: &str) -> i64 {
        self.record.int(field).unwrap_or_default()
    }

    pub(super) fn user_id(&self) -> &UserId {
        &self.user_id
    }

    pub(super) fn user_name(&self) -> &str {
        self.record.str("user_name").unwrap_or_default()
    }

    pub(super) fn hash(&self) -> &str {
        self.record.str("hash").unwrap_or_default()
    }

    pub(super) fn is_confirmed(&self) -> bool {
        self.record.bool("confirmed") == Some(true)
    }

    pub(super) fn is_locked(&self, now: i64) -> bool {
        self.int("locked_until") > now
    }

    /// Confirms the account if the code is right. The try is counted before the code is looked at, so
    /// that guesses at the same moment do not share one. 2 writes.
    pub(super) async fn confirm(&self, table: &dyn Table, code: &str, now: i64) -> Result<()> {
        if self.is_confirmed() {
            return Err(IdentityError::AlreadyConfirmed);
        }
        let sent = self.record.str("code").unwrap_or_default();
        if sent.is_empty() || self.int("code_until") <= now || self.int("code_tries") >= CODE_TRIES {
            return Err(IdentityError::WrongCode);
        }
        let count = self.merge().add("code_tries", 1).when(When::Version(self.record.version));
        write(table, count).await?;
        if !bool::from(sent.as_bytes().ct_eq(code.as_bytes())) {
            return Err(IdentityError::WrongCode);
        }
        let confirm = self.merge().set("confirmed", true).remove("code").when(When::FieldEq("code".to_owned(), sent.into()));
        write(table, confirm).await
    }

    /// Counts a wrong password. 1 write, or 2 if the account is locked by it.
    pub(super) async fn note_failure(&self, table: &dyn Table, now: i64) -> Result<()> {
        let count = Batch::of(Write::Merge(self.merge().add("failed", 1).when(When::Present))).map_err(IdentityError::engine)?;
        let before = table.write(count).await.map_err(engine)?;
        let failed = before.and_then(|record| record.int("failed")).unwrap_or_default() + 1;
        if failed < FAILURES {
            return Ok(());
        }
        write(table, self.merge().set("locked_until", now + LOCK_SECONDS).when(When::Present)).await
    }

    /// The write beside a session's: the account must not have been locked while the password was
    /// looked at, or guesses at the same moment would not count; and wrong passwords are forgotten.
    pub(super) fn still_open(&self, now: i64) -> Write {
        let when = When::FieldLess("locked_until".to_owned(), (now + 1).into());
        if self.int("failed") > 0 {
            return Write::Merge(self.merge().set("failed", 0).when(when));
        }
        Write::Check { key: self.record.key.clone(), when }
    }

    fn merge(&self) -> Merge {
        Merge::new(self.record.key.clone())
    }
}

impl Fresh {
    /// Writes it, if the account is still as it was read. 1 write.
    pub(super) async fn put(self, table: &dyn Table, known: Option<&Credential>) -> Result<()> {
        let when = known.map_or(When::Absent, |known| When::Version(known.record.version));
        let batch = Batch::of(Write::put(self.0, self.1, when)).map_err(IdentityError::engine)?;
        table.write(batch).await.map_err(conflict)?;
        Ok(())
    }
}

async fn write(table: &dyn Table, merge: Merge) -> Result<()> {
    let batch = Batch::of(Write::Merge(merge)).map_err(IdentityError::engine)?;
    table.write(batch).await.map_err(conflict)?;
    Ok(())
}
