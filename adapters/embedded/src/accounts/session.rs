//! Sessions: what a refresh token belongs to. The token is `<user>.<session>.<secret>`; it stays valid
//! until the session ends (contract `clients.md` D5).
//!
//! `{user_name: "A@x.io", secret: <SHA-256 of the secret>, began: 1790000000, client: "app"}`, absent after
//! [`SESSION_SECONDS`]; without `client` it belongs to none but us

use ring::digest::{SHA256, digest};
use shared::{
    id::UserId,
    port::{
        clock::Ids,
        identity::IdentityError,
        table::{Batch, Key, Merge, Query, Table, TableId, Value, When, Write},
    },
};
use subtle::ConstantTimeEq as _;

use super::{
    Result, conflict, engine,
    token::{OWN_CLIENT, Subject},
};

/// A session lives at most a year.
const SESSION_SECONDS: i64 = 365 * 86_400;
/// Sessions ended in one batch.
const AT_ONCE: usize = 100;

pub(super) struct Session {
    user_id: UserId,
    user_name: String,
    id: String,
    secret: String,
    began: i64,
    client: Option<String>,
    version: u64,
}

fn partition(user: &UserId) -> String {
    format!("session#{user}")
}

fn key(user: &UserId, session: &str) -> Key {
    Key::new(TableId::Identity, partition(user), session)
}

fn parse(token: &str) -> Option<(UserId, &str, &str)> {
    let mut parts = token.splitn(3, '.');
    let (user, session, secret) = (parts.next()?.parse().ok()?, parts.next()?, parts.next()?);
    (!session.is_empty() && session.len() <= 64).then_some((user, session, secret))
}

/// The session of a refresh token, if it is one of this user's.
pub(super) fn of_user<'a>(token: &'a str, user: &UserId) -> Option<&'a str> {
    parse(token).filter(|(owner, _, _)| owner == user).map(|(_, session, _)| session)
}

impl Session {
    pub(super) fn new(user_id: UserId, user_name: &str, now: i64, ids: &dyn Ids) -> Self {
        Self { user_id, user_name: user_name.to_owned(), id: ids.id(), secret: ids.id(), began: now, client: None, version: 0 }
    }

    /// Stores the session, with what else belongs into the same batch, and returns the refresh token.
    /// 1 write.
    pub(super) async fn begin(self, table: &dyn Table, beside: Write) -> Result<String> {
        self.begin_with(table, vec![beside]).await
    }

    /// The same with more beside it.
    pub(super) async fn begin_with(self, table: &dyn Table, beside: Vec<Write>) -> Result<String> {
        let secret = digest(&SHA256, self.secret.as_bytes()).as_ref().to_vec();
        let fields = [("user_name", self.user_name.as_str().into()), ("secret", Value::Bytes(secret)), ("began", self.began.into())];
        let put = Write::Put {
            key: key(&self.user_id, &self.id),
            fields: fields.map(|(name, value)| (name.to_owned(), value)).into(),
            expires: Some(self.began + SESSION_SECONDS),
            when: When::Absent,
        };
        let batch = Batch::new([vec![put], beside].concat()).map_err(IdentityError::engine)?;
        table.write(batch).await.map_err(conflict)?;
        Ok(format!("{}.{}.{}", self.user_id, self.id, self.secret))
    }

    /// The running session of a refresh token. 1 get.
    pub(super) async fn of_token(table: &dyn Table, token: &str) -> Result<Self> {
        let (user_id, id, secret) = parse(token).ok_or(IdentityError::InvalidRefresh)?;
        let record = table.get(&key(&user_id, id)).await.map_err(engine)?.ok_or(IdentityError::InvalidRefresh)?;
        let given = digest(&SHA256, secret.as_bytes());
        let (Some(stored), Some(name), Some(began)) = (record.bytes("secret"), record.str("user_name"), record.int("began")) else {
            return Err(IdentityError::engine("a session is not readable"));
        };
        if !bool::from(stored.ct_eq(given.as_ref())) {
            return Err(IdentityError::InvalidRefresh);
        }
        let client = record.str("client").map(str::to_owned);
        let version = record.version;
        Ok(Self { user_id, user_name: name.to_owned(), id: id.to_owned(), secret: secret.to_owned(), began, client, version })
    }

    /// Makes the session this client's from now on, unless it is another's. 1 write, none for our own.
    pub(super) async fn hand_over(&mut self, table: &dyn Table, client: &str) -> Result<()> {
        if self.is_of(client) {
            return Ok(());
        }
        if self.client.is_some() {
            return Err(IdentityError::InvalidRefresh);
        }
        let merge = Merge::new(key(&self.user_id, &self.id)).set("client", client).when(When::Version(self.version));
        match table.write(Batch::of(Write::Merge(merge)).map_err(IdentityError::engine)?).await {
            Err(error) if error.is_conflict() => return Err(IdentityError::InvalidRefresh),
            done => done.map_err(engine)?,
        };
        self.client = Some(client.to_owned());
        Ok(())
    }

    /// Does it belong to this client?
    pub(super) fn is_of(&self, client: &str) -> bool {
        self.client.as_deref().unwrap_or(OWN_CLIENT) == client
    }

    pub(super) fn subject(&self) -> Subject<'_> {
        Subject {
            user_id: &self.user_id,
            user_name: &self.user_name,
            session: &self.id,
            began: self.began,
            client: self.client.as_deref().unwrap_or(OWN_CLIENT),
            nonce: None,
        }
    }
}

/// Ends one session. 1 write.
pub(super) async fn end(table: &dyn Table, user: &UserId, session: &str) -> Result<()> {
    delete(table, vec![key(user, session)]).await
}

/// Ends every session of the user. 1 query and 1 write for each 100.
pub(super) async fn end_all(table: &dyn Table, user: &UserId) -> Result<()> {
    loop {
        let page = table.query(Query::prefix(TableId::Identity, partition(user), "", AT_ONCE)).await.map_err(engine)?;
        let more = page.next.is_some();
        let keys: Vec<_> = page.records.into_iter().map(|record| record.key).collect();
        if !keys.is_empty() {
            delete(table, keys).await?;
        }
        if !more {
            return Ok(());
        }
    }
}

async fn delete(table: &dyn Table, keys: Vec<Key>) -> Result<()> {
    let writes = keys.into_iter().map(|key| Write::Delete { key, when: When::Always }).collect();
    table.write(Batch::new(writes).map_err(IdentityError::engine)?).await.map_err(engine)?;
    Ok(())
}
