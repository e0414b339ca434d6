//! Beginning and extending a session.

use super::name::UserName;
use crate::{
    Ports, Result,
    port::identity::{Purpose, Tokens},
};

/// Begins a session with a password.
pub async fn log_in(ports: &Ports, name: &UserName, password: &str) -> Result<Tokens> {
    name.must_be_letterbox()?;
    Ok(ports.identity.sign_in(name, password).await?)
}

/// Has a code sent with which a session can be begun, and returns what belongs to the code. It does not
/// tell whether the name has an account.
pub async fn send_code(ports: &Ports, name: &UserName) -> Result<String> {
    name.must_be_letterbox()?;
    Ok(ports.identity.send_code(name, Purpose::LogIn).await?)
}

/// Begins a session with the code.
pub async fn log_in_by_code(ports: &Ports, name: &UserName, session: &str, code: &str) -> Result<Tokens> {
    name.must_be_letterbox()?;
    Ok(ports.identity.sign_in_by_code(name, session, code.trim()).await?)
}

/// New tokens of a running session; its refresh token stays valid (contract `clients.md` D5).
pub async fn refresh(ports: &Ports, refresh_token: &str) -> Result<Tokens> {
    Ok(ports.identity.refresh(refresh_token).await?)
}
