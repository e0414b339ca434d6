//! Logging in, and the passwords for it.

use shared::{
    port::{
        identity::{Claims, IdentityError, Purpose, Tokens},
        table::Write,
    },
    user::name::{Password, UserName},
};

use super::{
    Accounts, Result, code,
    credential::{self, Credential, State},
    session::{self, Session},
};

impl Accounts {
    pub(super) async fn enter_by_password(&self, name: &UserName, password: &str) -> Result<Tokens> {
        let known = Credential::read(&*self.table, name).await?;
        let known = self.prove(known, password).await?;
        match known.state() {
            State::Open => self.enter(&known, vec![known.still_open()]).await,
            State::Unconfirmed => Err(IdentityError::NotConfirmed),
            State::Disabled => Err(IdentityError::Disabled),
            State::Leaving => Err(IdentityError::WrongPassword),
        }
    }

    pub(super) async fn enter_by_code(&self, name: &UserName, handle: &str, code: &str) -> Result<Tokens> {
        let (known, sent) = Credential::read_with(&*self.table, name, code::key(name, Purpose::LogIn)).await?;
        if !sent.is_of(handle) {
            return Err(IdentityError::WrongCode);
        }
        sent.check(&*self.table, code, self.clock.now()).await?;
        let known = known.filter(|known| known.state() == State::Open).ok_or(IdentityError::WrongCode)?;
        self.enter(&known, vec![known.still_open(), sent.used()]).await
    }

    /// Begins a session, with what must hold or happen in the same batch.
    pub(super) async fn enter(&self, known: &Credential, beside: Vec<Write>) -> Result<Tokens> {
        let session = Session::new(known, self.clock.now(), &*self.ids);
        let (id, access) = self.issue(&session.subject()).await?;
        let refresh = session.begin(&*self.table, beside).await?;
        Ok(Tokens { id, access, refresh: Some(refresh) })
    }

    /// The account, if it is its password. A wrong one is counted.
    async fn prove(&self, known: Option<Credential>, password: &str) -> Result<Credential> {
        let now = self.clock.now();
        if known.as_ref().is_some_and(|known| known.is_locked(now)) {
            return Err(IdentityError::TooManyTries);
        }
        // Also without an account, so that the time does not tell.
        let right = self.hasher.verify(password, known.as_ref().map(Credential::hash)).await?;
        let known = known.ok_or(IdentityError::WrongPassword)?;
        if !right {
            known.note_failure(&*self.table, now).await?;
            return Err(IdentityError::WrongPassword);
        }
        Ok(known)
    }

    pub(super) async fn replace_password(&self, claims: &Claims, old: &str, new: &Password) -> Result<()> {
        let own = self.own(claims).await?;
        let own = self.prove(Some(own), old).await?;
        let hash = self.hasher.hash(new.reveal()).await?;
        credential::write(&*self.table, vec![Write::Merge(own.change().set("hash", hash).set("failed", 0))]).await?;
        session::end_all(&*self.table, own.user_id(), Some(&claims.session)).await
    }

    pub(super) async fn replace_forgotten(&self, name: &UserName, code: &str, new: &Password) -> Result<()> {
        let (known, sent) = Credential::read_with(&*self.table, name, code::key(name, Purpose::Reset)).await?;
        sent.check(&*self.table, code, self.clock.now()).await?;
        let known = known.filter(|known| known.state() == State::Open).ok_or(IdentityError::WrongCode)?;
        let hash = self.hasher.hash(new.reveal()).await?;
        let change = known.change().set("hash", hash).set("failed", 0).set("locked_until", 0);
        credential::write(&*self.table, vec![Write::Merge(change), sent.used()]).await
    }
}
