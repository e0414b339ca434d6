//! What the owner of the cloud does with accounts.

use shared::{
    port::{
        identity::{Account, IdentityError, Privilege},
        table::{Cursor, Query, TableId, Write},
    },
    user::name::{Password, UserName},
};

use super::{
    Accounts, Result, closed,
    credential::{self, Credential, NAMES, New, State},
    engine, session,
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
        if privilege >= known.privilege() {
            return credential::write(&*self.table, vec![Write::Merge(change)]).await;
        }
        self.shut(&known, change).await
    }

    /// Changes the account, and nothing of before goes on: tokens and sessions.
    async fn shut(&self, known: &Credential, change: shared::port::table::Merge) -> Result<()> {
        let now = self.clock.now();
        let writes = vec![Write::Merge(change), closed::write(known.user_id(), now)];
        credential::write(&*self.table, writes).await?;
        self.closed.note(known.user_id(), now);
        session::end_all(&*self.table, known.user_id(), None).await
    }
}
