//! The ports of one machine for a function's process, which has no listener of its own: a Lambda binary
//! under a local Runtime API. The server wires the same parts around its broker.

use std::{env, error::Error, path::PathBuf, sync::Arc};

use shared::{Ports, port::Rules};

use crate::{
    accounts::{Accounts, Settings},
    clock::{RandomIds, SystemClock},
    fleet::Elsewhere,
    mailbox::Mailbox,
    sqlite::SqliteTable,
};

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
    let (clock, ids) = (Arc::new(SystemClock), Arc::new(RandomIds));
    let table = Arc::new(SqliteTable::open(&data.join("raincloud.db"), clock.clone())?);
    let mail = Arc::new(Mailbox::open(&data.join("mailbox"))?);
    let settings = Settings { issuer: format!("https://{host}") };
    let identity = Arc::new(Accounts::new(table.clone(), mail, clock.clone(), ids.clone(), settings));
    Ok(Local { ports: Ports { table, fleet: Arc::new(Elsewhere), identity, clock, ids, rules: Rules::default() }, host })
}
