//! `DELETE /v1/user/nodes/{node_id}` (contract `rest-1.md`): a primary user takes the node from everybody.
//! Errors: 103055, 107085.

use axum::extract::State;
use shared::{Refusal, access::role::MappedPrimary, mapping::remove};
use web::{Allowed, App, Naming, Result, reply::Success};

/// How the node is named here.
#[derive(Debug)]
pub enum InPath {}

impl Naming for InPath {
    const IN_PATH: bool = true;
    const NOT_YOURS: Refusal = Refusal::NodeNotFound;
    const NOT_PRIMARY: Refusal = Refusal::NotPrimaryOfAll;
}

/// Ends every association of the node.
pub async fn delete(allowed: Allowed<MappedPrimary, (), InPath>, State(app): State<App>) -> Result<Success> {
    remove::clear(&app.ports, &allowed.caller, &allowed.grant).await?;
    Ok(Success::new("Node deleted successfully. All user associations, sharing requests, and group memberships have been removed."))
}
