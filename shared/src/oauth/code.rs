//! Authorization codes: good once, for a minute, for one client, at one address.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::digest::{SHA256, digest};
use subtle::ConstantTimeEq as _;

use super::{Client, Fault, Request, Result, fault::is_ended, seal};
use crate::{
    Error, Ports,
    port::{
        identity::{Relying, SignOut, Tokens},
        table::{Batch, Key, Merge, Record, TableId, Value, When, Write},
    },
};

/// Seconds for which a code is good.
const CODE_SECONDS: i64 = 60;
/// Seconds for which it is remembered that a code was used, so that using it again ends the session.
const USED_SECONDS: i64 = 3600;

fn key(code: &str) -> Key {
    Key::new(TableId::Identity, format!("code#{}", seal::name(code)), "code")
}

/// A code for the session that has just begun. 1 write.
pub(super) async fn issue(ports: &Ports, request: &Request, tokens: Tokens) -> Result<String> {
    let refresh = tokens.refresh.ok_or(Error::Corrupt("tokens of a login"))?;
    let code = ports.ids.id();
    let sealed = seal::seal(&code, &refresh).ok_or(Error::Corrupt("sealing"))?;
    let mut fields = vec![
        ("client", Value::from(request.client.as_str())),
        ("redirect", request.redirect.as_str().into()),
        ("sealed", Value::Bytes(sealed)),
        ("used", false.into()),
    ];
    fields.extend(request.challenge.as_deref().map(|challenge| ("challenge", challenge.into())));
    fields.extend(request.nonce.as_deref().map(|nonce| ("nonce", nonce.into())));
    let put = Write::Put {
        key: key(&code),
        fields: fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        expires: Some(ports.clock.now() + CODE_SECONDS),
        when: When::Absent,
    };
    ports.table.write(Batch::of(put)?).await?;
    Ok(code)
}

/// What a client shows to get a code's tokens.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shown<'a> {
    pub(super) code: &'a str,
    pub(super) redirect: &'a str,
    pub(super) verifier: Option<&'a str>,
}

/// The tokens of the session for which the code was given. A code that comes a second time was stolen, or
/// the first one was: its session ends. 1 get, 1 write, and those of the session.
pub(super) async fn redeem(ports: &Ports, client: &Client, shown: Shown<'_>) -> Result<Tokens> {
    let record = ports.table.get(&key(shown.code)).await?.ok_or(Fault::InvalidCode)?;
    if !is_for(&record, client, shown) {
        return Err(Fault::InvalidCode.into());
    }
    let sealed = record.bytes("sealed").ok_or(Error::Corrupt("code"))?;
    let refresh = seal::open(shown.code, sealed).ok_or(Error::Corrupt("code"))?;
    let used = Merge::new(record.key.clone())
        .set("used", true)
        .expires(ports.clock.now() + USED_SECONDS)
        .when(When::FieldEq("used".to_owned(), false.into()));
    match ports.table.write(Batch::of(Write::Merge(used))?).await {
        Ok(_) => {}
        Err(error) if error.is_conflict() => {
            end(ports, &refresh).await?;
            return Err(Fault::InvalidCode.into());
        }
        Err(error) => return Err(error.into()),
    }
    let to = Relying { client: client.id.clone(), nonce: record.str("nonce").map(str::to_owned) };
    match ports.identity.hand_over(&refresh, &to).await.map_err(Error::from) {
        Ok(tokens) => Ok(Tokens { refresh: Some(refresh), ..tokens }),
        // The user has logged out everywhere in this very minute, or the code came twice.
        Err(error) if is_ended(&error) => Err(Fault::InvalidCode.into()),
        Err(error) => Err(error.into()),
    }
}

fn is_for(record: &Record, client: &Client, shown: Shown<'_>) -> bool {
    let verified = match (record.str("challenge"), shown.verifier) {
        (Some(challenge), Some(verifier)) => {
            let is = URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()));
            is.as_bytes().ct_eq(challenge.as_bytes()).into()
        }
        // A verifier for a code without a challenge: somebody took the challenge out on the way.
        (challenge, verifier) => challenge.is_none() && verifier.is_none(),
    };
    verified
        && record.str("client") == Some(client.id.as_str())
        && record.str("redirect").is_some_and(|redirect| Request::went_to(redirect, shown.redirect))
}

/// Ends the session of this refresh token, if it still runs.
async fn end(ports: &Ports, refresh: &str) -> Result<()> {
    match ports.identity.refresh(refresh).await.map_err(Error::from) {
        Ok(tokens) => {
            let claims = ports.identity.verify(&tokens.access).await?;
            Ok(ports.identity.sign_out(&claims, SignOut::This).await?)
        }
        Err(error) if is_ended(&error) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
