//! `DELETE /v1/user/nodes/sharing?nodes=&user_name=` (contract `rest-1.md`, `clients.md` A5): takes nodes from somebody.
//! Errors: 107001 to 107003, 107005, 107007, 107008, 107011, 107022, 107024, 107027.

use axum::extract::State;
use schemars::JsonSchema;
use serde::Deserialize;
use shared::{
    Refusal,
    sharing::{self, revoke},
};
use web::{App, Caller, Query, Result, reply::Success};

/// What is taken, and from whom.
#[derive(Deserialize, JsonSchema)]
pub struct Which {
    /// Nodes, with commas between them.
    #[schemars(required)]
    nodes: Option<String>,
    /// From whom.
    #[schemars(required)]
    user_name: Option<String>,
}

/// Ends the sharing of the caller's nodes with a user.
pub async fn delete(Caller(caller): Caller, State(app): State<App>, Query(which): Query<Which>) -> Result<Success> {
    let nodes = sharing::nodes(which.nodes.ok_or(Refusal::NoNodesToShare)?.split(','))?;
    // The command line does not escape a `+`, which reads as a space; no name has one.
    let name = which.user_name.unwrap_or_default().trim().replace(' ', "+");
    let other = sharing::other(&app.ports, &caller, &name).await?;
    revoke::revoke(&app.ports, &caller, &other, &nodes).await?;
    Ok(Success::new("Node sharing removed successfully"))
}
