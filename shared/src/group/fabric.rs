//! Groups that are Matter fabrics, so far by their ids alone.

use super::Group;
use crate::{
    Ports, Refusal, Result,
    access::{
        Caller,
        membership::{self, MAX_GROUPS},
        role::{Primary, RoleName, Secondary},
    },
    id::GroupId,
};

/// The fabrics that are the caller's as a primary user, or this one. 1 get and 1 batched get; of one, 1 batched get.
///
/// Refusals: [`Refusal::NotYourFabric`], [`Refusal::NotPrimaryOfGroups`], [`Refusal::NoFabric`] if there are none.
pub async fn own(ports: &Ports, caller: &Caller, group: Option<&GroupId>) -> Result<Vec<Group>> {
    let mut fabrics: Vec<Group> = if let Some(group) = group {
        let grant = membership::grant::<Primary>(ports, caller, group).await.map_err(|error| {
            error.instead(&Refusal::NoSuchGroup, Refusal::NotYourFabric).instead(&Refusal::SharedGroup, Refusal::NotPrimaryOfGroups)
        })?;
        vec![grant.group().clone()]
    } else {
        let (grants, _) = membership::page::<Secondary>(ports, caller, MAX_GROUPS, None).await?;
        let own = grants.iter().filter(|grant| grant.membership().role == RoleName::Primary);
        own.map(|grant| grant.group().clone()).collect()
    };
    fabrics.retain(|group| group.fabric_id.is_some());
    if fabrics.is_empty() { Err(Refusal::NoFabric.into()) } else { Ok(fabrics) }
}
