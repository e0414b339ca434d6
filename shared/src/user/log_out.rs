//! Ending sessions.

use crate::{Ports, Result, access::Caller, port::identity::SignOut};

/// Ends the session of the refresh token if one is given, all of the caller's if asked, otherwise the
/// caller's own.
pub async fn log_out(ports: &Ports, caller: &Caller, refresh_token: Option<String>, all: bool) -> Result<()> {
    let which = match (all, refresh_token) {
        (true, _) => SignOut::All,
        (false, Some(token)) => SignOut::Refresh(token),
        (false, None) => SignOut::This,
    };
    Ok(ports.identity.sign_out(caller.claims(), which).await?)
}

/// Ends the session of the refresh token, for who has that and no access token any more.
pub async fn end(ports: &Ports, refresh_token: &str) -> Result<()> {
    Ok(ports.identity.end(refresh_token).await?)
}
