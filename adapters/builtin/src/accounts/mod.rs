//! Accounts built in: the port [`Identity`] over [`Table`], so that it runs wherever a table does.
//!
//! | table `identity` | sample | read by |
//! |---|---|---|
//! | `account#<folded name>` / `credential` | see the module `credential` | sign up, confirm, log in |
//! | `account#<folded name>` / `code#<purpose>` | see the module `code` | what needs a code |
//! | `account#<folded name>` / `guesses` | see the module `guesses` | log in, change the password |
//! | `accounts` / `<folded name>` | `{user_id: "<user>"}` | the owner's list of accounts |
//! | `session#<user>` / `<session>` | see the module `session` | refresh, log out |
//! | `federated#<SHA-256 of issuer and subject>` / `link` | see the module `federated` | sign in at a provider |
//! | `leaving` / `<due>#<user>` | `{user_name: "A@x.io"}` | what forgets closed accounts and old guests |
//! | `keys` / `signing` | see the module `keys` | once in a process, by who signs |
//!
//! All of it is for the user function alone. What checking a token needs is in the table `access`: see the module `published`;
//! and so is whose a name is: see [`shared::user::directory`].
//!
//! Costs: sign up 1 batched get, 1 write; confirm 1 batched get, 2 writes; log in 1 batched get, 1 write; by code 1
//! batched get, 2 writes; a wrong password 1 batched get, 1 or 2 writes; refresh 1 get; log out 1 write; a code 1
//! batched get, 1 write; a new password 1 batched get, 1 write, and 1 query, 1 write for the other sessions; sign in at
//! a provider 1 batched get, 1 get where the address has changed there, 1 write; a session for another client 1
//! get, 1 write; checking a token nothing, but 1 query every ten seconds in a process.

mod admin;
mod code;
mod credential;
mod enter;
mod federated;
mod guesses;
mod jwks;
mod keys;
mod leaving;
mod letter;
mod password;
mod published;
mod register;
mod session;
mod token;

use std::sync::Arc;

use async_trait::async_trait;
use shared::{
    oauth::PublicUrl,
    port::{
        clock::{Clock, Ids},
        federation::Person,
        identity::{Account, Claims, Identity, IdentityError, Leaving, Privilege, Purpose, Relying, SignOut, Tokens},
        mail::Mail,
        table::{Cursor, Table, TableError},
    },
    user::name::{Password, UserName},
};

use self::{keys::Keys, password::Hasher, published::Published, session::Session};

type Result<T> = std::result::Result<T, IdentityError>;

/// The owner's decisions.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `iss` of every token.
    pub issuer: String,
    /// An `iss` of tokens given before, which are good until they expire.
    pub former_issuer: Option<String>,
}

/// `iss` of tokens where the owner has set no public URL. It is checked together with a key of the installation's own, so it need not tell
/// installations apart, and a machine may change its name without ending sessions.
const ISSUER: &str = "raincloud";

impl Settings {
    /// Those of a cloud that is reached under this URL.
    pub fn of(public_url: Option<&PublicUrl>) -> Self {
        let issuer = public_url.map_or(ISSUER, PublicUrl::as_str).to_owned();
        Self { issuer, former_issuer: Some(ISSUER.to_owned()) }
    }
}

/// Accounts over a table.
pub struct Accounts {
    table: Arc<dyn Table>,
    mail: Arc<dyn Mail>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    settings: Settings,
    hasher: Hasher,
    keys: Keys,
    published: Published,
}

impl Accounts {
    /// Accounts in this table, with letters by this mail.
    pub fn new(table: Arc<dyn Table>, mail: Arc<dyn Mail>, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>, settings: Settings) -> Self {
        token::install_crypto();
        Self { table, mail, clock, ids, settings, hasher: Hasher::default(), keys: Keys::default(), published: Published::default() }
    }

    /// The session of a refresh token, unless its account was closed, or lost a privilege, since it began.
    async fn session(&self, refresh_token: &str) -> Result<Session> {
        let session = Session::of_token(&*self.table, refresh_token).await?;
        let (user, began) = session.since();
        if self.published.refuses(&*self.table, user, began, self.clock.now()).await? {
            return Err(IdentityError::InvalidRefresh);
        }
        Ok(session)
    }

    async fn issue(&self, user: &token::Subject<'_>) -> Result<(String, String)> {
        let keys = self.keys.get(&*self.table, &*self.ids).await?;
        token::issue(keys, &self.settings.issuer, user, self.clock.now(), &self.ids.id())
    }
}

#[async_trait]
impl Identity for Accounts {
    async fn sign_up(&self, name: &UserName, password: &Password) -> Result<()> {
        self.register(name, password).await
    }

    async fn confirm(&self, name: &UserName, code: &str) -> Result<()> {
        self.confirm_registration(name, code).await
    }

    async fn sign_up_guest(&self, until: Option<i64>) -> Result<(UserName, Tokens)> {
        self.register_guest(until).await
    }

    async fn convert(&self, guest: &Claims, name: &UserName, code: &str, password: &Password) -> Result<()> {
        self.convert_guest(guest, name, code, password).await
    }

    async fn sign_in(&self, name: &UserName, password: &str) -> Result<Tokens> {
        self.enter_by_password(name, password).await
    }

    async fn send_code(&self, name: &UserName, purpose: Purpose) -> Result<String> {
        self.send(name, purpose).await
    }

