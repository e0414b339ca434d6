//! Accounts that were closed, disabled or lost a privilege a short while ago: their access tokens would still
//! be good for up to an hour.
//!
//! `{at: 1790000000}`: tokens that were issued until then mean nothing

use std::collections::HashMap;

use parking_lot::Mutex;
use shared::{
    id::UserId,
    port::table::{Key, Query, Table, TableId, Value, When, Write},
};

use super::{Result, engine, token::TOKEN_SECONDS};

/// Seconds after which a process looks again.
pub(super) const FRESH_SECONDS: i64 = 10;
const PARTITION: &str = "closed";
const AT_ONCE: usize = 100;

/// What this process knows of them.
#[derive(Default)]
pub(super) struct Closed(Mutex<Known>);

#[derive(Default)]
struct Known {
    read_at: Option<i64>,
    users: HashMap<String, i64>,
}

/// The write that says it for every process.
pub(super) fn write(user: &UserId, now: i64) -> Write {
    Write::Put {
        key: Key::new(TableId::Identity, PARTITION, user.as_str()),
        fields: [("at".to_owned(), Value::Int(now))].into(),
        expires: Some(now + 2 * TOKEN_SECONDS),
        when: When::Always,
    }
}

impl Closed {
    /// This process did it, and need not look.
    pub(super) fn note(&self, user: &UserId, now: i64) {
        self.0.lock().users.insert(user.to_string(), now);
    }

    /// Does a token of this user's, issued then, mean nothing any more? 1 query for each 100, if what is known
    /// is not fresh.
    pub(super) async fn refuses(&self, table: &dyn Table, user: &UserId, issued: i64, now: i64) -> Result<bool> {
        let stale = self.0.lock().read_at.is_none_or(|at| (now - at).abs() >= FRESH_SECONDS);
        if stale {
            let users = read(table).await?;
            let mut known = self.0.lock();
            // What was noted while this was read.
            let noted = std::mem::replace(&mut known.users, users);
            for (user, at) in noted.into_iter().filter(|(_, at)| at + 2 * FRESH_SECONDS > now) {
                known.users.entry(user).or_insert(at);
            }
            known.read_at = Some(now);
        }
        Ok(self.0.lock().users.get(user.as_str()).is_some_and(|at| issued <= *at))
    }
}

async fn read(table: &dyn Table) -> Result<HashMap<String, i64>> {
    let (mut users, mut after) = (HashMap::new(), None);
    loop {
        let page = table.query(Query::prefix(TableId::Identity, PARTITION, "", AT_ONCE).after(after)).await.map_err(engine)?;
        users.extend(page.records.into_iter().filter_map(|record| Some((record.key.sort.clone(), record.int("at")?))));
        match page.next {
            None => return Ok(users),
            next => after = next,
        }
    }
}
