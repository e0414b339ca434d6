//! The ports on this machine, put together.

use std::{path::PathBuf, sync::Arc};

use anyhow::Context as _;
use embedded::{
    accounts::{self, Accounts},
    clock::{RandomIds, SystemClock},
    mailbox::Mailbox,
    sqlite::SqliteTable,
};
use shared::{
    Ports,
    port::{Rules, fleet::Fleet},
};

use crate::folder::Folder;

/// `iss` of tokens. It is checked together with a key of the installation's own, so it need not tell
/// installations apart, and a machine may change its name without ending sessions.
const ISSUER: &str = "raincloud";

/// Opens the database, off the tasks that serve others.
pub async fn open_table(path: PathBuf) -> anyhow::Result<Arc<SqliteTable>> {
    let opened = tokio::task::spawn_blocking(move || SqliteTable::open(&path, Arc::new(SystemClock)));
    let table = opened.await.context("the database could not be opened")??;
    Ok(Arc::new(table))
}

/// All ports over this table and fleet.
pub fn ports(folder: &Folder, table: Arc<SqliteTable>, fleet: Arc<dyn Fleet>, rules: Rules) -> anyhow::Result<Ports> {
    let mailbox = folder.mailbox();
    let mail = Mailbox::open(&mailbox).with_context(|| format!("cannot open the mailbox {}", mailbox.display()))?;
    let (clock, ids) = (Arc::new(SystemClock), Arc::new(RandomIds));
    let settings = accounts::Settings { issuer: ISSUER.to_owned() };
    let identity = Accounts::new(table.clone(), Arc::new(mail), clock.clone(), ids.clone(), settings);
    Ok(Ports { table, fleet, identity: Arc::new(identity), clock, ids, rules })
}
