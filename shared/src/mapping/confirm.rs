//! It is proved whose the node is: it changes hands. In a mapping by secret that is so when both halves are
//! there.

use super::{NodeHalf, UserHalf, history, node_half_key, request_key, user_half_key};
use crate::{
    Ports, Refusal, Result,
    access::{
        association::{self, Association, OWNER},
        holding::Holding,
        role::RoleName,
    },
    id::{NodeId, UserId},
    node::details,
    port::table::{Batch, Key, Merge, Query, Record, TableId, Value, When, Write},
};

/// Users that leave in one batch: three records each, beside those of the new one. Fewer where they have the node in
/// groups: two more for each.
const LEAVING: usize = 24;
/// Tries against other changes of hands at the same moment.
const TRIES: usize = 5;

/// A node's users as they stand, and the lock under which they change.
pub(super) struct Holders {
    /// Everybody with any role.
    pub(super) users: Vec<Holding>,
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
        let users = page.records.iter().filter_map(Holding::read).collect();
        let owner_record = page.records.into_iter().find(|record| record.key.sort == OWNER);
        let owner = owner_record.as_ref().and_then(|record| record.str("user")?.parse().ok());
        let since = owner_record.as_ref().and_then(|record| record.int("since")).unwrap_or_default();
        Ok(Self { users, owner, since, owner_record, more: page.next.is_some() })
    }

    /// One of them, as the node has them. 1 get if there are too many to be all here.
    pub(super) async fn find(&self, ports: &Ports, user: &UserId, node: &NodeId) -> Result<Option<Holding>> {
        match self.users.iter().find(|holding| holding.user == *user) {
            None if self.more => Holding::of(ports, user, node).await,
            found => Ok(found.cloned()),
        }
    }

    /// Holds as long as nobody else changed the node's owner.
    pub(super) fn unchanged(&self) -> When {
        self.owner_record.as_ref().map_or(When::Absent, |record| When::Version(record.version))
    }
}

/// A change of hands that somebody has proved.
pub(super) struct Handover<'a> {
    /// The node.
    pub(super) node: &'a NodeId,
    /// Its new owner.
    pub(super) user: &'a UserId,
    /// Others leave even if the user is the owner already.
    pub(super) reset: bool,
    /// What they bring for the node.
    pub(super) gift: &'a details::Change,
    /// What uses the proof up, each write under the condition that it is still there.
    pub(super) proof: Vec<Write>,
}

impl Handover<'_> {
    /// The user is the owner already, so others stay.
    fn keeps_shares(&self, holders: &Holders) -> bool {
        holders.owner.as_ref() == Some(self.user) && !self.reset
    }
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The node is the user's.
    Done,
    /// Something else has used the proof up.
    ProofGone,
}

/// Gives the node to the user if the halves match. Several callers may see both halves: one batch
/// succeeds, for the others there is nothing left to do. 1 query, 1 get, 1 batch.
pub(super) async fn confirm(ports: &Ports, node: &NodeId, request: &UserHalf, report: &NodeHalf) -> Result<()> {
    if !report.matches(request) {
        return Ok(());
    }
    let user = &request.user;
    let wanted = When::FieldEq("request".to_owned(), request.request.as_str().into());
    let proof = vec![
        Write::Delete { key: user_half_key(user, node), when: wanted },
        Write::Delete { key: node_half_key(node), when: When::Version(report.version) },
        Write::Merge(Merge::new(request_key(user, &request.request)).set("status", "confirmed").when(When::Present)),
    ];
    hand_over(ports, &Handover { node, user, reset: report.reset, gift: &request.gift, proof }).await.map(drop)
}

