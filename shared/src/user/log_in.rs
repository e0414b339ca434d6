//! Beginning and extending a session.

use super::name::UserName;
use crate::{Ports, Result, port::identity::Tokens};

/// Begins a session with a password.
pub async fn log_in(ports: &Ports, name: &UserName, password: &str) -> Result<Tokens> {
    Ok(ports.identity.sign_in(name, password).await?)
}

/// New tokens of a running session; its refresh token stays valid (contract `clients.md` D5).
pub async fn refresh(ports: &Ports, refresh_token: &str) -> Result<Tokens> {
    Ok(ports.identity.refresh(refresh_token).await?)
}
