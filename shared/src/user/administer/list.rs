//! Finding accounts.

use crate::{
    Ports, Refusal, Result,
    access::Admin,
    port::{
        identity::{Account, Privilege},
        table::Cursor,
    },
    user::{
        key,
        name::UserName,
        profile::{self, Profile},
    },
};

/// Accounts on a page, at most.
pub const MAX_PAGE: usize = 100;
/// How often accounts are read for one page.
const LOOKS: usize = 10;
/// Bytes of a name.
const MAX_NAME: usize = 254;

/// Which accounts are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// Everybody's.
    All,
    /// Those of admins and super admins.
    Internal,
    /// Those of admins.
    Admins,
    /// Those of super admins.
    SuperAdmins,
}

impl Which {
    fn fits(self, privilege: Privilege) -> bool {
        match self {
            Self::All => true,
            Self::Internal => privilege != Privilege::None,
            Self::Admins => privilege == Privilege::Admin,
            Self::SuperAdmins => privilege == Privilege::SuperAdmin,
        }
    }
}

/// An account with what its user says of themselves.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The account.
    pub account: Account,
    /// What the user says.
    pub profile: Profile,
}

/// A page of accounts whose names begin so, in the order of names; if there is one of exactly that name, it alone. An
/// admin does not see super admins. A page may be short, or empty, and yet not be the last, because only so many
/// accounts are looked at for one. At most 10 queries and 11 batched gets; for a name 1 get more.
///
/// Refusal: [`Refusal::NotAuthorized`] if an admin asks for super admins.
pub async fn list(
    ports: &Ports,
    admin: &Admin,
    name: &str,
    which: Which,
    limit: usize,
    after: Option<Cursor>,
) -> Result<(Vec<Listed>, Option<Cursor>)> {
    if which == Which::SuperAdmins && !admin.is_super() {
        return Err(Refusal::NotAuthorized.into());
    }
    let shown = |account: &Account| which.fits(account.privilege) && (admin.is_super() || account.privilege != Privilege::SuperAdmin);
    if after.is_none()
        && let Some(account) = exactly(ports, name).await?
    {
        return Ok((with_profiles(ports, Some(account).filter(shown).into_iter().collect()).await?, None));
    }
    let (prefix, limit) = (name.trim().to_lowercase(), limit.clamp(1, MAX_PAGE));
    if prefix.len() > MAX_NAME {
        return Err(Refusal::NotAnEmail.into());
    }
    let (mut found, mut after) = (Vec::new(), after);
    for _ in 0..LOOKS {
        let (accounts, next) = ports.identity.list(&prefix, limit - found.len(), after).await?;
        found.extend(accounts.into_iter().filter(shown));
        after = next;
        if after.is_none() || found.len() == limit {
            break;
        }
    }
    Ok((with_profiles(ports, found).await?, after))
}

async fn exactly(ports: &Ports, name: &str) -> Result<Option<Account>> {
    match name.parse::<UserName>() {
        Ok(name) => Ok(ports.identity.find(&name).await?),
        Err(refusal @ Refusal::NoPhoneNumbers) => Err(refusal.into()),
        Err(_) => Ok(None),
    }
}

async fn with_profiles(ports: &Ports, accounts: Vec<Account>) -> Result<Vec<Listed>> {
    let keys: Vec<_> = accounts.iter().map(|account| key(&account.user_id, profile::SORT)).collect();
    let records = ports.table.get_many(&keys).await?;
    let listed = accounts.into_iter().zip(records);
    listed.map(|(account, record)| Ok(Listed { account, profile: profile::read(record.as_ref())? })).collect()
}
