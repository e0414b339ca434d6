//! The user signs in at a provider: the browser leaves for it and comes back, to one address for all.

use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

use super::{Fault, Request, Result, code, seal};
use crate::{
    Error, Ports,
    port::{
        federation::{Answer, Handshake, Named},
        table::{Batch, Key, TableId, Value, When, Write},
    },
};

/// Where every provider sends browsers back to.
pub const CALLBACK: &str = "/oauth2/idpresponse";
/// Seconds for which somebody may be away.
pub const AWAY_SECONDS: i64 = 600;
/// Longer than a state of ours.
const LONGEST_STATE: usize = 64;
const LONGEST_CODE: usize = 4096;

/// What is kept while the browser is away.
#[derive(Serialize, Deserialize)]
struct Away {
    provider: String,
    /// SHA-256 of what the browser keeps.
    browser: String,
    nonce: String,
    verifier: String,
    request: Request,
}

/// What the browser does next.
#[derive(Clone, Debug)]
pub struct Leaving {
    /// Where it goes.
    pub to: String,
    /// The name of the cookie that binds this sign-in to this browser.
    pub cookie: String,
    /// Its value.
    pub value: String,
}

/// What the browser brought back.
#[derive(Clone, Copy, Debug, Default)]
pub struct Back<'a> {
    /// `state`.
    pub state: Option<&'a str>,
    /// `code`.
    pub code: Option<&'a str>,
    /// `error`.
    pub error: Option<&'a str>,
    /// `iss`.
    pub issuer: Option<&'a str>,
}

fn key(state: &str) -> Key {
    Key::new(TableId::Identity, format!("leaving#{}", seal::name(state)), "leaving")
}

/// The name of the cookie of this sign-in: several may be under way in one browser.
pub fn cookie(state: &str) -> String {
    format!("raincloud-{}", &seal::name(state)[..16])
}

/// Sends the browser to the provider of this name. 1 write.
pub async fn begin(ports: &Ports, request: Request, provider: &str) -> Result<Leaving> {
    let Some(named) = ports.providers.find(provider) else {
        return Err(request.refused(&Fault::InvalidRequest("there is no such identity_provider")));
    };
    let callback = callback(ports)?;
    let value = ports.ids.id();
    let handshake = Handshake { state: ports.ids.id(), nonce: ports.ids.id(), verifier: format!("{}{}", ports.ids.id(), ports.ids.id()) };
    let to = match named.provider.begin(&callback, &handshake).await {
        Ok(to) => to,
        Err(error) => return Err(request.refused(&error.into())),
    };
    let away =
        Away { provider: named.name.clone(), browser: seal::name(&value), nonce: handshake.nonce, verifier: handshake.verifier, request };
    let text = serde_json::to_string(&away).map_err(|_| Error::Corrupt("a sign-in that begins"))?;
    let sealed = seal::seal(&handshake.state, &text).ok_or(Error::Corrupt("sealing"))?;
    let put = Write::Put {
        key: key(&handshake.state),
        fields: [("sealed".to_owned(), Value::Bytes(sealed))].into(),
        expires: Some(ports.clock.now() + AWAY_SECONDS),
        when: When::Absent,
    };
    ports.table.write(Batch::of(put)?).await?;
    Ok(Leaving { to, cookie: cookie(&handshake.state), value })
}

/// Where the browser goes back to, with a code, once it has come back from the provider with the cookie of
/// the sign-in that it began. 1 get, 1 write; then the provider is asked, and a session begins.
pub async fn finish(ports: &Ports, back: Back<'_>, browser: Option<&str>) -> Result<String> {
    let state = back.state.filter(|state| state.len() <= LONGEST_STATE).ok_or(Fault::NotBegunHere)?;
    let record = ports.table.get(&key(state)).await?.ok_or(Fault::NotBegunHere)?;
    let sealed = record.bytes("sealed").ok_or(Error::Corrupt("a sign-in that began"))?;
    let text = seal::open(state, sealed).ok_or(Error::Corrupt("a sign-in that began"))?;
    let away: Away = serde_json::from_str(&text).map_err(|_| Error::Corrupt("a sign-in that began"))?;
    let same = browser.is_some_and(|value| seal::name(value).as_bytes().ct_eq(away.browser.as_bytes()).into());
    if !same {
        return Err(Fault::NotBegunHere.into());
    }
    let once = Write::Delete { key: record.key.clone(), when: When::Version(record.version) };
    match ports.table.write(Batch::of(once)?).await {
        Err(error) if error.is_conflict() => return Err(Fault::NotBegunHere.into()),
        done => done?,
    };
    let Some(named) = ports.providers.find(&away.provider) else { return Err(Fault::NotBegunHere.into()) };
    let answer = match answer(back) {
        Ok(answer) => answer,
        Err(fault) => return Err(away.request.refused(&fault)),
    };
    let handshake = Handshake { state: state.to_owned(), nonce: away.nonce, verifier: away.verifier };
    sign_in(ports, named, &answer, &handshake, &away.request).await
}

fn answer(back: Back<'_>) -> std::result::Result<Answer, Fault> {
    if let Some(error) = back.error {
        tracing::info!(error, "a provider did not sign somebody in");
        return Err(Fault::AccessDenied("the sign-in provider did not sign you in".to_owned()));
    }
    let code = back.code.filter(|code| code.len() <= LONGEST_CODE);
    let code = code.ok_or(Fault::InvalidRequest("the sign-in provider sent no code"))?;
    Ok(Answer { code: code.to_owned(), issuer: back.issuer.map(str::to_owned) })
}

async fn sign_in(ports: &Ports, named: &Named, answer: &Answer, handshake: &Handshake, request: &Request) -> Result<String> {
    let person = match named.provider.finish(&callback(ports)?, answer, handshake).await {
        Ok(person) => person,
        Err(error) => return Err(request.refused(&error.into())),
    };
    let tokens = ports.identity.sign_in_federated(&person).await?;
    Ok(request.granted(&code::issue(ports, request, tokens).await?))
}

fn callback(ports: &Ports) -> Result<String> {
    let url = ports.rules.oauth.public_url.as_ref();
    Ok(url.ok_or(Error::Corrupt("providers without a public URL"))?.at(CALLBACK))
}
