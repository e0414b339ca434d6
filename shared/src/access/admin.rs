//! The proof that somebody may administer the cloud.

use super::Caller;
use crate::{Refusal, port::identity::Privilege, user::name::UserName};

/// May administer: an admin or a super admin. Made in this module alone.
#[derive(Clone, Debug)]
pub struct Admin {
    /// `None`: the owner, on the machine itself.
    caller: Option<Caller>,
    privilege: Privilege,
}

/// May administer admins too, and the cloud itself.
#[derive(Clone, Debug)]
pub struct SuperAdmin(Admin);

impl Admin {
    /// The caller, if their account may administer. Refusal: [`Refusal::NotAuthorized`].
    pub fn of(caller: Caller) -> Result<Self, Refusal> {
        match caller.privilege() {
            Privilege::None => Err(Refusal::NotAuthorized),
            privilege => Ok(Self { caller: Some(caller), privilege }),
        }
    }

    /// Administers admins too.
    pub fn is_super(&self) -> bool {
        self.privilege == Privilege::SuperAdmin
    }

    /// Is this their own account?
    pub fn is(&self, name: &UserName) -> bool {
        self.caller.as_ref().is_some_and(|caller| caller.user_name().folded() == name.folded())
    }

    /// Who calls; nobody where the owner is at the machine itself.
    pub(crate) fn caller(&self) -> Option<&Caller> {
        self.caller.as_ref()
    }
}

impl SuperAdmin {
    /// The caller, if their account may do so. Refusal: [`Refusal::NotAuthorized`].
    pub fn of(caller: Caller) -> Result<Self, Refusal> {
        let admin = Admin::of(caller)?;
        if admin.is_super() { Ok(Self(admin)) } else { Err(Refusal::NotAuthorized) }
    }

    /// The deliberate way round the check, for the owner who has the data itself; `reason` says for what, so
    /// that a search finds each.
    pub fn trusted_because(reason: &'static str) -> Self {
        tracing::trace!(reason, "trusted");
        Self(Admin { caller: None, privilege: Privilege::SuperAdmin })
    }

    /// For what an admin may do.
    pub fn as_admin(&self) -> &Admin {
        &self.0
    }
}
