//! `DELETE /v1/user/node_group?group_id=` (contract `rest-2.md`): a primary user removes the group with all inside of it. Errors:
//! 108016, 108023, 108050, 108056, 108139 to 108142.

use axum::extract::State;
use schemars::JsonSchema;
use serde::Deserialize;
use shared::{
    Refusal,
    access::{self, GroupGrant, membership, role::Primary},
    group::remove,
};
use web::{App, Caller, Query, Result, reply::Success};

use super::OfGroup;

/// Which group, and who leaves it.
#[derive(Deserialize, JsonSchema)]
pub struct Of {
    #[serde(flatten)]
    group: OfGroup,
    /// The caller leaves the group: the only owner can't.
    leave: Option<bool>,
    /// Another user is to leave it.
    remove_sharing: Option<bool>,
    /// That user.
    user_name: Option<String>,
}

/// Removes a group.
pub async fn delete(Caller(caller): Caller, State(app): State<App>, Query(of): Query<Of>) -> Result<Success> {
    let grant: GroupGrant<Primary> = membership::grant(&app.ports, &caller, &of.group.required()?).await?;
    check(&caller, &of)?;
    remove::remove(&app.ports, &grant).await?;
    Ok(Success::new("Group deleted successfully"))
}

/// Nobody leaves a group that has one user.
fn check(caller: &access::Caller, of: &Of) -> Result<()> {
    let (leave, remove_sharing) = (of.leave == Some(true), of.remove_sharing == Some(true));
    match (leave, remove_sharing, &of.user_name) {
        (false, false, None) => Ok(()),
        (true, true, _) => Err(Refusal::RemoveSharingAndLeave.into()),
        (_, true, None) | (_, false, Some(_)) => Err(Refusal::RemoveSharingUser.into()),
        (true, false, None) => Err(Refusal::SoleOwnerStays.into()),
        (false, true, Some(name)) if caller.user_name().folded() == name.to_lowercase() => Err(Refusal::RemoveOwnSharing.into()),
        (false, true, Some(_)) => Err(Refusal::GroupNotShared.into()),
    }
}
