//! Accounts of people whom a provider has proved. A link says which account is whose; it goes by the
//! provider's issuer and its own name of the person, never by the address, which people change.
//!
//! `{user_id: "<user>", user_name: "A@x.io"}`

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::digest::{Context, SHA256};
use shared::{
    id::UserId,
    port::{
        federation::Person,
        identity::IdentityError,
        table::{Key, Merge, Record, TableId, Value, When, Write},
    },
    user::name::UserName,
};

use super::{
    Accounts, Result,
    credential::{self, Credential},
    engine,
    session::Session,
};

fn key(person: &Person) -> Key {
    let mut name = Context::new(&SHA256);
    // The length, so that no other pair reads the same.
    name.update(&(person.issuer.len() as u64).to_be_bytes());
    name.update(person.issuer.as_bytes());
    name.update(person.subject.as_bytes());
    Key::new(TableId::Identity, format!("federated#{}", URL_SAFE_NO_PAD.encode(name.finish())), "link")
}

/// A session of the person's account, and what is to be written beside it. 1 batched get, and 1 get where
/// the person's address is no more what it was when the link was made.
pub(super) async fn session(accounts: &Accounts, person: &Person) -> Result<(Session, Vec<Write>)> {
    let table = &*accounts.table;
    let mut records = table.get_many(&[key(person), credential::key(&person.email)]).await.map_err(engine)?.into_iter();
    let link = records.next().flatten();
    let of_address = records.next().flatten().map(Credential::of).transpose()?;
    let known = match link.as_ref() {
        Some(link) => linked(accounts, link, of_address.as_ref()).await?,
        None => None,
    };
    let begin = |user: &UserId, name: &str| Session::new(user.clone(), name, accounts.clock.now(), &*accounts.ids);
    if let Some(known) = known {
        return Ok((begin(known.user_id(), known.user_name()), vec![still_his(&known)]));
    }
    let (user, name, write) = match of_address {
        Some(credential) if credential.is_confirmed() => {
            (credential.user_id().clone(), credential.user_name().to_owned(), still_his(&credential))
        }
        Some(credential) => (credential.user_id().clone(), credential.user_name().to_owned(), take_over(&credential)),
        None => {
            let user: UserId = accounts.ids.id().parse().map_err(IdentityError::engine)?;
            let write = make(&person.email, &user);
            (user, person.email.as_str().to_owned(), write)
        }
    };
    let unchanged = link.as_ref().map_or(When::Absent, |link| When::Version(link.version));
    let fields = [("user_id", Value::from(user.as_str())), ("user_name", name.as_str().into())];
    let link = Write::put(key(person), fields, unchanged);
    Ok((begin(&user, &name), vec![link, write]))
}

/// The account that the link names, if it is still there and still the same person's.
async fn linked(accounts: &Accounts, link: &Record, of_address: Option<&Credential>) -> Result<Option<Credential>> {
    let (Some(user), Some(name)) = (link.str("user_id"), link.str("user_name").and_then(|name| name.parse::<UserName>().ok())) else {
        return Err(IdentityError::engine("a link to an account is not readable"));
    };
    let same = of_address.filter(|credential| credential.record.key == credential::key(&name));
    let credential = match same {
        Some(credential) => Some(Credential::of(credential.record.clone())?),
        None => Credential::read(&*accounts.table, &name).await?,
    };
    Ok(credential.filter(|credential| credential.user_id().as_str() == user && credential.is_confirmed()))
}

/// The account is not deleted, or made anew by somebody else, at the same moment.
fn still_his(credential: &Credential) -> Write {
    let when = When::FieldEq("user_id".to_owned(), credential.user_id().as_str().into());
    Write::Check { key: credential.record.key.clone(), when }
}

/// An account that was never confirmed may have been made by anybody, who knows its password and waits:
/// the password goes, and so does the code that is under way.
fn take_over(credential: &Credential) -> Write {
    let merge = Merge::new(credential.record.key.clone()).set("confirmed", true).set("hash", "").remove("code");
    Write::Merge(merge.when(When::Version(credential.record.version)))
}

/// An account without a password.
fn make(name: &UserName, user: &UserId) -> Write {
    let fields = [
        ("user_id", Value::from(user.as_str())),
        ("user_name", name.as_str().into()),
        ("hash", "".into()),
        ("confirmed", true.into()),
        ("failed", 0.into()),
        ("locked_until", 0.into()),
    ];
    Write::put(credential::key(name), fields, When::Absent)
}
