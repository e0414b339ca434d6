//! `raincloud admin node revoke`.

use hyper::http::Method;
use serde_json::json;
use shared::{Error, Refusal, access::Grant, id::NodeId, node::certificate};

use super::{Cloud, Where, remote::Api};
use crate::say;

/// What `admin node revoke` takes.
#[derive(clap::Args, Debug)]
pub(crate) struct RevokeArgs {
    #[command(flatten)]
    at: Where,

    /// Print the outcome as a JSON object
    #[arg(long)]
    json: bool,

    /// The node
    #[arg(value_name = "NODE_ID")]
    node: NodeId,
}

/// Revokes a node's certificate.
pub(super) async fn run(args: RevokeArgs) -> anyhow::Result<()> {
    let mut cloud = args.at.open().await?;
    let revoked = match &mut cloud {
        Cloud::Here(opened) => {
            let grant = Grant::trusted_because("the owner revokes a node", args.node.clone());
            certificate::revoke(&opened.ports, &grant).await.map_err(Into::into)
        }
        Cloud::There(api) => revoke_there(api, &args.node).await,
    };
    cloud.close().await;
    let node = args.node.as_str();
    match revoked {
        Err(error) if matches!(error.downcast_ref(), Some(Error::Refused(Refusal::InvalidNodeId))) => {
            anyhow::bail!("no node {node} is registered")
        }
        revoked => revoked?,
    }
    if args.json {
        say::json(&json!({ "node_id": node, "revoked": true }))?;
    } else {
        say::line(format_args!("{node} is revoked. If it is connected, its connection ends within a second or two."))?;
    }
    Ok(())
}

/// Revokes it over the API.
pub(super) async fn revoke_there(api: &mut Api, node: &NodeId) -> anyhow::Result<()> {
    let answer = api.call(Method::PUT, &format!("/v1/admin/nodes?activate=false&node_id={node}"), None).await?;
    let outcome = &answer["responses"][0];
    match (outcome["status"].as_str(), outcome["error_code"].as_u64()) {
        (Some("success"), _) => Ok(()),
        (_, Some(100_015)) => anyhow::bail!("no node {node} is registered"),
        _ => anyhow::bail!("{}", outcome["description"].as_str().unwrap_or("no reason is given")),
    }
}
