//! Administering the accounts of others (contract `rest-1.md`, `/v1/admin/user2`). An admin administers users;
//! super admins administer everybody but themselves.

pub mod change;
pub mod delete;
pub mod list;
pub mod make;

use super::name::UserName;
use crate::{
    Ports, Refusal, Result,
    access::Admin,
    port::identity::{Account, Privilege},
};

/// Somebody else's account. 1 get.
async fn other(ports: &Ports, admin: &Admin, name: &UserName) -> Result<Account> {
    if admin.is(name) {
        return Err(Refusal::SelfOperation.into());
    }
    Ok(ports.identity.find(name).await?.ok_or(Refusal::NoAccount)?)
}

/// An admin is not over other admins.
fn is_over(admin: &Admin, account: &Account) -> std::result::Result<(), Refusal> {
    if admin.is_super() || account.privilege == Privilege::None { Ok(()) } else { Err(Refusal::NotAuthorized) }
}
