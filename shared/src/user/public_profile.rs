//! What a user lets every user see (contract `rest-3.md`, `GET /v1/user/public_profile`).

use serde_json::{Map, Value};

use super::{document, key, name::UserName};
use crate::{Ports, Refusal, Result, access::Caller};

const SORT: &str = "public_profile";
const MAX_BYTES: usize = 64 * 1024;

/// The public profile of the user of this name, or the caller's. 1 get, of another's 2.
pub async fn show(ports: &Ports, caller: &Caller, of: Option<&UserName>) -> Result<(UserName, Map<String, Value>)> {
    let own = (caller.user_id().clone(), caller.user_name().clone());
    let (user, name) = match of {
        Some(name) if *name != own.1 => {
            let account = ports.identity.find(name).await?.ok_or(Refusal::NoAccount)?;
            (account.user_id, account.user_name)
        }
        _ => own,
    };
    let record = ports.table.get(&key(&user, SORT)).await?;
    Ok((name, document::read(record.as_ref())?))
}

/// Merges the changes in; `None` takes everything away. 1 get, 1 write.
pub async fn change(ports: &Ports, caller: &Caller, changes: Option<Map<String, Value>>) -> Result<()> {
    document::update(ports, key(caller.user_id(), SORT), MAX_BYTES, changes).await
}
