//! Both halves are there: the node changes hands.

use super::{NodeHalf, UserHalf, history, node_half_key, request_key, user_half_key};
use crate::{
    Ports, Refusal, Result,
    access::{
        association::{self, Association, OWNER},
        role::RoleName,
    },
    id::{NodeId, UserId},
    node::details,
    port::table::{Batch, Key, Merge, Query, Record, TableId, Value, When, Write},
};

/// Users that leave in one batch: three records each, beside those of the new one.
const LEAVING: usize = 24;
/// Tries against other changes of hands at the same moment.
const TRIES: usize = 5;

/// A node's users as they stand, and the lock under which they change.
pub(super) struct Holders {
    /// Everybody with any role.
    pub(super) users: Vec<UserId>,
    /// The primary user who mapped it.
    pub(super) owner: Option<UserId>,
    /// When the owner mapped it, ms since the epoch.
    pub(super) since: i64,
    owner_record: Option<Record>,
    /// More users than these are left.
    pub(super) more: bool,
}

impl Holders {
    /// 1 query.
    pub(super) async fn read(ports: &Ports, node: &NodeId) -> Result<Self> {
        let query = Query::prefix(TableId::Access, association::node_partition(node), "", LEAVING + 1);
        let page = ports.table.query(query).await?;
        let users = page.records.iter().filter_map(association::user_of).collect();
        let owner_record = page.records.into_iter().find(|record| record.key.sort == OWNER);
        let owner = owner_record.as_ref().and_then(|record| record.str("user")?.parse().ok());
        let since = owner_record.as_ref().and_then(|record| record.int("since")).unwrap_or_default();
        Ok(Self { users, owner, since, owner_record, more: page.next.is_some() })
    }

    /// Holds as long as nobody else changed the node's owner.
    pub(super) fn unchanged(&self) -> When {
        self.owner_record.as_ref().map_or(When::Absent, |record| When::Version(record.version))
    }
}

/// Gives the node to the user if the halves match. Several callers may see both halves: one batch
/// succeeds, for the others there is nothing left to do. 1 query, 1 get, 1 batch.
pub(super) async fn confirm(ports: &Ports, node: &NodeId, request: &UserHalf, report: &NodeHalf) -> Result<()> {
    if !report.matches(request) {
        return Ok(());
    }
    let mut tries = 0;
    while tries < TRIES {
        let holders = Holders::read(ports, node).await?;
        let keeps_shares = holders.owner.as_ref() == Some(&request.user) && !report.reset;
        let last = keeps_shares || !holders.more;
        let writes = if last {
            let mut writes = hand_over(ports, node, request, report, &holders, keeps_shares);
            writes.extend(give(ports, node, request, keeps_shares).await?);
            writes.extend(note(ports, node, &request.user, keeps_shares || holders.users.contains(&request.user)).await?);
            writes
        } else {
            clear(ports, node, request, report, &holders)
        };
        match ports.table.write(Batch::new(writes)?).await {
            Ok(_) if last => return Ok(()),
            Ok(_) => {}
            // Unless someone else used up a half, only the node's users have changed.
            Err(error) if error.is_conflict() => {
                if !waits(ports, node, request, report).await? {
                    return Ok(());
                }
                tries += 1;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(Refusal::TooManyTries.into())
}

/// Are both halves still those?
async fn waits(ports: &Ports, node: &NodeId, request: &UserHalf, report: &NodeHalf) -> Result<bool> {
    let halves = ports.table.get_many(&[user_half_key(&request.user, node), node_half_key(node)]).await?;
    let [Some(user), Some(own)] = halves.as_slice() else { return Ok(false) };
    Ok(user.str("request") == Some(request.request.as_str()) && own.version == report.version)
}

/// Both halves, as they must still be.
fn halves(node: &NodeId, request: &UserHalf, report: &NodeHalf) -> [(Key, When); 2] {
    [
        (user_half_key(&request.user, node), When::FieldEq("request".to_owned(), request.request.as_str().into())),
        (node_half_key(node), When::Version(report.version)),
    ]
}

/// The writes by which users leave.
pub(super) fn leave<'a>(ports: &Ports, node: &NodeId, users: impl Iterator<Item = &'a UserId>) -> Vec<Write> {
    users.flat_map(|user| association::delete(user, node).into_iter().chain(history::end(ports, user, node))).collect()
}

/// What the request brought along. 1 get if the user has the node already and brings anything.
async fn give(ports: &Ports, node: &NodeId, request: &UserHalf, keeps: bool) -> Result<Vec<Write>> {
    match (keeps, request.gift.is_empty()) {
        (true, true) => Ok(Vec::new()),
        (true, false) => details::give(node, Some(&details::kept(ports, node).await?), &request.gift),
        (false, _) => details::give(node, None, &request.gift),
    }
}

/// The history of the user who gets the node. 1 get if they did not have it.
async fn note(ports: &Ports, node: &NodeId, user: &UserId, has_it: bool) -> Result<Vec<Write>> {
    if has_it {
        return Ok(history::renew(ports, user, node).into_iter().collect());
    }
    history::begin(ports, user, node).await
}

/// The last batch: everybody else leaves, the user comes, the halves are used up.
fn hand_over(ports: &Ports, node: &NodeId, request: &UserHalf, report: &NodeHalf, holders: &Holders, keeps_shares: bool) -> Vec<Write> {
    let user = &request.user;
    let mut writes = leave(ports, node, holders.users.iter().filter(|other| *other != user && !keeps_shares));
    let owner = [("user", Value::from(user.as_str())), ("since", ports.clock.now_ms().into())];
    writes.push(Write::put(association::owner_key(node), owner, holders.unchanged()));
    let association = Association { node: node.clone(), role: RoleName::Primary, mapped_at: ports.clock.now() };
    writes.extend(association::put(user, &association));
    writes.extend(halves(node, request, report).map(|(key, when)| Write::Delete { key, when }));
    writes.push(Write::Merge(Merge::new(request_key(user, &request.request)).set("status", "confirmed").when(When::Present)));
    writes
}

/// A batch before the last: there are too many users for one, so these leave first.
fn clear(ports: &Ports, node: &NodeId, request: &UserHalf, report: &NodeHalf, holders: &Holders) -> Vec<Write> {
    let mut writes = leave(ports, node, holders.users.iter().filter(|other| **other != request.user));
    writes.push(Write::Check { key: association::owner_key(node), when: holders.unchanged() });
    writes.extend(halves(node, request, report).map(|(key, when)| Write::Check { key, when }));
    writes
}
