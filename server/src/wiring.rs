//! The ports on this machine, put together.

use std::{fs, path::PathBuf, sync::Arc};

use anyhow::Context as _;
use builtin::clock::SystemClock;
use embedded::{
    files::{Files, KEY},
    fleet::Elsewhere,
    mailbox::Mailbox,
    smtp::{self, Delivery},
    sqlite::SqliteTable,
    webhook,
};
use ring::rand::{SecureRandom as _, SystemRandom};
use shared::{
    Ports,
    port::{
        Rules,
        blobs::Blobs,
        events::{Events, Nobody},
        federation::Providers,
        fleet::Fleet,
        mail::Mail,
        table::metered::{Meter, Metered},
    },
};

use crate::{
    files::{self, Readers},
    folder::Folder,
    metrics::{self, Metrics},
    settings::Settings,
};

/// Opens the database, off the tasks that serve others.
pub async fn open_table(path: PathBuf) -> anyhow::Result<Arc<SqliteTable>> {
    let opened = tokio::task::spawn_blocking(move || SqliteTable::open(&path, Arc::new(SystemClock)));
    let table = opened.await.context("the database could not be opened")??;
    Ok(Arc::new(table))
}

/// The folder's blobs. URLs of them lead to `base`.
pub fn blobs(folder: &Folder, base: Option<String>) -> anyhow::Result<Arc<Files>> {
    let path = folder.blobs_key();
    let cannot = || format!("cannot read or make the key {}", path.display());
    if !path.exists() {
        let mut key = [0; KEY];
        SystemRandom::new().fill(&mut key).map_err(|_| anyhow::anyhow!("the system gave no random bytes"))?;
        match files::create(&path, &key, Readers::Owner) {
            // Another process was faster.
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            made => made.with_context(cannot)?,
        }
    }
    let key = fs::read(&path).with_context(cannot)?;
    let key = key.as_slice().try_into().with_context(|| format!("{} is no key of {KEY} bytes", path.display()))?;
    Ok(Arc::new(Files::new(folder.blobs(), key, base, Arc::new(SystemClock))))
}

/// The folder's mailbox.
pub fn mailbox(folder: &Folder) -> anyhow::Result<Arc<dyn Mail>> {
    let path = folder.mailbox();
    Ok(Arc::new(Mailbox::open(&path).with_context(|| format!("cannot open the mailbox {}", path.display()))?))
}

/// By SMTP, which something has to bring out, or into the folder's mailbox.
pub fn mail(folder: &Folder, settings: &Settings) -> anyhow::Result<(Arc<dyn Mail>, Option<Delivery>)> {
    let Some(url) = settings.smtp.clone() else { return Ok((mailbox(folder)?, None)) };
    let from = settings.mail_from.clone().context("--smtp needs --mail-from, the address that letters are from")?;
    let (smtp, delivery) = smtp::open(&folder.outbox(), &smtp::Settings { url, from }).context("letters cannot be sent")?;
    Ok((Arc::new(smtp), Some(delivery)))
}

/// By a webhook, to which something has to bring what happened, or to nobody.
pub fn events(settings: &Settings) -> anyhow::Result<(Arc<dyn Events>, Option<webhook::Delivery>)> {
    let secret = settings.event_webhook_secret.clone();
    let Some(url) = settings.event_webhook.clone() else {
        anyhow::ensure!(secret.is_none(), "--event-webhook-secret needs --event-webhook, the URL that is told what happens");
        return Ok((Arc::new(Nobody), None));
    };
    let (bell, delivery) = webhook::open(&webhook::Settings { url, secret }).context("--event-webhook can't be told what happens")?;
    Ok((Arc::new(bell), Some(delivery)))
}

/// The ports of a command that works beside the server: nothing of it reaches nodes, sends letters or tells
/// what happens.
pub fn ports_beside(folder: &Folder, table: Arc<SqliteTable>) -> anyhow::Result<Ports> {
    Ok(builtin::ports(table, blobs(folder, None)?, mailbox(folder)?, Providers::default(), Arc::new(Elsewhere), Rules::default()))
}

/// All ports over these, with all that is asked of them counted.
pub fn measured_ports(
    table: Arc<SqliteTable>,
    blobs: Arc<dyn Blobs>,
    mail: Arc<dyn Mail>,
    providers: Providers,
    fleet: Arc<dyn Fleet>,
    rules: Rules,
    metrics: &Arc<Metrics>,
) -> (Ports, Arc<Meter>) {
    let meter = Arc::new(Meter::default());
    table.observe({
        let metrics = Arc::clone(metrics);
        move |commit| metrics.commit(commit)
    });
    let table = Metered { inner: table, meter: Arc::clone(&meter) };
    let mail = metrics::mail::Measured { inner: mail, metrics: Arc::clone(metrics) };
    let fleet = metrics::fleet::Measured { inner: fleet, metrics: Arc::clone(metrics) };
    (builtin::ports(Arc::new(table), blobs, Arc::new(mail), providers, Arc::new(fleet), rules), meter)
}
