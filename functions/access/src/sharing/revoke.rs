//! `DELETE /v1/user/nodes/sharing?nodes=&user_name=` (contract `rest-1.md`, `clients.md` A5): takes nodes from somebody;
//! `DELETE /v1/user/node_group/sharing?groups=&user_name=` (`rest-2.md`, `clients.md` A6): takes groups from somebody, or gives
//! them up. Errors of nodes: 107001 to 107003, 107005, 107007, 107008, 107011, 107022, 107024, 107027; of groups: 108031, 108036, 108038,
//! 108041, 108044, 108045, 108048, 108050, 108055, 108142.

use axum::extract::State;
use schemars::JsonSchema;
use serde::Deserialize;
use shared::{
    Refusal, access,
    sharing::{self, revoke},
};
use web::{App, Caller, Query, Result, reply::Success};

/// Which nodes are taken, and from whom.
#[derive(Deserialize, JsonSchema)]
pub struct Nodes {
    /// Nodes, with commas between them.
    #[schemars(required)]
    nodes: Option<String>,
    /// From whom.
    #[schemars(required)]
    user_name: Option<String>,
}

/// Which groups are taken, and from whom.
#[derive(Deserialize, JsonSchema)]
pub struct Groups {
    /// Groups, with commas between them.
    #[schemars(required)]
    groups: Option<String>,
    /// From whom; the caller gives up what is shared with them.
    #[schemars(required)]
    user_name: Option<String>,
}

/// Ends the sharing of the caller's nodes with a user.
pub async fn nodes(Caller(caller): Caller, State(app): State<App>, Query(which): Query<Nodes>) -> Result<Success> {
    let nodes = sharing::nodes(which.nodes.ok_or(Refusal::NoNodesToShare)?.split(','))?;
    let other = sharing::other(&app.ports, &caller, &name(which.user_name)).await?;
    revoke::nodes(&app.ports, &caller, &other, &nodes).await?;
    Ok(Success::new("Node sharing removed successfully"))
}

/// Ends the sharing of groups with a user.
pub async fn groups(Caller(caller): Caller, State(app): State<App>, Query(which): Query<Groups>) -> Result<Success> {
    take_groups(&app, &caller, which).await.map_err(shared::Error::of_groups)?;
    Ok(Success::new("Group sharing removed successfully"))
}

async fn take_groups(app: &App, caller: &access::Caller, which: Groups) -> shared::Result<()> {
    let groups = sharing::groups(which.groups.ok_or(Refusal::NoGroupsToShare)?.split(','))?;
    let name = name(which.user_name);
    if caller.user_name().folded() == name.to_lowercase() {
        return revoke::leave(&app.ports, caller, &groups).await;
    }
    let other = sharing::other(&app.ports, caller, &name).await?;
    revoke::groups(&app.ports, caller, &other, &groups).await
}

/// The command line does not escape a `+`, which reads as a space; no name has one.
pub(crate) fn name(user_name: Option<String>) -> String {
    user_name.unwrap_or_default().trim().replace(' ', "+")
}
