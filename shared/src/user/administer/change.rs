//! What others may do, and whether they may come in.

use super::{is_over, other};
use crate::{Ports, Refusal, Result, access::Admin, port::identity::Privilege, user::name::UserName};

/// What is to become of a privilege.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// An admin from now on, also if it was a super admin; or none any more.
    Admin(bool),
    /// A super admin from now on; or none any more.
    SuperAdmin(bool),
}

impl Change {
    fn of(self, is: Privilege) -> std::result::Result<Privilege, Refusal> {
        match (self, is) {
            (Self::Admin(true), Privilege::Admin) => Err(Refusal::AdminAlready),
            (Self::Admin(true), _) => Ok(Privilege::Admin),
            (Self::Admin(false), Privilege::Admin) | (Self::SuperAdmin(false), Privilege::SuperAdmin) => Ok(Privilege::None),
            (Self::Admin(false), _) => Err(Refusal::NoAdmin),
            (Self::SuperAdmin(true), Privilege::SuperAdmin) => Err(Refusal::SuperAdminAlready),
            (Self::SuperAdmin(true), _) => Ok(Privilege::SuperAdmin),
            (Self::SuperAdmin(false), _) => Err(Refusal::NoSuperAdmin),
        }
    }
}

/// Changes what another may do. Who may do less than before is logged out. 2 gets, 1 batch.
///
/// Refusals: [`Refusal::SelfOperation`], [`Refusal::NoAccount`], [`Refusal::NotAuthorized`], [`Refusal::NotForGuests`]
/// and, if there is nothing to change, [`Refusal::AdminAlready`] and its like.
pub async fn privilege(ports: &Ports, admin: &Admin, name: &UserName, change: Change) -> Result<()> {
    name.must_be_letterbox()?;
    let account = other(ports, admin, name).await?;
    is_over(admin, &account)?;
    if matches!(change, Change::SuperAdmin(_)) && !admin.is_super() {
        return Err(Refusal::NotAuthorized.into());
    }
    Ok(ports.identity.set_privilege(&account.user_name, change.of(account.privilege)?).await?)
}

/// Lets another in no more, which ends all sessions, or lets them in again; nothing else of the account changes. 2 gets,
/// 1 batch.
///
/// Refusals: [`Refusal::SelfOperation`], [`Refusal::NoAccount`], [`Refusal::NotAuthorized`].
pub async fn enabled(ports: &Ports, admin: &Admin, name: &UserName, enabled: bool) -> Result<()> {
    let account = other(ports, admin, name).await?;
    is_over(admin, &account)?;
    Ok(ports.identity.set_enabled(&account.user_name, enabled).await?)
}
