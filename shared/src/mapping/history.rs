//! Which nodes a user has and had (contract `rest-1.md`, `GET /v1/user/nodes/history`). Written in the batch
//! that changes the association, as long as the owner's rules say so.
//!
//! An association from before history was kept is not in it until it begins anew. What kind of device a node
//! is stands in its config and is read from there, so a report of the config costs nothing more; of a node
//! that the user has no more it is not shown: its config is now somebody else's.

use crate::{
    Ports, Refusal, Result,
    access::{
        Caller,
        grant::{self, Granted},
        role::Secondary,
    },
    id::{NodeId, UserId},
    node::config::Config,
    port::table::{Cursor, Key, Merge, Query, Record, TableId, Value, When, Write},
    user::{key, partition},
};

const PREFIX: &str = "history#";
const TOTAL: &str = "history";

/// Entries on a page, and the most that may be asked for.
pub const MAX_PAGE: usize = 25;

/// A node that the user has or had.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The node.
    pub node: NodeId,
    /// Seconds since the epoch at which the user first had it.
    pub first: i64,
    /// Seconds since the epoch of the newest change.
    pub updated: i64,
    /// How often it came to the user anew.
    pub count: i64,
    /// The user has it.
    pub active: bool,
    /// Of a node that the user has and that has told it.
    pub config: Option<Config>,
}

/// A page.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// In the order of the nodes' ids.
    pub entries: Vec<Entry>,
    /// Nodes on all pages.
    pub total: i64,
    /// Where the next page begins.
    pub next: Option<Cursor>,
}

fn entry_key(user: &UserId, node: &NodeId) -> Key {
    key(user, &format!("{PREFIX}{node}"))
}

/// The writes of a batch that gives the user a node that they did not have. 1 get.
pub(crate) async fn begin(ports: &Ports, user: &UserId, node: &NodeId) -> Result<Vec<Write>> {
    let Some(key) = before_key(ports, user, node) else { return Ok(Vec::new()) };
    let before = ports.table.get(&key).await?;
    Ok(begun(ports, user, [(node, before.as_ref())]))
}

/// Where it says what was before a node comes to the user, if that is kept.
pub(crate) fn before_key(ports: &Ports, user: &UserId, node: &NodeId) -> Option<Key> {
    ports.rules.history.then(|| entry_key(user, node))
}

/// The writes of a batch that gives the user nodes that they did not have, each with what was before.
pub(crate) fn begun<'a>(ports: &Ports, user: &UserId, nodes: impl IntoIterator<Item = (&'a NodeId, Option<&'a Record>)>) -> Vec<Write> {
    if !ports.rules.history {
        return Vec::new();
    }
    let (now, mut fresh, mut writes) = (ports.clock.now(), 0, Vec::new());
    for (node, before) in nodes {
        let known = before.and_then(read);
        fresh += i64::from(known.is_none());
        let (first, count) = known.map_or((now, 0), |entry| (entry.first, entry.count));
        let unchanged = before.map_or(When::Absent, |record| When::Version(record.version));
        let fields = [("first", Value::from(first)), ("updated", now.into()), ("count", (count + 1).into()), ("active", true.into())];
        writes.push(Write::put(entry_key(user, node), fields, unchanged));
    }
    if fresh > 0 {
        writes.push(Write::Merge(Merge::new(key(user, TOTAL)).add("total", fresh)));
    }
    writes
}

/// The write of a batch that changes what the user, who stays, is to the node.
pub(crate) fn renew(ports: &Ports, user: &UserId, node: &NodeId) -> Option<Write> {
    note(ports, user, node, true)
}

/// The write of a batch that takes the node from the user.
pub(crate) fn end(ports: &Ports, user: &UserId, node: &NodeId) -> Option<Write> {
    note(ports, user, node, false)
}

fn note(ports: &Ports, user: &UserId, node: &NodeId, active: bool) -> Option<Write> {
    let merge = || Merge::new(entry_key(user, node)).set("updated", ports.clock.now()).set("active", active);
    ports.rules.history.then(|| Write::Merge(merge()))
}

fn read(record: &Record) -> Option<Entry> {
    Some(Entry {
        node: record.key.sort.strip_prefix(PREFIX)?.parse().ok()?,
        first: record.int("first")?,
        updated: record.int("updated")?,
        count: record.int("count")?,
        active: record.bool("active")?,
        config: None,
    })
}

/// A page of the caller's history. 1 query, 1 get, 1 batched get.
pub async fn list(ports: &Ports, caller: &Caller, limit: usize, after: Option<Cursor>) -> Result<History> {
    check_kept(ports)?;
    let user = caller.user_id();
    let query = Query::prefix(TableId::Users, partition(user), PREFIX, limit.clamp(1, MAX_PAGE)).after(after);
    let page = ports.table.query(query).await?;
    let entries = page.records.iter().filter_map(read).collect();
    let total = ports.table.get(&key(user, TOTAL)).await?.and_then(|record| record.int("total")).unwrap_or_default();
    Ok(History { entries: described(ports, caller, entries).await?, total, next: page.next })
}

/// The caller's history with one node; nothing if they never had it. 1 get, 1 batched get.
pub async fn one(ports: &Ports, caller: &Caller, node: &NodeId) -> Result<History> {
    check_kept(ports)?;
    let entry = ports.table.get(&entry_key(caller.user_id(), node)).await?.as_ref().and_then(read);
    let entries = described(ports, caller, entry.into_iter().collect()).await?;
    Ok(History { total: i64::from(!entries.is_empty()), entries, next: None })
}

fn check_kept(ports: &Ports) -> Result<()> {
    if ports.rules.history { Ok(()) } else { Err(Refusal::NoHistory.into()) }
}

/// With the configs of those that the caller has.
async fn described(ports: &Ports, caller: &Caller, mut entries: Vec<Entry>) -> Result<Vec<Entry>> {
    let active: Vec<_> = entries.iter().filter(|entry| entry.active).map(|entry| entry.node.clone()).collect();
    if active.is_empty() {
        return Ok(entries);
    }
    let granted = grant::grants::<Secondary, Option<Config>>(ports, caller, active).await?;
    for (entry, granted) in entries.iter_mut().filter(|entry| entry.active).zip(granted) {
        entry.config = granted.ok().and_then(|Granted { loaded, .. }| loaded);
    }
    Ok(entries)
}
