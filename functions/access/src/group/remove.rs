//! `DELETE /v1/user/node_group?group_id=` (contract `rest-2.md`): a primary user removes the group with all inside of it, or leaves it, or
//! takes it from another user; others leave it. Errors: 108016, 108023, 108048, 108050, 108055, 108138 to 108142.

use axum::extract::State;
use schemars::JsonSchema;
use serde::Deserialize;
use shared::{
    Refusal,
    access::{
        self, GroupGrant, membership,
        role::{RoleName, Secondary},
    },
    group::remove,
    id::GroupId,
    sharing,
};
use web::{App, Caller, Query, Result, reply::Success};

use super::OfGroup;
use crate::sharing::revoke;

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

/// Removes a group, leaves it, or takes it from another user.
pub async fn delete(Caller(caller): Caller, State(app): State<App>, Query(of): Query<Of>) -> Result<Success> {
    let group = of.group.required()?;
    let grant: GroupGrant<Secondary> = membership::grant(&app.ports, &caller, &group).await?;
    let is_primary = grant.membership().role == RoleName::Primary;
    let (leave, remove_sharing) = (of.leave == Some(true), of.remove_sharing == Some(true));
    match (remove_sharing, of.user_name) {
        (true, _) if !is_primary => Err(Refusal::RemoveSharingBySecondary.into()),
        (true, _) if leave => Err(Refusal::RemoveSharingAndLeave.into()),
        (true, None) | (false, Some(_)) => Err(Refusal::RemoveSharingUser.into()),
        (true, Some(name)) => take(&app, &caller, group, &revoke::name(Some(name))).await,
        (false, None) if leave || !is_primary => {
            sharing::revoke::leave(&app.ports, &caller, &[group]).await?;
            Ok(Success::new("Group left successfully"))
        }
        (false, None) => {
            remove::remove(&app.ports, &membership::grant(&app.ports, &caller, &group).await?).await?;
            Ok(Success::new("Group deleted successfully"))
        }
    }
}

async fn take(app: &App, caller: &access::Caller, group: GroupId, name: &str) -> Result<Success> {
    if caller.user_name().folded() == name.to_lowercase() {
        return Err(Refusal::RemoveOwnSharing.into());
    }
    let taken = async {
        let other = sharing::other(&app.ports, caller, name).await?;
        sharing::revoke::groups(&app.ports, caller, &other, &[group]).await
    };
    taken.await.map_err(shared::Error::of_groups)?;
    Ok(Success::new("Group sharing removed successfully"))
}
