//! The ports of one machine, put together: for the server around its broker, and for a function's process,
//! which has no listener of its own: a Lambda binary under a local Runtime API.

use std::{env, error::Error, path::PathBuf, sync::Arc};

use builtin::{
    accounts::{Accounts, Settings},
    clock::{RandomIds, SystemClock},
};
use shared::{
    Ports,
    oauth::PublicUrl,
    port::{Rules, federation::Providers, fleet::Fleet, mail::Mail, table::Table},
};

use crate::{fleet::Elsewhere, mailbox::Mailbox, sqlite::SqliteTable};

/// `iss` of tokens where the owner has set no public URL. It is checked together with a key of the installation's own, so it need not tell
/// installations apart, and a machine may change its name without ending sessions.
const ISSUER: &str = "raincloud";

/// All ports over this table, mail, providers and fleet.
pub fn ports(table: Arc<dyn Table>, mail: Arc<dyn Mail>, providers: Providers, fleet: Arc<dyn Fleet>, rules: Rules) -> Ports {
    let (clock, ids) = (Arc::new(SystemClock), Arc::new(RandomIds));
    let issuer = rules.oauth.public_url.as_ref().map_or(ISSUER, PublicUrl::as_str).to_owned();
    let settings = Settings { issuer, former_issuer: Some(ISSUER.to_owned()) };
    let identity = Arc::new(Accounts::new(table.clone(), mail, clock.clone(), ids.clone(), settings));
    Ports { table, fleet, identity, providers: Arc::new(providers), clock, ids, rules }
}

/// The ports, and the name under which the cloud is reached.
pub struct Local {
    /// The ports.
    pub ports: Ports,
    /// The name.
    pub host: String,
}

/// Opens the data folder that `RAINCLOUD_DATA` names (default `./raincloud-data`); `RAINCLOUD_HOST` is
/// the name of the cloud (default `localhost`).
pub fn from_env() -> Result<Local, Box<dyn Error + Send + Sync>> {
    let data = PathBuf::from(env::var("RAINCLOUD_DATA").unwrap_or_else(|_| "raincloud-data".to_owned()));
    let host = env::var("RAINCLOUD_HOST").unwrap_or_else(|_| "localhost".to_owned());
    std::fs::create_dir_all(&data)?;
    let table = Arc::new(SqliteTable::open(&data.join("raincloud.db"), Arc::new(SystemClock))?);
    let mail = Arc::new(Mailbox::open(&data.join("mailbox"))?);
    let ports = ports(table, mail, Providers::default(), Arc::new(Elsewhere), Rules::default());
    Ok(Local { ports, host })
}
