//! Signing up, in two steps: an account that waits for its code, and the code.

use super::name::{Password, UserName};
use crate::{Ports, Refusal, Result};

/// Makes the account and has the code sent. Asked again before the account is confirmed, it sends a
/// new code and takes the new password.
pub async fn sign_up(ports: &Ports, name: &UserName, password: &Password) -> Result<()> {
    if name.is_guest() {
        return Err(Refusal::NotAnEmail.into());
    }
    Ok(ports.identity.sign_up(name, password).await?)
}

/// Confirms the account with the code.
pub async fn confirm(ports: &Ports, name: &UserName, code: &str) -> Result<()> {
    Ok(ports.identity.confirm(name, code.trim()).await?)
}