    async fn sign_in_by_code(&self, name: &UserName, handle: &str, code: &str) -> Result<Tokens> {
        self.enter_by_code(name, handle, code).await
    }

    async fn refresh(&self, refresh_token: &str) -> Result<Tokens> {
        let session = self.session(refresh_token).await?;
        let (id, access) = self.issue(&session.subject()).await?;
        Ok(Tokens { id, access, refresh: None })
    }

    async fn sign_out(&self, claims: &Claims, which: SignOut) -> Result<()> {
        match which {
            SignOut::All => session::end_all(&*self.table, &claims.user_id, None).await,
            SignOut::This => session::end(&*self.table, &claims.user_id, &claims.session).await,
            SignOut::Refresh(token) => {
                let own = session::of_user(&token, &claims.user_id);
                session::end(&*self.table, &claims.user_id, own.unwrap_or(&claims.session)).await
            }
        }
    }

    async fn end(&self, refresh_token: &str) -> Result<()> {
        session::end_of_token(&*self.table, refresh_token).await
    }

    async fn change_password(&self, claims: &Claims, old: &str, new: &Password) -> Result<()> {
        self.replace_password(claims, old, new).await
    }

    async fn reset_password(&self, name: &UserName, code: &str, new: &Password) -> Result<()> {
        self.replace_forgotten(name, code, new).await
    }

    async fn verify(&self, access_token: &str) -> Result<Claims> {
        let now = self.clock.now();
        let key = self.published.key(&*self.table, &token::kid(access_token)?, now).await?.ok_or(IdentityError::InvalidToken)?;
        let issuers: Vec<&str> =
            [Some(&self.settings.issuer), self.settings.former_issuer.as_ref()].into_iter().flatten().map(String::as_str).collect();
        let (claims, issued) = token::verify(&key, &issuers, access_token, now)?;
        if self.published.refuses(&*self.table, &claims.user_id, issued, now).await? {
            return Err(IdentityError::InvalidToken);
        }
        Ok(claims)
    }

    async fn check_deletion(&self, claims: &Claims, code: &str) -> Result<()> {
        self.check_leaving(claims, code).await
    }

    async fn close(&self, name: &UserName) -> Result<Leaving> {
        self.begin_leaving(name).await
    }

    async fn leaving(&self) -> Result<Vec<Leaving>> {
        self.all_leaving().await
    }

    async fn erase(&self, account: &Leaving) -> Result<()> {
        self.end_leaving(account).await
    }

    async fn make(&self, name: &UserName, password: &Password, privilege: Privilege) -> Result<Account> {
        self.make_account(name, password, privilege).await
    }

    async fn invite(&self, name: &UserName, privilege: Privilege) -> Result<Account> {
        self.invite_account(name, privilege).await
    }

    async fn send_deletion_code(&self, by: &Claims, account: &Account) -> Result<()> {
        self.send_for_deletion(by, account).await
    }

    async fn check_deletion_of(&self, by: &Claims, account: &Account, code: &str) -> Result<()> {
        self.check_for_deletion(by, account, code).await
    }

    async fn find(&self, name: &UserName) -> Result<Option<Account>> {
        self.find_account(name).await
    }

    async fn list(&self, prefix: &str, limit: usize, after: Option<Cursor>) -> Result<(Vec<Account>, Option<Cursor>)> {
        self.list_accounts(prefix, limit, after).await
    }

    async fn set_enabled(&self, name: &UserName, enabled: bool) -> Result<()> {
        self.enable_account(name, enabled).await
    }

    async fn set_privilege(&self, name: &UserName, privilege: Privilege) -> Result<()> {
        self.give_privilege(name, privilege).await
    }

    async fn sign_in_federated(&self, person: &Person) -> Result<Tokens> {
        let (session, beside) = federated::session(self, person).await?;
        let (id, access) = self.issue(&session.subject()).await?;
        let refresh = session.begin(&*self.table, beside).await?;
        Ok(Tokens { id, access, refresh: Some(refresh) })
    }

    async fn hand_over(&self, refresh_token: &str, to: &Relying) -> Result<Tokens> {
        let mut session = self.session(refresh_token).await?;
        session.hand_over(&*self.table, &to.client).await?;
        let (id, access) = self.issue(&token::Subject { nonce: to.nonce.as_deref(), ..session.subject() }).await?;
        Ok(Tokens { id, access, refresh: None })
    }

    async fn refresh_for(&self, refresh_token: &str, client: &str) -> Result<Tokens> {
        let session = self.session(refresh_token).await?;
        if !session.is_of(client) {
            return Err(IdentityError::InvalidRefresh);
        }
        let (id, access) = self.issue(&session.subject()).await?;
        Ok(Tokens { id, access, refresh: None })
    }

    async fn public_keys(&self) -> Result<serde_json::Value> {
        Ok(jwks::of(&self.keys.get(&*self.table, &*self.ids).await?.public))
    }
}

/// Storage failed, other than by a condition that the caller looks for.
fn engine(error: TableError) -> IdentityError {
    IdentityError::engine(error)
}

/// A condition that fails means that somebody else is at the same account at the same moment, or that it
/// was just locked: nobody types that fast.
fn conflict(error: TableError) -> IdentityError {
    if error.is_conflict() { IdentityError::TooManyTries } else { engine(error) }
}
