//! What checking a token needs, and nothing of it secret. It lies in the table `access`, so that every function
//! can check tokens and none but the user function, which alone writes it, needs the table `identity`.
//!
//! | table `access` | sample |
//! |---|---|
//! | `tokens` / `key#signing` | `{kid: "<id>", public: <uncompressed point>}` |
//! | `tokens` / `closed#<user>` | `{at: 1790000000}`, absent after two hours: tokens issued until then mean nothing |
//!
//! Accounts are closed that were disabled, lost a privilege or are leaving: their access tokens would still be
//! good for up to an hour.

use std::{collections::HashMap, sync::Arc};

use parking_lot::Mutex;
use shared::{
    id::UserId,
    port::{
        identity::IdentityError,
        table::{Key, Query, Record, Table, TableId, Value, When, Write},
    },
};

use super::{Result, engine, token::TOKEN_SECONDS};

/// Seconds after which a process looks again.
pub(super) const FRESH_SECONDS: i64 = 10;
const PARTITION: &str = "tokens";
const KEY: &str = "key#";
const CLOSED: &str = "closed#";
const AT_ONCE: usize = 100;

/// The public half of a key that signs tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PublicKey {
    pub(super) kid: String,
    /// Uncompressed.
    pub(super) point: Vec<u8>,
}

impl PublicKey {
    /// Where the key in use stands.
    pub(super) fn key() -> Key {
        Key::new(TableId::Access, PARTITION, format!("{KEY}signing"))
    }

    pub(super) fn write(&self) -> Write {
        Write::put(Self::key(), [("kid", Value::from(self.kid.as_str())), ("public", Value::Bytes(self.point.clone()))], When::Always)
    }

    pub(super) fn read(record: &Record) -> Result<Self> {
        let read = || Some(Self { kid: record.str("kid")?.to_owned(), point: record.bytes("public")?.to_vec() });
        read().ok_or_else(|| IdentityError::engine("a public key is not readable"))
    }
}

/// The write that closes an account for every process.
pub(super) fn close(user: &UserId, now: i64) -> Write {
    Write::Put {
        key: Key::new(TableId::Access, PARTITION, format!("{CLOSED}{user}")),
        fields: [("at".to_owned(), Value::Int(now))].into(),
        expires: Some(now + 2 * TOKEN_SECONDS),
        when: When::Always,
    }
}

/// What this process knows of it.
#[derive(Default)]
pub(super) struct Published(Mutex<Known>);

#[derive(Default)]
struct Known {
    read_at: Option<i64>,
    keys: Vec<Arc<PublicKey>>,
    closed: HashMap<String, i64>,
}

impl Known {
    fn is_stale(&self, now: i64) -> bool {
        self.read_at.is_none_or(|at| (now - at).abs() >= FRESH_SECONDS)
    }
}

impl Published {
    /// This process did it, and need not look.
    pub(super) fn note_closed(&self, user: &UserId, now: i64) {
        self.0.lock().closed.insert(user.to_string(), now);
    }

    /// The key of this name, if there is one. 1 query for each 100 records, if what is known is not fresh, or if there was no key yet.
    pub(super) async fn key(&self, table: &dyn Table, kid: &str, now: i64) -> Result<Option<Arc<PublicKey>>> {
        // Without a key, nobody had logged in at the cloud when this process looked.
        let look = {
            let known = self.0.lock();
            known.is_stale(now) || known.keys.is_empty()
        };
        if look {
            self.read(table, now).await?;
        }
        Ok(self.0.lock().keys.iter().find(|key| key.kid == kid).cloned())
    }

    /// Does a token of this user's, issued then, mean nothing any more? 1 query for each 100 records, if what
    /// is known is not fresh.
    pub(super) async fn refuses(&self, table: &dyn Table, user: &UserId, issued: i64, now: i64) -> Result<bool> {
        let stale = self.0.lock().is_stale(now);
        if stale {
            self.read(table, now).await?;
        }
        Ok(self.0.lock().closed.get(user.as_str()).is_some_and(|at| issued <= *at))
    }

    async fn read(&self, table: &dyn Table, now: i64) -> Result<()> {
        let (mut keys, mut closed, mut after) = (Vec::new(), HashMap::new(), None);
        loop {
            let page = table.query(Query::prefix(TableId::Access, PARTITION, "", AT_ONCE).after(after)).await.map_err(engine)?;
            for record in page.records {
                if record.key.sort.starts_with(KEY) {
                    keys.push(Arc::new(PublicKey::read(&record)?));
                } else if let Some((user, at)) = record.key.sort.strip_prefix(CLOSED).zip(record.int("at")) {
                    closed.insert(user.to_owned(), at);
                }
            }
            match page.next {
                None => break,
                next => after = next,
            }
        }
        let mut known = self.0.lock();
        // What was noted while this was read.
        for (user, at) in std::mem::take(&mut known.closed).into_iter().filter(|(_, at)| at + 2 * FRESH_SECONDS > now) {
            closed.entry(user).or_insert(at);
        }
        *known = Known { read_at: Some(now), keys, closed };
        Ok(())
    }
}
