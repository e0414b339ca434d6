//! Wrong passwords in a row. They are counted by name, so that it can't be told whether the name has an
//! account.
//!
//! `account#<folded name>` / `guesses`: `{failed: 12, locked_until: 1790000060}`, absent a day after the last

use shared::{
    port::{
        identity::IdentityError,
        table::{Batch, Key, Merge, Record, Table, TableId, When, Write},
    },
    user::name::UserName,
};

use super::{
    Result,
    credential::{self, Credential, partition, write},
    engine,
};

/// Wrong passwords in a row after which each further one locks the name for a while.
const FAILURES: i64 = 10;
const LOCK_SECONDS: i64 = 60;
const KEPT_SECONDS: i64 = 24 * 3600;

/// What was guessed at a name, if anything was.
pub(super) struct Guesses(Option<Record>);

pub(super) fn key(name: &UserName) -> Key {
    Key::new(TableId::Identity, partition(name), "guesses")
}

/// The write that forgets them.
pub(super) fn forget(name: &UserName) -> Write {
    Write::Delete { key: key(name), when: When::Always }
}

impl Guesses {
    pub(super) fn of(record: Option<Record>) -> Self {
        Self(record)
    }

    pub(super) fn are_none(&self) -> bool {
        self.0.is_none()
    }

    pub(super) fn have_locked(&self, now: i64) -> bool {
        self.0.as_ref().and_then(|record| record.int("locked_until")).unwrap_or_default() > now
    }

    /// Counts one more. 1 write, or 2 where it locks the name, which ends what is under way at its account.
    pub(super) async fn count(table: &dyn Table, name: &UserName, known: Option<&Credential>, now: i64) -> Result<()> {
        let merge = || Merge::new(key(name)).expires(now + KEPT_SECONDS);
        let counted = Batch::of(Write::Merge(merge().add("failed", 1))).map_err(IdentityError::engine)?;
        let before = table.write(counted).await.map_err(engine)?;
        if before.as_ref().and_then(|record| record.int("failed")).unwrap_or_default() + 1 < FAILURES {
            return Ok(());
        }
        // Two writes either way, lest the time tells what the answer does not.
        let account = match known {
            Some(known) => Write::Merge(known.shut()),
            None => Write::Check { key: credential::key(name), when: When::Absent },
        };
        write(table, vec![Write::Merge(merge().set("locked_until", now + LOCK_SECONDS)), account]).await?;
        // Locked while this guess was looked at: a right one would be told no more.
        if Self(before).have_locked(now) { Err(IdentityError::TooManyTries) } else { Ok(()) }
    }
}
