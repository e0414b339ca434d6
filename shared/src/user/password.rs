//! New passwords: for one that is known, and for one that was forgotten.

use super::name::{Password, UserName};
use crate::{
    Error, Ports, Refusal, Result,
    access::Caller,
    port::identity::{IdentityError, Purpose},
};

/// Gives the caller's account the new password and ends all other sessions.
pub async fn change(ports: &Ports, caller: &Caller, old: &str, new: &Password) -> Result<()> {
    if caller.user_name().is_guest() {
        return Err(Refusal::NotForGuests.into());
    }
    ports.identity.change_password(caller.claims(), old, new).await.map_err(|error| match error {
        IdentityError::WrongPassword => Error::Refused(Refusal::WrongOldPassword),
        error => error.into(),
    })
}

/// Has a code sent with which the password can be replaced. It does not tell whether the name has an
/// account.
pub async fn forgot(ports: &Ports, name: &UserName) -> Result<()> {
    name.must_be_letterbox()?;
    ports.identity.send_code(name, Purpose::Reset).await?;
    Ok(())
}

/// Replaces the password with the code. Sessions go on (contract `rest-1.md`, `forgotpassword2`).
pub async fn reset(ports: &Ports, name: &UserName, code: &str, new: &Password) -> Result<()> {
    name.must_be_letterbox()?;
    Ok(ports.identity.reset_password(name, code.trim(), new).await?)
}
