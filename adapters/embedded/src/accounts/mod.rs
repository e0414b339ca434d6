//! Accounts built in: the port [`Identity`] over [`Table`], so that it runs wherever a table does.
//!
//! | table `identity` | sample | read by |
//! |---|---|---|
//! | `account#<folded name>` / `credential` | see the module `credential` | sign up, confirm, log in |
//! | `session#<user>` / `<session>` | see the module `session` | refresh, log out |
//! | `federated#<SHA-256 of issuer and subject>` / `link` | see the module `federated` | sign in at a provider |
//! | `keys` / `signing` | see the module `keys` | once in a process |
//!
//! Costs: sign up 1 get, 1 write; confirm 1 get, 2 writes; log in 1 get, 1 write; a wrong password 1 get,
//! 1 or 2 writes; refresh 1 get; log out 1 write; checking a token nothing; sign in at a provider 1 batched get,
//! 1 get where the address has changed there, 1 write; a session for another client 1 get, 1 write.

mod credential;
mod federated;
mod jwks;
mod keys;
mod password;
mod session;
mod token;

use std::sync::Arc;

use async_trait::async_trait;
use shared::{
    port::{
        clock::{Clock, Ids},
        federation::Person,
        identity::{Claims, Identity, IdentityError, Relying, SignOut, Tokens},
        mail::{Letter, Mail},
        table::{Table, TableError},
    },
    user::name::{Password, UserName},
};

use self::{credential::Credential, keys::Keys, password::Hasher, session::Session};

type Result<T> = std::result::Result<T, IdentityError>;

/// The owner's decisions.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `iss` of every token.
    pub issuer: String,
    /// An `iss` of tokens given before, which are good until they expire.
    pub former_issuer: Option<String>,
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
}

impl Accounts {
    /// Accounts in this table, with letters by this mail.
    pub fn new(table: Arc<dyn Table>, mail: Arc<dyn Mail>, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>, settings: Settings) -> Self {
        token::install_crypto();
        Self { table, mail, clock, ids, settings, hasher: Hasher::default(), keys: Keys::default() }
    }

    async fn issue(&self, user: &token::Subject<'_>) -> Result<(String, String)> {
        let keys = self.keys.get(&*self.table, &*self.ids).await?;
        token::issue(keys, &self.settings.issuer, user, self.clock.now(), &self.ids.id())
    }
}

#[async_trait]
impl Identity for Accounts {
    async fn sign_up(&self, name: &UserName, password: &Password) -> Result<()> {
        let known = Credential::read(&*self.table, name).await?;
        let now = self.clock.now();
        let sent = Credential::codes_sent(known.as_ref(), now)?;
        let hash = self.hasher.hash(password.reveal()).await?;
        let code = self.ids.code();
        let fresh = Credential::unconfirmed(known.as_ref(), name, hash, &code, &self.ids.id(), sent, now);
        fresh.put(&*self.table, known.as_ref()).await?;
        let letter = Letter {
            to: name.as_str().to_owned(),
            subject: "Your confirmation code".to_owned(),
            text: format!(
                "Your confirmation code is {code}. It is good for {} minutes.\n\nIf you did not sign up, ignore this letter.\n",
                credential::CODE_SECONDS / 60
            ),
            code: Some(code),
        };
        self.mail.send(letter).await.map_err(IdentityError::engine)
    }

    async fn confirm(&self, name: &UserName, code: &str) -> Result<()> {
        let credential = Credential::read(&*self.table, name).await?.ok_or(IdentityError::WrongCode)?;
        credential.confirm(&*self.table, code, self.clock.now()).await
    }

    async fn sign_in(&self, name: &UserName, password: &str) -> Result<Tokens> {
        let credential = Credential::read(&*self.table, name).await?;
        let now = self.clock.now();
        if credential.as_ref().is_some_and(|credential| credential.is_locked(now)) {
            return Err(IdentityError::TooManyTries);
        }
        // Also without an account, so that the time does not tell.
        let right = self.hasher.verify(password, credential.as_ref().map(Credential::hash)).await?;
        let credential = credential.ok_or(IdentityError::WrongPassword)?;
        if !right {
            credential.note_failure(&*self.table, now).await?;
            return Err(IdentityError::WrongPassword);
        }
        if !credential.is_confirmed() {
            return Err(IdentityError::NotConfirmed);
        }
        let session = Session::new(credential.user_id().clone(), credential.user_name(), now, &*self.ids);
        let (id, access) = self.issue(&session.subject()).await?;
        let refresh = session.begin(&*self.table, credential.still_open(now)).await?;
        Ok(Tokens { id, access, refresh: Some(refresh) })
    }

    async fn refresh(&self, refresh_token: &str) -> Result<Tokens> {
        let session = Session::of_token(&*self.table, refresh_token).await?;
        let (id, access) = self.issue(&session.subject()).await?;
        Ok(Tokens { id, access, refresh: None })
    }

    async fn sign_out(&self, claims: &Claims, which: SignOut) -> Result<()> {
        match which {
            SignOut::All => session::end_all(&*self.table, &claims.user_id).await,
            SignOut::This => session::end(&*self.table, &claims.user_id, &claims.session).await,
            SignOut::Refresh(token) => {
                let own = session::of_user(&token, &claims.user_id);
                session::end(&*self.table, &claims.user_id, own.unwrap_or(&claims.session)).await
            }
        }
    }

    async fn verify(&self, access_token: &str) -> Result<Claims> {
        let keys = self.keys.get(&*self.table, &*self.ids).await?;
        let issuers: Vec<&str> =
            [Some(&self.settings.issuer), self.settings.former_issuer.as_ref()].into_iter().flatten().map(String::as_str).collect();
        token::verify(keys, &issuers, access_token, self.clock.now())
    }

    async fn sign_in_federated(&self, person: &Person) -> Result<Tokens> {
        let (session, beside) = federated::session(self, person).await?;
        let (id, access) = self.issue(&session.subject()).await?;
        let refresh = session.begin_with(&*self.table, beside).await?;
        Ok(Tokens { id, access, refresh: Some(refresh) })
    }

    async fn hand_over(&self, refresh_token: &str, to: &Relying) -> Result<Tokens> {
        let mut session = Session::of_token(&*self.table, refresh_token).await?;
        session.hand_over(&*self.table, &to.client).await?;
        let (id, access) = self.issue(&token::Subject { nonce: to.nonce.as_deref(), ..session.subject() }).await?;
        Ok(Tokens { id, access, refresh: None })
    }

    async fn refresh_for(&self, refresh_token: &str, client: &str) -> Result<Tokens> {
        let session = Session::of_token(&*self.table, refresh_token).await?;
        if !session.is_of(client) {
            return Err(IdentityError::InvalidRefresh);
        }
        let (id, access) = self.issue(&session.subject()).await?;
        Ok(Tokens { id, access, refresh: None })
    }

    async fn public_keys(&self) -> Result<serde_json::Value> {
        Ok(jwks::of(self.keys.get(&*self.table, &*self.ids).await?))
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
