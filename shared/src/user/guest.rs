//! Guests: accounts without a name of their own, which can become real ones (contract `rest-1.md`,
//! `POST /v1/user/guest`).

use super::name::{Password, UserName};
use crate::{
    Ports, Refusal, Result,
    access::Caller,
    port::identity::{Purpose, Tokens},
};

const DAY: i64 = 86_400;

/// Makes a guest and begins a session.
pub async fn begin(ports: &Ports) -> Result<(UserName, Tokens)> {
    let days = ports.rules.guest_days.ok_or(Refusal::GuestsOff)?;
    let until = (days > 0).then(|| ports.clock.now() + i64::from(days) * DAY);
    Ok(ports.identity.sign_up_guest(until).await?)
}

/// Has a code sent to the name that the guest wants to have.
pub async fn send_code(ports: &Ports, caller: &Caller, name: &UserName) -> Result<()> {
    check(ports, caller, name)?;
    if ports.identity.find(name).await?.is_some() {
        return Err(Refusal::AccountExists.into());
    }
    ports.identity.send_code(name, Purpose::Convert).await?;
    Ok(())
}

/// The guest's account has this name and password from now on; nodes, data and sessions stay.
pub async fn convert(ports: &Ports, caller: &Caller, name: &UserName, code: &str, password: &Password) -> Result<()> {
    check(ports, caller, name)?;
    Ok(ports.identity.convert(caller.claims(), name, code.trim(), password).await?)
}

fn check(ports: &Ports, caller: &Caller, name: &UserName) -> Result<()> {
    ports.rules.guest_days.ok_or(Refusal::GuestsOff)?;
    if !caller.user_name().is_guest() {
        return Err(Refusal::ForGuestsAlone.into());
    }
    if name.is_guest() { Err(Refusal::NotAnEmail.into()) } else { Ok(()) }
}
