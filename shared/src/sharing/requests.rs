//! Offers that were made and received, the newest first.

use std::collections::{BTreeMap, BTreeSet};

pub use super::request::Side;
use super::{
    Request,
    request::{self, Entry},
};
use crate::{
    Ports, Result,
    access::{Caller, association::user_partition},
    id::{RequestId, UserId},
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
}

/// A page of the caller's offers. 1 query, 2 batched gets.
pub async fn page(
    ports: &Ports,
    caller: &Caller,
    side: Side,
    limit: usize,
    after: Option<Cursor>,
) -> Result<(Vec<Listed>, Option<Cursor>)> {
    let query = Query {
        table: TableId::Access,
        partition: user_partition(caller.user_id()),
        range: Range::Prefix(side.prefix().to_owned()),
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
    Ok((listed.into_iter().flatten().collect(), page.next))
}

/// The caller's offer of this id. 1 get, 1 batched get.
pub async fn one(ports: &Ports, caller: &Caller, side: Side, id: &RequestId) -> Result<Option<Listed>> {
    let request = Request::find(ports, id).await?.filter(|request| side.of(&request.deal).0 == caller.user_id());
    let Some(request) = request else { return Ok(None) };
    let names = directory::names(ports, &[side.of(&request.deal).1.clone()].into()).await?;
    Ok(listed(caller, side, request, &names))
}

/// With the names; nothing if the other's account is gone by now.
fn listed(caller: &Caller, side: Side, request: Request, names: &BTreeMap<UserId, UserName>) -> Option<Listed> {
    let (own, other) = (caller.user_name().clone(), names.get(side.of(&request.deal).1)?.clone());
    let (from, to) = match side {
        Side::Offered => (own, other),
        Side::Received => (other, own),
    };
    Some(Listed { request, from, to })
}
