//! `raincloud admin node list`.

use serde_json::json;
use shared::{
    node::certificate::{self, Registered},
    port::table::Cursor,
};

use super::{Cloud, Where, print_pages};
use crate::say;

/// Nodes that are read at a time.
const PAGE: usize = 100;

/// What `admin node list` takes.
#[derive(clap::Args, Debug)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    at: Where,

    /// Print each node as a JSON object on a line
    #[arg(long)]
    json: bool,
}

/// Lists nodes, page by page, in the order of their ids.
pub(super) async fn run(args: ListArgs) -> anyhow::Result<()> {
    let mut cloud = args.at.open().await?;
    let printed = print(&mut cloud, args.json).await;
    cloud.close().await;
    printed
}

async fn print(cloud: &mut Cloud, as_json: bool) -> anyhow::Result<()> {
    let json = |node: &Node| json!({ "node_id": node.id, "registered_at": node.registered_at, "revoked": node.revoked });
    let shown = |node: &Node| {
        let state = if node.revoked { "   revoked" } else { "" };
        format!("{:<22}   {}{state}", node.id, say::moment(node.registered_at))
    };
    print_pages(as_json, "no nodes", async |after| page(cloud, after).await, json, shown).await
}

struct Node {
    id: String,
    registered_at: i64,
    revoked: bool,
}

/// A page of nodes, and where the next begins.
async fn page(cloud: &mut Cloud, after: Option<String>) -> anyhow::Result<(Vec<Node>, Option<String>)> {
    match cloud {
        Cloud::Here(opened) => {
            let after: Option<Cursor> = after.map(|after| after.parse()).transpose()?;
            let (nodes, next) = certificate::list(&opened.ports, PAGE, after).await?;
            let nodes =
                nodes.into_iter().map(|Registered { node, registered_at, revoked }| Node { id: node.to_string(), registered_at, revoked });
            Ok((nodes.collect(), next.map(|next| next.to_string())))
        }
        Cloud::There(api) => {
            let (nodes, next) = super::remote_page(api, "/v1/admin/nodes", "node_info", after).await?;
            let nodes = nodes.iter().map(|node| Node {
                id: node["node_id"].as_str().unwrap_or_default().to_owned(),
                registered_at: node["registration_timestamp"].as_i64().unwrap_or_default(),
                revoked: node["node_status"] == "deactivated",
            });
            Ok((nodes.collect(), next))
        }
    }
}
