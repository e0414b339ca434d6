//! Making accounts for others.

use crate::{
    Ports, Refusal, Result,
    access::{Admin, SuperAdmin},
    port::identity::{Account, Privilege},
    user::name::{Password, UserName},
};

/// Makes an account and has a random password sent to its address.
///
/// Refusals: [`Refusal::AccountExists`]; [`Refusal::SelfOperation`]; [`Refusal::NotAuthorized`] if an admin makes a
/// super admin.
pub async fn invite(ports: &Ports, admin: &Admin, name: &UserName, privilege: Privilege) -> Result<Account> {
    name.must_be_letterbox()?;
    if admin.is(name) {
        return Err(Refusal::SelfOperation.into());
    }
    if privilege == Privilege::SuperAdmin && !admin.is_super() {
        return Err(Refusal::NotAuthorized.into());
    }
    Ok(ports.identity.invite(name, privilege).await?)
}

/// Makes the first super admin as [`invite`] does, or makes one of the account of this name. Done again, it changes
/// nothing.
pub async fn first(ports: &Ports, _: &SuperAdmin, name: &UserName) -> Result<()> {
    name.must_be_letterbox()?;
    match ports.identity.find(name).await? {
        None => ports.identity.invite(name, Privilege::SuperAdmin).await.map(drop)?,
        Some(account) if account.privilege == Privilege::SuperAdmin => {}
        Some(account) => ports.identity.set_privilege(&account.user_name, Privilege::SuperAdmin).await?,
    }
    Ok(())
}

/// Makes an account with this password. Refusal: [`Refusal::AccountExists`].
pub async fn with_password(ports: &Ports, _: &SuperAdmin, name: &UserName, password: &Password, privilege: Privilege) -> Result<Account> {
    name.must_be_letterbox()?;
    Ok(ports.identity.make(name, password, privilege).await?)
}
