//! `raincloud admin node revoke`.

use serde_json::json;
use shared::{Error, Refusal, access::Grant, id::NodeId, node::certificate};

use super::Opened;
use crate::{folder::Folder, say, settings::Place};

/// What `admin node revoke` takes.
#[derive(clap::Args, Debug)]
pub(crate) struct RevokeArgs {
    #[command(flatten)]
    place: Place,

    /// Print the outcome as a JSON object
    #[arg(long)]
    json: bool,

    /// The node
    #[arg(value_name = "NODE_ID")]
    node: NodeId,
}

/// Revokes a node's certificate.
pub(super) async fn run(args: RevokeArgs) -> anyhow::Result<()> {
    let opened = Opened::new(&Folder::open(&args.place.data)?).await?;
    let grant = Grant::trusted_because("the owner revokes a node", args.node.clone());
    let revoked = certificate::revoke(&opened.ports, &grant).await;
    opened.close().await;
    let node = args.node.as_str();
    match revoked {
        Err(Error::Refused(Refusal::InvalidNodeId)) => anyhow::bail!("no node {node} is registered"),
        revoked => revoked?,
    }
    if args.json {
        say::json(&json!({ "node_id": node, "revoked": true }))?;
    } else {
        say::line(format_args!("{node} is revoked. If it is connected, its connection ends within a second or two."))?;
    }
    Ok(())
}