/// Gives the node to the user. Whoever had it leaves, unless the user is its owner already. 1 query and 1
/// batch, and as much again for each [`LEAVING`] users who leave.
pub(super) async fn hand_over(ports: &Ports, handover: &Handover<'_>) -> Result<Outcome> {
    let mut tries = 0;
    while tries < TRIES {
        let holders = Holders::read(ports, handover.node).await?;
        let keeps_shares = handover.keeps_shares(&holders);
        let others = holders.users.iter().filter(|other| other.user != *handover.user && !keeps_shares);
        let (leaving, all) = leave(ports, handover.node, others);
        let last = keeps_shares || all && !holders.more;
        let writes = if last { give(ports, handover, &holders, leaving).await? } else { clear(handover, &holders, leaving) };
        match ports.table.write(Batch::new(writes)?).await {
            Ok(_) if last => return Ok(Outcome::Done),
            Ok(_) => {}
            // Unless someone else used the proof up, only the node's users have changed.
            Err(error) if error.is_conflict() => {
                if !holds(ports, &handover.proof).await? {
                    return Ok(Outcome::ProofGone);
                }
                tries += 1;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(Refusal::TooManyTries.into())
}

/// Are the proof's conditions still true? 1 batched get.
async fn holds(ports: &Ports, proof: &[Write]) -> Result<bool> {
    let keys: Vec<Key> = proof.iter().map(|write| write.key().clone()).collect();
    let records = ports.table.get_many(&keys).await?;
    Ok(proof.iter().zip(records).all(|(write, record)| write.when().holds(record.as_ref())))
}

/// The writes by which users leave, as many as one batch has room for, and whether these are all.
pub(super) fn leave<'a>(ports: &Ports, node: &NodeId, users: impl Iterator<Item = &'a Holding>) -> (Vec<Write>, bool) {
    let mut writes = Vec::new();
    for holding in users {
        // And one for the history.
        if writes.len() + holding.end_writes() + 1 > 3 * LEAVING {
            return (writes, false);
        }
        writes.extend(holding.end(node));
        writes.extend(history::end(ports, &holding.user, node));
    }
    (writes, true)
}

/// The last batch: everybody else leaves, the user comes with what they bring, the proof is used up.
async fn give(ports: &Ports, handover: &Handover<'_>, holders: &Holders, mut writes: Vec<Write>) -> Result<Vec<Write>> {
    let Handover { node, user, gift, proof, .. } = handover;
    let keeps_shares = handover.keeps_shares(holders);
    let owner = [("user", Value::from(user.as_str())), ("since", ports.clock.now_ms().into())];
    writes.push(Write::put(association::owner_key(node), owner, holders.unchanged()));
    let association = Association { node: (*node).clone(), role: RoleName::Primary, sub_role: None, mapped_at: ports.clock.now() };
    writes.extend(association::put(user, &association));
    writes.extend(proof.iter().cloned());
    writes.extend(details_of(ports, node, gift, keeps_shares).await?);
    writes.extend(note(ports, node, user, keeps_shares || holders.users.iter().any(|holding| holding.user == **user)).await?);
    Ok(writes)
}

/// What the user brings along. 1 get if they have the node already and bring anything.
async fn details_of(ports: &Ports, node: &NodeId, gift: &details::Change, keeps: bool) -> Result<Vec<Write>> {
    match (keeps, gift.is_empty()) {
        (true, true) => Ok(Vec::new()),
        (true, false) => details::give(node, Some(&details::kept(ports, node).await?), gift),
        (false, _) => details::give(node, None, gift),
    }
}

/// The history of the user who gets the node. 1 get if they did not have it.
async fn note(ports: &Ports, node: &NodeId, user: &UserId, has_it: bool) -> Result<Vec<Write>> {
    if has_it {
        return Ok(history::renew(ports, user, node).into_iter().collect());
    }
    history::begin(ports, user, node).await
}

/// A batch before the last: there are too many users for one, so these leave first.
fn clear(handover: &Handover<'_>, holders: &Holders, mut writes: Vec<Write>) -> Vec<Write> {
    let Handover { node, proof, .. } = handover;
    writes.push(Write::Check { key: association::owner_key(node), when: holders.unchanged() });
    writes.extend(proof.iter().map(|write| Write::Check { key: write.key().clone(), when: write.when().clone() }));
    writes
}
