//! Deleting the account of somebody else with all that belongs to it, in two steps: the code goes to whoever
//! administers, and is good for this one account.

use super::{is_over, other};
use crate::{
    Error, Ports, Refusal, Result,
    access::{Admin, Caller, SuperAdmin},
    port::identity::{Account, Privilege},
    user::{
        delete::{forget, refused},
        name::UserName,
    },
};

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// A code was sent.
    Sent,
    /// A guest, who was deleted at once.
    Deleted,
}

/// Has the code sent. Refusals: [`Refusal::NoAccountToDelete`], [`Refusal::SuperAdminStays`], [`Refusal::NotAuthorized`],
/// [`Refusal::SelfOperation`].
pub async fn request(ports: &Ports, admin: &Admin, name: &UserName) -> Result<Asked> {
    let account = deletable(ports, admin, name).await?;
    if account.user_name.is_guest() {
        delete(ports, &account).await?;
        return Ok(Asked::Deleted);
    }
    ports.identity.send_deletion_code(caller(admin)?.claims(), &account).await?;
    Ok(Asked::Sent)
}

/// Deletes the account with the code. Refusals as before, and those of a wrong code.
pub async fn confirm(ports: &Ports, admin: &Admin, name: &UserName, code: &str) -> Result<()> {
    let account = deletable(ports, admin, name).await?;
    if !account.user_name.is_guest() {
        let checked = ports.identity.check_deletion_of(caller(admin)?.claims(), &account, code.trim()).await;
        checked.map_err(refused)?;
    }
    delete(ports, &account).await
}

/// Deletes the account at once, whoever's it is: for the owner at the machine itself, who has no letterbox there.
pub async fn at_once(ports: &Ports, admin: &SuperAdmin, name: &UserName) -> Result<()> {
    delete(ports, &other(ports, admin.as_admin(), name).await?).await
}

async fn deletable(ports: &Ports, admin: &Admin, name: &UserName) -> Result<Account> {
    let account = other(ports, admin, name).await.map_err(|error| error.instead(&Refusal::NoAccount, Refusal::NoAccountToDelete))?;
    if account.privilege == Privilege::SuperAdmin {
        return Err(Refusal::SuperAdminStays.into());
    }
    is_over(admin, &account)?;
    Ok(account)
}

fn caller(admin: &Admin) -> Result<&Caller> {
    admin.caller().ok_or(Error::Refused(Refusal::NotAuthorized))
}

async fn delete(ports: &Ports, account: &Account) -> Result<()> {
    forget(ports, &ports.identity.close(&account.user_name).await?).await
}
