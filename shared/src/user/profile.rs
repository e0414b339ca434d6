//! What a user says of themselves, and all that is shown to them (contract `rest-4-schemas.md`,
//! `GetUserResponse`).

use serde_json::{Map, Value};

use super::{custom_data, document, key};
use crate::{
    Error, Ports, Refusal, Result,
    access::Caller,
    port::table::{Batch, Merge, Record, Value as Stored, When, Write},
    tag,
};

pub(super) const SORT: &str = "profile";
/// What the locale is where none was chosen.
pub const NO_LOCALE: &str = "no_locale";
/// Reserved (contract `rest-1.md`, `POST /v1/user2`).
const RESERVED: &str = "rm_non_branded";
const MAX_LOCALE: usize = 35;
const MAX_NAME: usize = 256;
/// Tries against other changes of the same user at the same moment.
const TRIES: usize = 5;

/// What a user says of themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// As the user wants to be called.
    pub name: Option<String>,
    /// Lower-case; `None` if not chosen.
    pub locale: Option<String>,
    /// `key:value` each.
    pub tags: Vec<String>,
}

/// All that is shown to a user.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    /// What they say of themselves.
    pub profile: Profile,
    /// Their custom data.
    pub custom_data: Map<String, Value>,
    /// Seconds since the epoch; only of a guest whose account is good for a time.
    pub expires_on: Option<i64>,
}

pub(super) fn read(record: Option<&Record>) -> Result<Profile> {
    let Some(record) = record else { return Ok(Profile::default()) };
    let tags = record.json("tags").map(serde_json::from_str).transpose().map_err(|_| Error::Corrupt("profile"))?;
    let text = |field| record.str(field).map(ToOwned::to_owned);
    Ok(Profile { name: text("name"), locale: text("locale"), tags: tags.unwrap_or_default() })
}

/// The caller. 1 batched get; of a guest 1 get more.
pub async fn show(ports: &Ports, caller: &Caller) -> Result<Shown> {
    let user = caller.user_id();
    let records = ports.table.get_many(&[key(user, SORT), key(user, custom_data::SORT)]).await?;
    let [profile, data] = records.as_slice() else { return Err(Error::Corrupt("profile")) };
    let guest = caller.user_name().is_guest();
    let account = if guest { ports.identity.find(caller.user_name()).await? } else { None };
    Ok(Shown {
        profile: read(profile.as_ref())?,
        custom_data: document::read(data.as_ref())?,
        expires_on: account.and_then(|account| account.until),
    })
}

/// Sets the name, the locale or both; an empty locale takes it away. 1 write.
pub async fn set(ports: &Ports, caller: &Caller, name: Option<&str>, locale: Option<&str>) -> Result<()> {
    let mut merge = Merge::new(key(caller.user_id(), SORT));
    if let Some(name) = name {
        merge = merge.set("name", check_name(name)?);
    }
    if let Some(locale) = locale {
        let locale = check_locale(locale)?;
        let none = locale.is_empty() || locale == NO_LOCALE;
        merge = if none { merge.remove("locale") } else { merge.set("locale", locale) };
    }
    ports.table.write(Batch::of(Write::Merge(merge))?).await?;
    Ok(())
}

fn check_name(name: &str) -> std::result::Result<&str, Refusal> {
    let name = name.trim();
    let valid = (1..=MAX_NAME).contains(&name.chars().count()) && !name.contains(char::is_control);
    if valid { Ok(name) } else { Err(Refusal::InvalidName) }
}

fn check_locale(locale: &str) -> std::result::Result<String, Refusal> {
    let locale = locale.trim().to_lowercase();
    let valid = locale.len() <= MAX_LOCALE && locale.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    if valid && locale != RESERVED { Ok(locale) } else { Err(Refusal::InvalidLocale) }
}

/// What happens to tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TagChange {
    /// They are added.
    Add,
    /// They are taken away.
    Remove,
}

/// Adds or removes tags. 1 get, 1 write.
pub async fn change_tags(ports: &Ports, caller: &Caller, change: TagChange, tags: &[String]) -> Result<()> {
    let tags = tag::parse(tags)?;
    for _ in 0..TRIES {
        let before = ports.table.get(&key(caller.user_id(), SORT)).await?;
        let own = read(before.as_ref())?.tags;
        let own = match change {
            TagChange::Add => tag::add(own, &tags).ok_or(Refusal::InvalidUserTags)?,
            TagChange::Remove => tag::remove(own, &tags),
        };
        let text = serde_json::to_string(&own).map_err(|_| Error::Corrupt("profile"))?;
        let unchanged = before.map_or(When::Absent, |record| When::Version(record.version));
        let merge = Merge::new(key(caller.user_id(), SORT)).set("tags", Stored::Json(text)).when(unchanged);
        match ports.table.write(Batch::of(Write::Merge(merge))?).await {
            Err(error) if error.is_conflict() => {}
            done => return Ok(done.map(drop)?),
        }
    }
    Err(Refusal::TooManyTries.into())
}
