//! Accounts that go: closed first, so that nobody enters while what belongs to them is being deleted, then
//! forgotten. The record in `leaving` makes sure that this is finished; a guest's is there from the
//! beginning, for the day when its time has passed.

use shared::port::{
    identity::{Claims, IdentityError, Leaving, Purpose},
    table::{Direction, Key, Query, Range, Record, TableId, When, Write},
};
use shared::user::{directory, name::UserName};

use super::{
    Accounts, Result, code,
    credential::{self, Credential, State},
    engine,
    federated::{self, LINKS},
    guesses, published, session,
};

const PARTITION: &str = "leaving";
/// Accounts looked at in one go.
const AT_ONCE: usize = 20;
/// Links to accounts elsewhere that go with an account; two records each. Nobody has so many.
const MAX_LINKS: usize = 40;

/// Orders by time.
pub(super) fn key(due: i64, user: &str) -> Key {
    Key::new(TableId::Identity, PARTITION, format!("{due:012}#{user}"))
}

/// The account is to go at this time.
pub(super) fn due(due: i64, user: &str, name: &UserName) -> Write {
    Write::put(key(due, user), [("user_name", name.as_str())], When::Always)
}

impl Accounts {
    pub(super) async fn check_leaving(&self, claims: &Claims, code: &str) -> Result<()> {
        let name = &claims.user_name;
        let (known, sent) = Credential::read_with(&*self.table, name, code::key(name, Purpose::Delete)).await?;
        known.filter(|known| *known.user_id() == claims.user_id).ok_or(IdentityError::InvalidToken)?;
        sent.check(&*self.table, code, self.clock.now()).await
    }

    pub(super) async fn begin_leaving(&self, name: &UserName) -> Result<Leaving> {
        let known = Credential::read(&*self.table, name).await?.ok_or(IdentityError::NoAccount)?;
        let account = Leaving { user_id: known.user_id().clone(), user_name: known.user_name().clone() };
        if known.state() != State::Leaving {
            let now = self.clock.now();
            let user = account.user_id.as_str();
            let mut writes = vec![
                Write::Merge(known.change().set("state", State::Leaving.as_str()).set("until", now)),
                due(now, user, &account.user_name),
                published::close(&account.user_id, now),
            ];
            writes.extend(
                known.until().filter(|until| *until != now).map(|until| Write::Delete { key: key(until, user), when: When::Always }),
            );
            credential::write(&*self.table, writes).await?;
            self.published.note_closed(&account.user_id, now);
        }
        session::end_all(&*self.table, &account.user_id, None).await?;
        Ok(account)
    }

    pub(super) async fn all_leaving(&self) -> Result<Vec<Leaving>> {
        let until = format!("{:012}$", self.clock.now());
        let query = Query {
            table: TableId::Identity,
            partition: PARTITION.to_owned(),
            range: Range::Between(" ".to_owned(), until),
            direction: Direction::Forward,
            limit: AT_ONCE,
            after: None,
        };
        let mut accounts = Vec::new();
        for record in self.table.query(query).await.map_err(engine)?.records {
            match self.begin_due(record).await {
                Ok(account) => accounts.extend(account),
                Err(error) => tracing::error!(error = &error as &dyn std::error::Error, "an account that is to leave could not be closed"),
            }
        }
        Ok(accounts)
    }

    async fn begin_due(&self, record: Record) -> Result<Option<Leaving>> {
        let unreadable = || IdentityError::engine("the record of an account that leaves is not readable");
        let name: UserName = record.str("user_name").and_then(|name| name.parse().ok()).ok_or_else(unreadable)?;
        let known = Credential::read(&*self.table, &name).await?;
        if known.is_some_and(|known| record.key.sort.ends_with(&format!("#{}", known.user_id()))) {
            return self.begin_leaving(&name).await.map(Some);
        }
        credential::write(&*self.table, vec![Write::Delete { key: record.key, when: When::Always }]).await?;
        Ok(None)
    }

    pub(super) async fn end_leaving(&self, account: &Leaving) -> Result<()> {
        let name = &account.user_name;
        let known = Credential::read(&*self.table, name).await?;
        let Some(known) = known.filter(|known| *known.user_id() == account.user_id && known.state() == State::Leaving) else {
            return Ok(());
        };
        session::end_all(&*self.table, &account.user_id, None).await?;
        let purposes = [Purpose::SignUp, Purpose::LogIn, Purpose::Reset, Purpose::Delete, Purpose::Convert, Purpose::DeleteOther];
        let mut keys: Vec<_> = purposes.into_iter().map(|purpose| code::key(name, purpose)).collect();
        keys.extend([credential::listed(name), guesses::key(name)]);
        keys.extend(known.until().map(|until| key(until, account.user_id.as_str())));
        let links = Query::prefix(TableId::Identity, credential::partition(name), LINKS, MAX_LINKS);
        for link in self.table.query(links).await.map_err(engine)?.records {
            keys.extend(link.key.sort.strip_prefix(LINKS).map(federated::link_key));
            keys.push(link.key);
        }
        let mut writes: Vec<_> = keys.into_iter().map(|key| Write::Delete { key, when: When::Always }).collect();
        writes.extend(directory::forget(account.user_id.as_str(), name));
        writes.push(Write::Delete { key: credential::key(name), when: credential::unchanged(Some(&known)) });
        credential::write(&*self.table, writes).await
    }
}
