//! New accounts: by letter, as a guest, and a guest's that becomes one by letter.

use shared::{
    port::{
        identity::{Claims, IdentityError, Privilege, Purpose, Tokens},
        table::{When, Write},
    },
    user::{
        directory,
        name::{Password, UserName},
    },
};

use super::{
    Accounts, Result,
    code::{self, Code},
    credential::{self, Credential, New, State},
    leaving, letter,
    session::{self, Session},
};

impl Accounts {
    pub(super) async fn register(&self, name: &UserName, password: &Password) -> Result<()> {
        let (known, sent) = Credential::read_with(&*self.table, name, code::key(name, Purpose::SignUp)).await?;
        if known.as_ref().is_some_and(|known| known.state() != State::Unconfirmed) {
            return Err(IdentityError::Exists);
        }
        let now = self.clock.now();
        let code = self.ids.code();
        let renewed = sent.renew(&code, &self.ids.id(), now)?;
        let hash = self.hasher.hash(password.reveal()).await?;
        // One that waits already keeps its id.
        let id = known.as_ref().map_or_else(|| self.ids.id(), |known| known.user_id().to_string());
        let new = New { user_id: &id, user_name: name, hash, state: State::Unconfirmed, privilege: Privilege::None, until: None };
        let writes = [new.writes(known.as_ref(), now), vec![renewed]].concat();
        credential::write(&*self.table, writes).await?;
        self.mail.send(letter::with_code(name, Purpose::SignUp, code)).await.map_err(IdentityError::engine)
    }

    pub(super) async fn confirm_registration(&self, name: &UserName, code: &str) -> Result<()> {
        let (known, sent) = Credential::read_with(&*self.table, name, code::key(name, Purpose::SignUp)).await?;
        let known = known.ok_or(IdentityError::NoCode)?;
        if known.state() != State::Unconfirmed {
            return Err(IdentityError::AlreadyConfirmed);
        }
        sent.check(&*self.table, code, self.clock.now()).await?;
        let open = known.change().set("state", State::Open.as_str());
        let mut writes = credential::list(known.user_id().as_str(), known.user_name());
        writes.extend([Write::Merge(open), sent.used()]);
        credential::write(&*self.table, writes).await
    }

    pub(super) async fn register_guest(&self, until: Option<i64>) -> Result<(UserName, Tokens)> {
        let (now, id) = (self.clock.now(), self.ids.id());
        let name = UserName::guest(&self.ids.id()).map_err(|_| IdentityError::engine("a generated name is not valid"))?;
        let user_id = id.parse().map_err(|_| IdentityError::engine("a generated id is not valid"))?;
        let session = Session::with(user_id, name.clone(), Privilege::None, now, &*self.ids);
        let (id_token, access) = self.issue(&session.subject()).await?;
        let new = New { user_id: &id, user_name: &name, hash: String::new(), state: State::Open, privilege: Privilege::None, until };
        let mut writes = new.writes(None, now);
        writes.extend(until.map(|until| leaving::due(until, &id, &name)));
        let refresh = session.begin(&*self.table, writes).await?;
        Ok((name, Tokens { id: id_token, access, refresh: Some(refresh) }))
    }

    /// The sessions go on under the new name. Should this end in between, they would keep the old name,
    /// with which nothing can be done that asks for the account: the user logs in anew.
    pub(super) async fn convert_guest(&self, claims: &Claims, name: &UserName, code: &str, password: &Password) -> Result<()> {
        let guest = self.own(claims).await?;
        let (known, sent) = Credential::read_with(&*self.table, name, code::key(name, Purpose::Convert)).await?;
        if known.as_ref().is_some_and(|known| known.state() != State::Unconfirmed) {
            return Err(IdentityError::Exists);
        }
        let now = self.clock.now();
        sent.check(&*self.table, code, now).await?;
        let hash = self.hasher.hash(password.reveal()).await?;
        let id = guest.user_id().as_str();
        let new = New { user_id: id, user_name: name, hash, state: State::Open, privilege: Privilege::None, until: None };
        let mut writes = new.writes(known.as_ref(), now);
        writes.push(sent.used());
        writes.push(Write::Delete { key: credential::key(guest.user_name()), when: credential::unchanged(Some(&guest)) });
        writes.push(Write::Delete { key: credential::listed(guest.user_name()), when: When::Always });
        writes.push(directory::free(guest.user_name()));
        writes.extend(guest.until().map(|until| Write::Delete { key: leaving::key(until, id), when: When::Always }));
        credential::write(&*self.table, writes).await?;
        session::rename_all(&*self.table, guest.user_id(), name).await
    }

    /// The account of these claims, which must still be theirs.
    pub(super) async fn own(&self, claims: &Claims) -> Result<Credential> {
        own_of(Credential::read(&*self.table, &claims.user_name).await?, claims)
    }

    pub(super) async fn send(&self, name: &UserName, purpose: Purpose) -> Result<String> {
        let (known, sent) = Credential::read_with(&*self.table, name, code::key(name, purpose)).await?;
        let (code, handle) = (self.ids.code(), self.ids.id());
        let renewed: Write = Code::renew(&sent, &code, &handle, self.clock.now())?;
        credential::write(&*self.table, vec![renewed]).await?;
        let state = known.as_ref().map(Credential::state);
        let wanted = match purpose {
            Purpose::SignUp | Purpose::Convert => matches!(state, None | Some(State::Unconfirmed)),
            Purpose::LogIn | Purpose::Reset | Purpose::Delete | Purpose::DeleteOther => state == Some(State::Open) && !name.is_guest(),
        };
        if wanted {
            // To the address that was confirmed: names that fold to one may be different mailboxes.
            let to = match purpose {
                Purpose::SignUp | Purpose::Convert | Purpose::DeleteOther => name,
                Purpose::LogIn | Purpose::Reset | Purpose::Delete => known.as_ref().map_or(name, Credential::user_name),
            };
            self.mail.send(letter::with_code(to, purpose, code)).await.map_err(IdentityError::engine)?;
        }
        Ok(handle)
    }
}

/// The account, if it is theirs whose claims these are.
pub(super) fn own_of(known: Option<Credential>, claims: &Claims) -> Result<Credential> {
    known.filter(|own| *own.user_id() == claims.user_id && own.state() == State::Open).ok_or(IdentityError::InvalidToken)
}
