//! Offers that were made and received, the newest first.

use std::collections::{BTreeMap, BTreeSet};

pub use super::request::{Kind, Side};
use super::{
    Request, What,
    request::{self, Entry},
};
use crate::{
    Ports, Result,
    access::{Caller, association::user_partition},
    group::Group,
    id::{GroupId, RequestId, UserId},
    port::table::{Cursor, Direction, Query, Range, TableId},
    user::{directory, name::UserName},
};

/// Offers on a page, and the most that may be asked for (contract `rest-1.md`).
pub const MAX_PAGE: usize = 10;

/// An offer with the names of both.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The offer.
    pub request: Request,
    /// Who offers.
    pub from: UserName,
    /// Who is to answer.
    pub to: UserName,
    /// What the groups are called that are offered, in their order; an empty one if a group is gone.
    pub group_names: Vec<String>,
}

/// A page of the caller's offers. 1 query, 2 batched gets.
pub async fn page(
    ports: &Ports,
    caller: &Caller,
    (side, kind): (Side, Kind),
    limit: usize,
    after: Option<Cursor>,
) -> Result<(Vec<Listed>, Option<Cursor>)> {
    let query = Query {
        table: TableId::Access,
        partition: user_partition(caller.user_id()),
        range: Range::Prefix(side.prefix(kind).to_owned()),
        direction: Direction::Back,
        limit: limit.clamp(1, MAX_PAGE),
        after,
    };
    let page = ports.table.query(query).await?;
    if page.records.is_empty() {
        return Ok((Vec::new(), page.next));
    }
    let entries = page.records.iter().map(Entry::read).collect::<Result<Vec<_>>>()?;
    let records = ports.table.get_many(&entries.iter().map(|entry| request::key(&entry.id)).collect::<Vec<_>>()).await?;
    let others: BTreeSet<UserId> = entries.iter().map(|entry| entry.other.clone()).collect();
    let names = directory::names(ports, &others).await?;
    let requests = entries.iter().zip(records).filter_map(|(entry, record)| Some(Request::read(&entry.id, &record?)));
    let listed = requests.map(|request| Ok(listed(caller, side, request?, &names))).collect::<Result<Vec<_>>>()?;
    Ok((with_group_names(ports, listed.into_iter().flatten().collect()).await?, page.next))
}

/// The caller's offer of this id. 1 get, 1 batched get.
pub async fn one(ports: &Ports, caller: &Caller, (side, kind): (Side, Kind), id: &RequestId) -> Result<Option<Listed>> {
    let request = Request::find(ports, id).await?.filter(|request| request.deal.what.kind() == kind);
    let request = request.filter(|request| side.of(&request.deal).0 == caller.user_id());
    let Some(request) = request else { return Ok(None) };
    let names = directory::names(ports, &[side.of(&request.deal).1.clone()].into()).await?;
    let listed = listed(caller, side, request, &names).into_iter().collect();
    Ok(with_group_names(ports, listed).await?.pop())
}

/// With the names; nothing if the other's account is gone by now.
fn listed(caller: &Caller, side: Side, request: Request, names: &BTreeMap<UserId, UserName>) -> Option<Listed> {
    let (own, other) = (caller.user_name().clone(), names.get(side.of(&request.deal).1)?.clone());
    let (from, to) = match side {
        Side::Offered => (own, other),
        Side::Received => (other, own),
    };
    Some(Listed { request, from, to, group_names: Vec::new() })
}

/// 1 batched get, if there are groups.
async fn with_group_names(ports: &Ports, mut all: Vec<Listed>) -> Result<Vec<Listed>> {
    let groups = |listed: &Listed| match &listed.request.deal.what {
        What::Groups(groups) => groups.clone(),
        What::Nodes(_) => Vec::new(),
    };
    let ids: BTreeSet<_> = all.iter().flat_map(groups).collect();
    let keys: Vec<_> = ids.iter().map(Group::key).collect();
    let records = if keys.is_empty() { Vec::new() } else { ports.table.get_many(&keys).await? };
    let found = ids.iter().zip(records).map(|(id, record)| Ok((id, record.as_ref().map(Group::read).transpose()?)));
    let found: BTreeMap<_, _> = found.collect::<Result<_>>()?;
    for listed in &mut all {
        let name = |id: GroupId| found.get(&id).and_then(Option::as_ref).map_or_else(String::new, |group| group.name.as_str().to_owned());
        listed.group_names = groups(listed).into_iter().map(name).collect();
    }
    Ok(all)
}
