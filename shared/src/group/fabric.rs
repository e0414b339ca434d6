//! Groups that are Matter fabrics, so far by their ids alone.

use crate::{
    Ports, Refusal, Result,
    access::{
        Caller,
        membership::{self, MAX_GROUPS},
        role::{Primary, RoleName, Secondary},
    },
    id::GroupId,
};

/// Refuses who has no fabric as a primary user, or not this one. 1 get and 1 batched get; of one, 1 batched get.
///
/// Refusals: [`Refusal::NotYourFabric`], [`Refusal::NotPrimaryOfGroups`], [`Refusal::NoFabric`] if there are none.
pub async fn check(ports: &Ports, caller: &Caller, group: Option<&GroupId>) -> Result<()> {
    let has_one = if let Some(group) = group {
        let grant = membership::grant::<Primary>(ports, caller, group).await.map_err(|error| {
            error.instead(&Refusal::NoSuchGroup, Refusal::NotYourFabric).instead(&Refusal::SharedGroup, Refusal::NotPrimaryOfGroups)
        })?;
        grant.group().fabric_id.is_some()
    } else {
        let (grants, _) = membership::page::<Secondary>(ports, caller, MAX_GROUPS, None).await?;
        grants.iter().any(|grant| grant.membership().role == RoleName::Primary && grant.group().fabric_id.is_some())
    };
    if has_one { Ok(()) } else { Err(Refusal::NoFabric.into()) }
}
