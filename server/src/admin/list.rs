//! `raincloud admin node list`.

use serde_json::json;
use shared::{node::certificate, port::table::Cursor};

use super::Opened;
use crate::{folder::Folder, say, settings::Place};

/// Nodes that are read at a time.
const PAGE: usize = 100;

/// What `admin node list` takes.
#[derive(clap::Args, Debug)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    place: Place,

    /// Print each node as a JSON object on a line
    #[arg(long)]
    json: bool,
}

/// Lists nodes, page by page, in the order of their ids.
pub(super) async fn run(args: ListArgs) -> anyhow::Result<()> {
    let opened = Opened::new(&Folder::open(&args.place.data)?).await?;
    let printed = print(&opened, args.json).await;
    opened.close().await;
    printed
}

async fn print(opened: &Opened, as_json: bool) -> anyhow::Result<()> {
    let (mut after, mut count): (Option<Cursor>, usize) = (None, 0);
    loop {
        let (nodes, next) = certificate::list(&opened.ports, PAGE, after).await?;
        for node in nodes {
            count += 1;
            if as_json {
                say::json(&json!({ "node_id": node.node.as_str(), "registered_at": node.registered_at, "revoked": node.revoked }))?;
            } else {
                let state = if node.revoked { "   revoked" } else { "" };
                say::line(format_args!("{:<22}   {}{state}", node.node.as_str(), say::moment(node.registered_at)))?;
            }
        }
        after = next;
        if after.is_none() {
            break;
        }
    }
    if count == 0 && !as_json {
        say::note("no nodes");
    }
    Ok(())
}
