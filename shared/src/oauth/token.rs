//! A client redeems what it has for tokens.

use super::{
    Client, Fault, Result,
    code::{self, Shown},
    fault::is_ended,
};
use crate::{Error, Ports, port::identity::Tokens};

/// Longer than any code, verifier or refresh token of ours.
const LONGEST: usize = 512;

/// Redeems a code, with the address at which it came and the verifier of its challenge.
pub async fn of_code(ports: &Ports, client: &Client, code: &str, redirect: &str, verifier: Option<&str>) -> Result<Tokens> {
    if code.len() > LONGEST || verifier.is_some_and(|verifier| verifier.len() > LONGEST) {
        return Err(Fault::InvalidCode.into());
    }
    code::redeem(ports, client, Shown { code, redirect, verifier }).await
}

/// New tokens of a session of the client's; its refresh token stays valid.
pub async fn of_refresh(ports: &Ports, client: &Client, refresh_token: &str) -> Result<Tokens> {
    match ports.identity.refresh_for(refresh_token, &client.id).await.map_err(Error::from) {
        Err(error) if is_ended(&error) => Err(Fault::InvalidRefresh.into()),
        done => Ok(done?),
    }
}
