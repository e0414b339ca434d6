//! What the owner of the cloud does with accounts.

use shared::{
    port::{
        identity::{Account, Claims, IdentityError, Privilege, Purpose},
        table::{Cursor, Query, TableId, Write},
    },
    user::name::{Password, UserName},
};

use super::{
    Accounts, Result, code,
    credential::{self, Credential, NAMES, New, State},
    engine, letter, published, session,
};

impl Accounts {
    pub(super) async fn make_account(&self, name: &UserName, password: &Password, privilege: Privilege) -> Result<Account> {
        let known = Credential::read(&*self.table, name).await?;
        if known.as_ref().is_some_and(|known| known.state() != State::Unconfirmed) {
            return Err(IdentityError::Exists);
        }
        let hash = self.hasher.hash(password.reveal()).await?;
        let (id, now) = (self.ids.id(), self.clock.now());
        let new = New { user_id: &id, user_name: name, hash, state: State::Open, privilege, until: None };
        credential::write(&*self.table, new.writes(known.as_ref(), now)).await?;
        let user_id = id.parse().map_err(|_| IdentityError::engine("a generated id is not valid"))?;
        Ok(Account { user_id, user_name: name.clone(), privilege, enabled: true, created: now, until: None })
    }

    pub(super) async fn invite_account(&self, name: &UserName, privilege: Privilege) -> Result<Account> {
        // An id can't be guessed; what is added makes it a password whatever symbols it has.
        let password = format!("{}-Aa1", self.ids.id()).parse().map_err(|_| IdentityError::engine("a generated password is not valid"))?;
        let account = self.make_account(name, &password, privilege).await?;
        if let Err(error) = self.mail.send(letter::welcome(name, &password)).await {
            // Nobody knows the password, and the name would be taken.
            let leaving = self.begin_leaving(name).await?;
            self.end_leaving(&leaving).await?;
            return Err(IdentityError::engine(error));
        }
        Ok(account)
    }

    pub(super) async fn send_for_deletion(&self, by: &Claims, account: &Account) -> Result<()> {
        let key = code::key(&by.user_name, Purpose::DeleteOther);
        let (own, sent) = Credential::read_with(&*self.table, &by.user_name, key).await?;
        let own = own.filter(|own| own.user_id() == &by.user_id).ok_or(IdentityError::InvalidToken)?;
        let code = self.ids.code();
        // The handle ties the code to the account that is meant.
        let renewed = sent.renew_for_admin(&code, account.user_id.as_str(), self.clock.now())?;
        credential::write(&*self.table, vec![renewed]).await?;
        let letter = letter::with_deletion_code(own.user_name(), &account.user_name, code);
        self.mail.send(letter).await.map_err(IdentityError::engine)
    }

    pub(super) async fn check_for_deletion(&self, by: &Claims, account: &Account, code: &str) -> Result<()> {
        let key = code::key(&by.user_name, Purpose::DeleteOther);
        let (_, sent) = Credential::read_with(&*self.table, &by.user_name, key).await?;
        if !sent.is_of(account.user_id.as_str()) {
            return Err(IdentityError::NoCode);
        }
        sent.check(&*self.table, code, self.clock.now()).await?;
        credential::write(&*self.table, vec![sent.used()]).await
    }

    /// The account, if it was ever confirmed and stays.
    async fn standing(&self, name: &UserName) -> Result<Option<Credential>> {
        let known = Credential::read(&*self.table, name).await?;
        Ok(known.filter(|known| matches!(known.state(), State::Open | State::Disabled)))
    }

    pub(super) async fn find_account(&self, name: &UserName) -> Result<Option<Account>> {
        Ok(self.standing(name).await?.as_ref().map(Credential::account))
    }

    pub(super) async fn list_accounts(&self, prefix: &str, limit: usize, after: Option<Cursor>) -> Result<(Vec<Account>, Option<Cursor>)> {
        let page = self.table.query(Query::prefix(TableId::Identity, NAMES, prefix, limit).after(after)).await.map_err(engine)?;
        let names = page.records.iter().filter_map(|record| record.key.sort.parse().ok());
        let keys: Vec<_> = names.map(|name: UserName| credential::key(&name)).collect();
        let records = self.table.get_many(&keys).await.map_err(engine)?;
        let accounts = records.into_iter().flatten().map(|record| Ok(Credential::of(record)?.account()));
        Ok((accounts.collect::<Result<_>>()?, page.next))
    }

    pub(super) async fn enable_account(&self, name: &UserName, enabled: bool) -> Result<()> {
        let known = self.standing(name).await?.ok_or(IdentityError::NoAccount)?;
        let state = if enabled { State::Open } else { State::Disabled };
        let change = known.change().set("state", state.as_str());
        if enabled {
            return credential::write(&*self.table, vec![Write::Merge(change)]).await;
        }
        self.shut(&known, change).await
    }

    pub(super) async fn give_privilege(&self, name: &UserName, privilege: Privilege) -> Result<()> {
        let known = self.standing(name).await?.ok_or(IdentityError::NoAccount)?;
        let change = known.change().set("privilege", privilege.as_str());
        // The same again ends what an interrupted change has left.
        if privilege > known.privilege() {
            return credential::write(&*self.table, vec![Write::Merge(change)]).await;
        }
        self.shut(&known, change).await
    }

    /// Changes the account, and nothing of before goes on: tokens and sessions.
    async fn shut(&self, known: &Credential, change: shared::port::table::Merge) -> Result<()> {
        let now = self.clock.now();
        let writes = vec![Write::Merge(change), published::close(known.user_id(), now)];
        credential::write(&*self.table, writes).await?;
        self.published.note_closed(known.user_id(), now);
        session::end_all(&*self.table, known.user_id(), None).await
    }
}
