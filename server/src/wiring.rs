//! The ports on this machine, put together.

use std::{path::PathBuf, sync::Arc};

use anyhow::Context as _;
use embedded::{clock::SystemClock, local, mailbox::Mailbox, sqlite::SqliteTable};
use shared::{
    Ports,
    port::{
        Rules,
        fleet::Fleet,
        table::metered::{Meter, Metered},
    },
};

use crate::{
    folder::Folder,
    metrics::{self, Metrics},
};

/// Opens the database, off the tasks that serve others.
pub async fn open_table(path: PathBuf) -> anyhow::Result<Arc<SqliteTable>> {
    let opened = tokio::task::spawn_blocking(move || SqliteTable::open(&path, Arc::new(SystemClock)));
    let table = opened.await.context("the database could not be opened")??;
    Ok(Arc::new(table))
}

/// All ports over this folder's mailbox, this table and this fleet.
pub fn ports(folder: &Folder, table: Arc<SqliteTable>, fleet: Arc<dyn Fleet>, rules: Rules) -> anyhow::Result<Ports> {
    Ok(local::ports(table, Arc::new(mailbox(folder)?), fleet, rules))
}

/// The same, with all that is asked of them counted.
pub fn measured_ports(
    folder: &Folder,
    table: Arc<SqliteTable>,
    fleet: Arc<dyn Fleet>,
    rules: Rules,
    metrics: &Arc<Metrics>,
) -> anyhow::Result<(Ports, Arc<Meter>)> {
    let meter = Arc::new(Meter::default());
    table.observe({
        let metrics = Arc::clone(metrics);
        move |commit| metrics.commit(commit)
    });
    let table = Metered { inner: table, meter: Arc::clone(&meter) };
    let mail = metrics::mail::Measured { inner: Arc::new(mailbox(folder)?), metrics: Arc::clone(metrics) };
    let fleet = metrics::fleet::Measured { inner: fleet, metrics: Arc::clone(metrics) };
    Ok((local::ports(Arc::new(table), Arc::new(mail), Arc::new(fleet), rules), meter))
}

fn mailbox(folder: &Folder) -> anyhow::Result<Mailbox> {
    let mailbox = folder.mailbox();
    Mailbox::open(&mailbox).with_context(|| format!("cannot open the mailbox {}", mailbox.display()))
}
