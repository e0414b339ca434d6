//! `raincloud admin`: what the owner does on the machine itself, on the data folder, beside a running server or without
//! one; and what a super admin does from afar, over the API.

mod add;
mod claim;
pub(crate) mod credentials;
mod list;
mod remote;
mod revoke;
mod user;

use std::sync::Arc;

use anyhow::Context as _;
use clap::Subcommand;
use embedded::sqlite::SqliteTable;
use hyper::http::Method;
use serde_json::Value;
use shared::Ports;

use self::remote::{Api, Remote};
use crate::{folder::Folder, say, settings::Place, wiring};

/// What can be administered.
#[derive(Subcommand, Debug)]
pub(crate) enum AdminCommand {
    /// Nodes and their certificates
    #[command(subcommand)]
    Node(NodeCommand),
    /// Accounts
    #[command(subcommand)]
    User(user::UserCommand),
    /// Secrets of chips that claim a node id and a certificate for themselves; on the data folder alone
    #[command(subcommand)]
    Claim(claim::ClaimCommand),
}

/// What can be done with nodes.
#[derive(Subcommand, Debug)]
pub(crate) enum NodeCommand {
    /// Make nodes: a certificate, a key and the table for the flash of each; and register them
    Add(add::AddArgs),
    /// List all nodes ever registered
    List(list::ListArgs),
    /// Let a node's certificate prove nothing any more, and end its connection
    Revoke(revoke::RevokeArgs),
}

/// Does it.
pub(crate) async fn run(command: AdminCommand) -> anyhow::Result<()> {
    match command {
        AdminCommand::Node(NodeCommand::Add(args)) => add::run(args).await,
        AdminCommand::Node(NodeCommand::List(args)) => list::run(args).await,
        AdminCommand::Node(NodeCommand::Revoke(args)) => revoke::run(args).await,
        AdminCommand::User(command) => user::run(command).await,
        AdminCommand::Claim(command) => claim::run(command).await,
    }
}

/// The data folder's ports, for as long as a command runs.
struct Opened {
    ports: Ports,
    table: Arc<SqliteTable>,
}

impl Opened {
    async fn new(folder: &Folder) -> anyhow::Result<Self> {
        let table = wiring::open_table(folder.database()).await?;
        let ports = wiring::ports_beside(folder, Arc::clone(&table))?;
        Ok(Self { ports, table })
    }

    async fn close(self) {
        self.table.close().await;
    }
}

/// Where to administer.
#[derive(clap::Args, Debug)]
struct Where {
    #[command(flatten)]
    place: Place,

    #[command(flatten)]
    remote: Remote,
}

impl Where {
    /// The cloud at the URL, or in the data folder, which must be there.
    async fn open(&self) -> anyhow::Result<Cloud> {
        match self.remote.open().await? {
            Some(api) => Ok(Cloud::There(api)),
            None => Ok(Cloud::Here(Opened::new(&Folder::open(&self.place.data)?).await?)),
        }
    }

    /// The same; a data folder is made if there is none.
    async fn make(&self) -> anyhow::Result<Cloud> {
        match self.remote.open().await? {
            Some(api) => Ok(Cloud::There(api)),
            None => Ok(Cloud::Here(Opened::new(&Folder::make(&self.place.data)?).await?)),
        }
    }
}

/// The cloud that a command administers.
enum Cloud {
    /// In a data folder.
    Here(Opened),
    /// Behind its API.
    There(Api),
}

impl Cloud {
    async fn close(self) {
        match self {
            Self::Here(opened) => opened.close().await,
            Self::There(api) => api.close().await,
        }
    }
}

/// A page of a list, which is the answer's member of this name, and where the next begins.
async fn remote_page(api: &mut Api, path: &str, list: &str, after: Option<String>) -> anyhow::Result<(Vec<Value>, Option<String>)> {
    let start = after.map(|after| format!("&start_id={after}")).unwrap_or_default();
    let join = if path.contains('?') { '&' } else { '?' };
    let answer = api.call(Method::GET, &format!("{path}{join}num_records=100{start}"), None).await?;
    let entries = answer[list].as_array().cloned().with_context(|| format!("the answer has no {list}"))?;
    Ok((entries, answer["next_id"].as_str().map(str::to_owned)))
}

/// Prints a list page by page, each entry on a line: as `shown` for people, or as JSON. `none` is said of an empty one.
async fn print_pages<T>(
    as_json: bool,
    none: &str,
    mut page: impl AsyncFnMut(Option<String>) -> anyhow::Result<(Vec<T>, Option<String>)>,
    json: impl Fn(&T) -> Value,
    shown: impl Fn(&T) -> String,
) -> anyhow::Result<()> {
    let (mut after, mut count) = (None, 0);
    loop {
        let (entries, next) = page(after).await?;
        count += entries.len();
        for entry in &entries {
            if as_json { say::json(&json(entry))? } else { say::line(shown(entry))? }
        }
        after = next;
        if after.is_none() {
            break;
        }
    }
    if count == 0 && !as_json {
        say::note(none);
    }
    Ok(())
}
