//! Sessions: what a refresh token belongs to. The token is `<user>.<session>.<secret>`; it stays valid
//! until the session ends (contract `clients.md` D5).
//!
//! `{user_name: "A@x.io", privilege: "none", secret: <SHA-256 of the secret>, began: 1790000000, client: "app"}`,
//! absent after [`SESSION_SECONDS`]; without `client` it belongs to none but us

use ring::digest::{SHA256, digest};
use shared::{
    id::UserId,
    port::{
        clock::Ids,
        identity::{IdentityError, Privilege},
        table::{Batch, Key, Merge, Query, Table, TableId, Value, When, Write},
    },
    user::name::UserName,
};
use subtle::ConstantTimeEq as _;

use super::{
    Result,
    credential::{self, Credential},
    engine,
    token::{OWN_CLIENT, Subject},
};

/// A session lives at most a year.
const SESSION_SECONDS: i64 = 365 * 86_400;
/// Sessions ended in one batch.
const AT_ONCE: usize = 100;

pub(super) struct Session {
    user_id: UserId,
    user_name: UserName,
    privilege: Privilege,
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
    /// A session of this account, not stored yet.
    pub(super) fn new(of: &Credential, now: i64, ids: &dyn Ids) -> Self {
        Self::with(of.user_id().clone(), of.user_name().clone(), of.privilege(), now, ids)
    }

    /// The same by its parts.
    pub(super) fn with(user_id: UserId, user_name: UserName, privilege: Privilege, now: i64, ids: &dyn Ids) -> Self {
        Self { user_id, user_name, privilege, id: ids.id(), secret: ids.id(), began: now, client: None, version: 0 }
    }

    /// Stores the session, with what else belongs into the same batch, and returns the refresh token.
    /// 1 write.
    pub(super) async fn begin(self, table: &dyn Table, beside: Vec<Write>) -> Result<String> {
        let secret = digest(&SHA256, self.secret.as_bytes()).as_ref().to_vec();
        let fields = [
            ("user_name", self.user_name.as_str().into()),
            ("privilege", self.privilege.as_str().into()),
            ("secret", Value::Bytes(secret)),
            ("began", self.began.into()),
        ];
        let put = Write::Put {
            key: key(&self.user_id, &self.id),
            fields: fields.map(|(name, value)| (name.to_owned(), value)).into(),
            expires: Some(self.began + SESSION_SECONDS),
            when: When::Absent,
        };
        credential::write(table, [vec![put], beside].concat()).await?;
        Ok(format!("{}.{}.{}", self.user_id, self.id, self.secret))
    }

    /// The running session of a refresh token. 1 get.
    pub(super) async fn of_token(table: &dyn Table, token: &str) -> Result<Self> {
        let (user_id, id, secret) = parse(token).ok_or(IdentityError::InvalidRefresh)?;
        let record = table.get(&key(&user_id, id)).await.map_err(engine)?.ok_or(IdentityError::InvalidRefresh)?;
        let given = digest(&SHA256, secret.as_bytes());
        let name = record.str("user_name").and_then(|name| name.parse().ok());
        let privilege = record.str("privilege").map_or(Some(Privilege::None), Privilege::of);
        let (Some(stored), Some(user_name), Some(privilege), Some(began)) = (record.bytes("secret"), name, privilege, record.int("began"))
        else {
            return Err(IdentityError::engine("a session is not readable"));
        };
        if !bool::from(stored.ct_eq(given.as_ref())) {
            return Err(IdentityError::InvalidRefresh);
        }
        let client = record.str("client").map(str::to_owned);
        let (id, secret, version) = (id.to_owned(), secret.to_owned(), record.version);
        Ok(Self { user_id, user_name, privilege, id, secret, began, client, version })
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

    /// Whose it is, and when it began.
    pub(super) fn since(&self) -> (&UserId, i64) {
        (&self.user_id, self.began)
    }

    /// Does it belong to this client?
    pub(super) fn is_of(&self, client: &str) -> bool {
        self.client.as_deref().unwrap_or(OWN_CLIENT) == client
    }

    pub(super) fn subject(&self) -> Subject<'_> {
        Subject {
            user_id: &self.user_id,
            user_name: self.user_name.as_str(),
            session: &self.id,
            began: self.began,
            privilege: self.privilege,
            client: self.client.as_deref().unwrap_or(OWN_CLIENT),
            nonce: None,
        }
    }
}

/// Ends the session of a refresh token, if it runs.
pub(super) async fn end_of_token(table: &dyn Table, token: &str) -> Result<()> {
    // Only who knows the secret may end it.
    match Session::of_token(table, token).await {
        Ok(session) => end(table, &session.user_id, &session.id).await,
        Err(IdentityError::InvalidRefresh) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Ends one session. 1 write.
pub(super) async fn end(table: &dyn Table, user: &UserId, session: &str) -> Result<()> {
    write(table, vec![Write::Delete { key: key(user, session), when: When::Always }]).await
}

/// Ends every session of the user, but for one. 1 query and 1 write for each 100.
pub(super) async fn end_all(table: &dyn Table, user: &UserId, but: Option<&str>) -> Result<()> {
    each(table, user, |key| (Some(key.sort.as_str()) != but).then_some(Write::Delete { key, when: When::Always })).await
}

/// The user has another name from now on. 1 query and 1 write for each 100.
pub(super) async fn rename_all(table: &dyn Table, user: &UserId, name: &UserName) -> Result<()> {
    each(table, user, |key| Some(Write::Merge(Merge::new(key).set("user_name", name.as_str()).when(When::Present)))).await
}

async fn each(table: &dyn Table, user: &UserId, change: impl Fn(Key) -> Option<Write> + Send) -> Result<()> {
    let mut after = None;
    loop {
        let query = Query::prefix(TableId::Identity, partition(user), "", AT_ONCE).after(after.clone());
        let page = table.query(query).await.map_err(engine)?;
        let writes: Vec<_> = page.records.into_iter().filter_map(|record| change(record.key)).collect();
        if !writes.is_empty() {
            match table.write(Batch::new(writes).map_err(IdentityError::engine)?).await {
                // One of them ended just now.
                Err(error) if error.is_conflict() => continue,
                done => done.map_err(engine)?,
            };
        }
        match page.next {
            None => return Ok(()),
            next => after = next,
        }
    }
}

async fn write(table: &dyn Table, writes: Vec<Write>) -> Result<()> {
    table.write(Batch::new(writes).map_err(IdentityError::engine)?).await.map_err(engine)?;
    Ok(())
}
