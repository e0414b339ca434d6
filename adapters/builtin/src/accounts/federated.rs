//! Accounts of people whom a provider has proved. A link says which account is whose; it goes by the
//! provider's issuer and its own name of the person, never by the address, which people change.
//!
//! `{user_id: "<user>", user_name: "A@x.io"}`; and in the account's partition `link#<hash>`, so that the link
//! goes with the account

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::digest::{Context, SHA256};
use shared::{
    port::{
        federation::Person,
        identity::{IdentityError, Privilege},
        table::{Key, Record, TableId, Value, When, Write},
    },
    user::name::UserName,
};

use super::{
    Accounts, Result,
    credential::{self, Credential, New, State},
    engine,
    session::Session,
};

fn key(person: &Person) -> Key {
    let mut name = Context::new(&SHA256);
    // The length, so that no other pair reads the same.
    name.update(&(person.issuer.len() as u64).to_be_bytes());
    name.update(person.issuer.as_bytes());
    name.update(person.subject.as_bytes());
    link_key(&URL_SAFE_NO_PAD.encode(name.finish()))
}

/// The sort keys of an account's links begin with this.
pub(super) const LINKS: &str = "link#";

/// The link of this hash.
pub(super) fn link_key(hash: &str) -> Key {
    Key::new(TableId::Identity, format!("federated#{hash}"), "link")
}

/// The account's own record of the link.
fn own_key(person: &Person, name: &UserName) -> Key {
    let link = key(person).partition;
    let hash = link.split_once('#').map_or("", |(_, hash)| hash);
    Key::new(TableId::Identity, credential::partition(name), format!("{LINKS}{hash}"))
}

/// A session of the person's account, and what is to be written beside it. 1 batched get, and 1 get where
/// the person's address is no more what it was when the link was made.
pub(super) async fn session(accounts: &Accounts, person: &Person) -> Result<(Session, Vec<Write>)> {
    let table = &*accounts.table;
    let mut records = table.get_many(&[key(person), credential::key(&person.email)]).await.map_err(engine)?.into_iter();
    let link = records.next().flatten();
    let of_address = records.next().flatten();
    let known = match link.as_ref() {
        Some(link) => linked(accounts, link, of_address.as_ref()).await?,
        None => None,
    };
    if let Some(known) = known {
        return Ok((begin(accounts, &known), vec![known.still_open()]));
    }
    let (session, mut writes) = match of_address.map(Credential::of).transpose()? {
        Some(credential) => {
            let writes = match credential.state() {
                State::Open => vec![credential.still_open()],
                State::Unconfirmed => take_over(&credential),
                State::Disabled | State::Leaving => return Err(IdentityError::Disabled),
            };
            (begin(accounts, &credential), writes)
        }
        None => make(accounts, &person.email)?,
    };
    let unchanged = link.as_ref().map_or(When::Absent, |link| When::Version(link.version));
    let subject = session.subject();
    let fields = [("user_id", Value::from(subject.user_id.as_str())), ("user_name", subject.user_name.into())];
    let own = own_key(person, &subject.user_name.parse().map_err(|_| IdentityError::engine("a name is not valid"))?);
    writes.push(Write::put(key(person), fields, unchanged));
    writes.push(Write::put(own, [("user_id", subject.user_id.as_str())], When::Always));
    Ok((session, writes))
}

fn begin(accounts: &Accounts, known: &Credential) -> Session {
    Session::new(known, accounts.clock.now(), &*accounts.ids)
}

/// The account that the link names, if it is still there and still the same person's.
async fn linked(accounts: &Accounts, link: &Record, of_address: Option<&Record>) -> Result<Option<Credential>> {
    let (Some(user), Some(name)) = (link.str("user_id"), link.str("user_name").and_then(|name| name.parse::<UserName>().ok())) else {
        return Err(IdentityError::engine("a link to an account is not readable"));
    };
    let credential = match of_address.filter(|record| record.key == credential::key(&name)) {
        Some(record) => Some(Credential::of(record.clone())?),
        None => Credential::read(&*accounts.table, &name).await?,
    };
    let Some(credential) = credential.filter(|credential| credential.user_id().as_str() == user) else { return Ok(None) };
    match credential.state() {
        State::Open => Ok(Some(credential)),
        State::Unconfirmed => Ok(None),
        State::Disabled | State::Leaving => Err(IdentityError::Disabled),
    }
}

/// An account that was never confirmed may have been made by anybody, who knows its password and waits:
/// the password goes, and the code that is under way confirms nothing any more.
fn take_over(credential: &Credential) -> Vec<Write> {
    let name = credential.user_name();
    let open = credential.change().set("state", State::Open.as_str()).set("hash", "");
    let mut writes = credential::list(credential.user_id().as_str(), name);
    writes.push(Write::Merge(open));
    writes
}

/// An account without a password.
fn make(accounts: &Accounts, name: &UserName) -> Result<(Session, Vec<Write>)> {
    if name.is_guest() {
        return Err(IdentityError::Disabled);
    }
    let (id, now) = (accounts.ids.id(), accounts.clock.now());
    let new = New { user_id: &id, user_name: name, hash: String::new(), state: State::Open, privilege: Privilege::None, until: None };
    let user = id.parse().map_err(IdentityError::engine)?;
    Ok((Session::with(user, name.clone(), Privilege::None, now, &*accounts.ids), new.writes(None, now)))
}
