//! The ports on this machine, put together.

use std::{path::PathBuf, sync::Arc};

use anyhow::Context as _;
use embedded::{clock::SystemClock, local, sqlite::SqliteTable};
use shared::{
    Ports,
    port::{Rules, fleet::Fleet},
};

use crate::folder::Folder;

/// Opens the database, off the tasks that serve others.
pub async fn open_table(path: PathBuf) -> anyhow::Result<Arc<SqliteTable>> {
    let opened = tokio::task::spawn_blocking(move || SqliteTable::open(&path, Arc::new(SystemClock)));
    let table = opened.await.context("the database could not be opened")??;
    Ok(Arc::new(table))
}

/// All ports over this folder's mailbox, this table and this fleet.
pub fn ports(folder: &Folder, table: Arc<SqliteTable>, fleet: Arc<dyn Fleet>, rules: Rules) -> anyhow::Result<Ports> {
    let mailbox = folder.mailbox();
    local::ports(table, &mailbox, fleet, rules).with_context(|| format!("cannot open the mailbox {}", mailbox.display()))
}
