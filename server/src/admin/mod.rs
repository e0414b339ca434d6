//! `raincloud admin`: what the owner does on the machine itself. It works on the data folder, beside a
//! running server or without one.

mod add;
mod claim;
pub(crate) mod credentials;
mod list;
mod revoke;

use std::sync::Arc;

use clap::Subcommand;
use embedded::sqlite::SqliteTable;
use shared::Ports;

use crate::{folder::Folder, wiring};

/// What can be administered.
#[derive(Subcommand, Debug)]
pub(crate) enum AdminCommand {
    /// Nodes and their certificates
    #[command(subcommand)]
    Node(NodeCommand),
    /// Secrets of chips that claim a node id and a certificate for themselves
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
