//! A user's groups, in pages: those that they have themselves; the groups inside are shown with them.

use super::{View, Wanted, view};
use crate::{
    Ports, Result,
    access::{Caller, membership, role::Secondary},
    port::table::Cursor,
};

/// Groups on a page if that is not said.
pub const PAGE: usize = 25;
/// Groups on a page, at most.
pub const MAX_PAGE: usize = 100;

/// A page of the caller's groups, shorter where it would be too large. 1 get, 1 batched get; 1 batched get more with
/// nodes or with groups inside, and 1 for those.
pub async fn list(
    ports: &Ports,
    caller: &Caller,
    wanted: Wanted,
    limit: usize,
    after: Option<Cursor>,
) -> Result<(Vec<View>, Option<Cursor>)> {
    let (grants, next) = membership::page::<Secondary>(ports, caller, limit.clamp(1, MAX_PAGE), after).await?;
    let views = view::open(ports, &grants, wanted).await?;
    let cut = views.last().filter(|_| views.len() < grants.len()).map(|last| membership::after(&last.group.id));
    Ok((views, cut.or(next)))
}
