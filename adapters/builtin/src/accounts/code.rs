//! Codes that are sent by letter: one for each account and purpose, single-use, good for a few minutes and a
//! few guesses, and only so many in an hour. They are kept by name, so that it can't be told whether
//! the name has an account.
//!
//! `account#<folded name>` / `code#<purpose>`:
//! `{code: "123456", handle: "<id>", until: 1790000600, tries: 0, sent: 1, sent_until: 1790003600}`

use shared::{
    port::{
        identity::{IdentityError, Purpose},
        table::{Key, Merge, Record, Table, TableId, Value, When, Write},
    },
    user::name::UserName,
};
use subtle::ConstantTimeEq as _;

use super::{
    Result,
    credential::{partition, write},
};

/// Seconds for which a code is good.
pub(super) const CODE_SECONDS: i64 = 600;
/// Guesses at one code.
const TRIES: i64 = 5;
/// Codes that are sent to one name for one purpose in [`SENT_SECONDS`].
const SENT: i64 = 5;
/// The same to one who administers, and asks for each with a token.
const SENT_TO_ADMIN: i64 = 100;
const SENT_SECONDS: i64 = 3600;

/// What was sent to a name for a purpose, if anything was.
pub(super) struct Code {
    key: Key,
    record: Option<Record>,
}

pub(super) fn key(name: &UserName, purpose: Purpose) -> Key {
    let purpose = match purpose {
        Purpose::SignUp => "sign_up",
        Purpose::LogIn => "log_in",
        Purpose::Reset => "reset",
        Purpose::Delete => "delete",
        Purpose::Convert => "convert",
        Purpose::DeleteOther => "delete_other",
    };
    Key::new(TableId::Identity, partition(name), format!("code#{purpose}"))
}

impl Code {
    pub(super) fn of(key: Key, record: Option<Record>) -> Self {
        Self { key, record }
    }

    fn int(&self, field: &str) -> i64 {
        self.record.as_ref().and_then(|record| record.int(field)).unwrap_or_default()
    }

    fn str(&self, field: &str) -> &str {
        self.record.as_ref().and_then(|record| record.str(field)).unwrap_or_default()
    }

    fn unchanged(&self) -> When {
        self.record.as_ref().map_or(When::Absent, |record| When::Version(record.version))
    }

    /// The write that puts another code in its place.
    pub(super) fn renew(&self, code: &str, handle: &str, now: i64) -> Result<Write> {
        self.renew_up_to(SENT, code, handle, now)
    }

    /// The same for one who administers.
    pub(super) fn renew_for_admin(&self, code: &str, handle: &str, now: i64) -> Result<Write> {
        self.renew_up_to(SENT_TO_ADMIN, code, handle, now)
    }

    fn renew_up_to(&self, most: i64, code: &str, handle: &str, now: i64) -> Result<Write> {
        let (sent, until) = match (self.int("sent"), self.int("sent_until")) {
            (sent, until) if sent >= most && until > now => return Err(IdentityError::TooManyTries),
            (sent, until) if until > now => (sent, until),
            _ => (0, now + SENT_SECONDS),
        };
        let fields: [(&str, Value); 6] = [
            ("code", code.into()),
            ("handle", handle.into()),
            ("until", (now + CODE_SECONDS).into()),
            ("tries", 0.into()),
            ("sent", (sent + 1).into()),
            ("sent_until", until.into()),
        ];
        Ok(Write::Put {
            key: self.key.clone(),
            fields: fields.map(|(name, value)| (name.to_owned(), value)).into(),
            expires: Some(until.max(now + CODE_SECONDS)),
            when: self.unchanged(),
        })
    }

    /// Is the code right? The guess is counted before it is looked at, so that guesses at the same
    /// moment do not share one. 1 write.
    pub(super) async fn check(&self, table: &dyn Table, code: &str, now: i64) -> Result<()> {
        let sent = self.str("code");
        if sent.is_empty() || self.int("until") <= now {
            return Err(IdentityError::NoCode);
        }
        if self.int("tries") >= TRIES {
            return Err(IdentityError::CodeSpent);
        }
        write(table, vec![Write::Merge(Merge::new(self.key.clone()).add("tries", 1).when(self.unchanged()))]).await?;
        if bool::from(sent.as_bytes().ct_eq(code.as_bytes())) { Ok(()) } else { Err(IdentityError::WrongCode) }
    }

    /// Was it sent with this handle?
    pub(super) fn is_of(&self, handle: &str) -> bool {
        bool::from(self.str("handle").as_bytes().ct_eq(handle.as_bytes()))
    }

    /// The write that uses it up, beside that for which it is used.
    pub(super) fn used(&self) -> Write {
        let when = When::FieldEq("code".to_owned(), self.str("code").into());
        Write::Merge(Merge::new(self.key.clone()).remove("code").when(when))
    }
}
