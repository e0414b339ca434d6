//! A user's custom data: `{key: {value, perms?}}`, merged (contract `rest-4-schemas.md`, examples for user
//! custom data; `clients.md` A2).

use serde_json::{Map, Value};

use super::{document, key};
use crate::{Ports, Refusal, Result, access::Caller};

pub(super) const SORT: &str = "custom_data";
/// Bytes of all of a user's custom data as JSON.
const MAX_BYTES: usize = 399 * 1024;

/// The caller's custom data. 1 get.
pub async fn show(ports: &Ports, caller: &Caller) -> Result<Map<String, Value>> {
    document::read(ports.table.get(&key(caller.user_id(), SORT)).await?.as_ref())
}

/// Merges the changes in: an object for a key, `null` to take the key away; `None` takes everything away.
/// 1 get, 1 write.
pub async fn change(ports: &Ports, caller: &Caller, changes: Option<Map<String, Value>>) -> Result<()> {
    if let Some(changes) = &changes {
        check(changes)?;
    }
    document::update(ports, key(caller.user_id(), SORT), MAX_BYTES, changes).await
}

/// Each entry has a value, permissions, or both.
fn check(changes: &Map<String, Value>) -> Result<()> {
    let is_entry = |entry: &Value| match entry {
        Value::Null => true,
        Value::Object(entry) => !entry.is_empty() && entry.keys().all(|key| key == "value" || key == "perms"),
        _ => false,
    };
    match changes.iter().find(|(key, entry)| key.is_empty() || !is_entry(entry)) {
        Some((key, _)) => Err(Refusal::InvalidBody(format!("{key:?} needs an object with value or perms, or null")).into()),
        None => Ok(()),
    }
}
