//! Writing: sends a batch, and works out what it means if a condition fails.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::{
    operation::{
        delete_item::DeleteItemError,
        put_item::PutItemError,
        transact_write_items::{TransactWriteItemsError, builders::TransactWriteItemsFluentBuilder},
        update_item::{UpdateItemError, UpdateItemOutput},
    },
    types::{CancellationReason, ReturnValue, ReturnValuesOnConditionCheckFailure as OnFailure},
};
use ring::rand::{SecureRandom as _, SystemRandom};
use shared::port::table::{Batch, Change, Key, Merge, Record, Stored, TableError, When, Write};

use super::{
    DynamoTable, TRIES,
    action::{Action, Kind, Way, some},
    fault::{Fault, is_too_large},
    item::{self, Item},
    pause,
    read::live,
};

/// How often a batch is put differently before it counts as contended.
const WAYS: usize = 8;

/// What became of a plain write.
enum Sent {
    /// Done; the item before, of an update.
    Done(Option<Item>),
    /// The condition failed on this item; nothing was done.
    Failed(Option<Item>),
}

/// A write and its place in the batch.
type Placed<'a> = (usize, &'a Write);

impl DynamoTable {
    /// A whole batch.
    pub(super) async fn write_batch(&self, batch: &Batch) -> Result<Option<Record>, TableError> {
        // A check that always holds asks for nothing.
        let idle = |write: &Write| matches!(write, Write::Check { when: When::Always, .. });
        let writes: Vec<Placed> = batch.writes().iter().enumerate().filter(|(_, write)| !idle(write)).collect();
        match writes[..] {
            [] => Ok(None),
            [only] => self.write_one(only).await.map(|before| before.filter(|_| batch.writes().len() == 1)),
            _ => self.transact(&writes).await.map(|()| None),
        }
    }

    async fn write_one(&self, (index, write): Placed<'_>) -> Result<Option<Record>, TableError> {
        if let Write::Check { key, when } = write {
            let found = self.read_one(key).await?;
            return if when.holds(found.as_ref()) { Ok(None) } else { Err(TableError::Conflict(index)) };
        }
        let (version, now, table) = (version()?, self.clock.now(), write.key().table);
        let mut way = Way::Plain(BTreeSet::new());
        for _ in 0..WAYS {
            let action = Action::new(self.name(table)?, write, &way, version, now);
            let found = match self.send(&action, write, version).await {
                // Only an update tells what was before.
                Ok(Sent::Done(before)) => {
                    return Ok(before.map(|item| item::stored(table, item)).transpose()?.map(|stored| stored.record));
                }
                Ok(Sent::Failed(item)) => item.map(|item| item::stored(table, item)).transpose()?,
                Err(Fault::TooLarge(_)) => return Err(self.too_large(&[(index, write)], index).await),
                Err(fault) => return Err(fault.into()),
            };
            let before = found.clone().and_then(|found| live(found, now));
            way = next(index, write, found, now)?;
            if let (Way::Plain(stale), Write::Merge(Merge { changes, .. })) = (&way, write)
                && stale.len() == changes.len()
            {
                // There is nothing to be done.
                return Ok(before.map(|stored| stored.record));
            }
        }
        Err(Fault::Contended.into())
    }

    /// Sends a plain write, again if it got no answer and that does no harm.
    async fn send(&self, action: &Action, write: &Write, version: u64) -> Result<Sent, Fault> {
        let mut unanswered = None;
        for number in 0..TRIES {
            let sent = self.send_once(action).await;
            let Some(earlier) = unanswered else {
                match sent {
                    Err(Fault::NoAnswer(told)) if repeatable(write) => unanswered = Some(told),
                    sent => return sent,
                }
                pause(number).await;
                continue;
            };
            match sent {
                Ok(Sent::Done(before)) => return Ok(Sent::Done(before)),
                // It was done the time before.
                Ok(Sent::Failed(Some(item))) if is_version(&item, version) => {
                    let before = matches!(action.kind, Kind::Update(..)).then_some(item);
                    return Ok(Sent::Done(before));
                }
                // Whether it was, nobody knows.
                Ok(Sent::Failed(_)) => return Err(Fault::NoAnswer(earlier)),
                Err(_) => unanswered = Some(earlier),
            }
            pause(number).await;
        }
        Err(Fault::NoAnswer(unanswered.unwrap_or_default()))
    }

    async fn send_once(&self, action: &Action) -> Result<Sent, Fault> {
        let (client, action) = (self.client().await, action.clone());
        let (names, values) = (some(action.aliases.names), some(action.aliases.values));
        // The SDK has types of its own for each call.
        macro_rules! sent {
            ($call:expr, $error:ident, $before:expr) => {{
                let call = $call.table_name(action.table).set_condition_expression(action.condition);
                let call = call.set_expression_attribute_names(names).set_expression_attribute_values(values);
                match call.return_values_on_condition_check_failure(OnFailure::AllOld).send().await {
                    Ok(done) => Ok(Sent::Done($before(done))),
                    Err(error) => match error.as_service_error() {
                        Some($error::ConditionalCheckFailedException(failed)) => Ok(Sent::Failed(failed.item.clone())),
                        _ => Err(Fault::of_write(&error)),
                    },
                }
            }};
        }
        match action.kind {
            Kind::Put(item) => sent!(client.put_item().set_item(Some(item)), PutItemError, |_| None),
            Kind::Delete(key) => sent!(client.delete_item().set_key(Some(key)), DeleteItemError, |_| None),
            Kind::Update(key, update) => {
                let call = client.update_item().set_key(Some(key)).update_expression(update).return_values(ReturnValue::AllOld);
                sent!(call, UpdateItemError, |done: UpdateItemOutput| done.attributes)
            }
            Kind::Check(_) => Err(Fault::Refused("a check is no call of its own".to_owned())),
        }
    }

    async fn transact(&self, writes: &[Placed<'_>]) -> Result<(), TableError> {
        let now = self.clock.now();
        let versions: Vec<u64> = writes.iter().map(|_| version()).collect::<Result<_, _>>()?;
        let mut ways = vec![Way::Plain(BTreeSet::new()); writes.len()];
        for _ in 0..WAYS {
            let mut call = self.client().await.transact_write_items().client_request_token(token()?);
            for (((_, write), way), version) in writes.iter().zip(&ways).zip(&versions) {
                let action = Action::new(self.name(write.key().table)?, write, way, *version, now);
                call = call.transact_items(action.of_transaction().map_err(|error| Fault::Refused(error.to_string()))?);
            }
            let Some(reasons) = send_transaction(call).await? else { return Ok(()) };
            let code = |reason: &CancellationReason, is: &str| reason.code() == Some(is);
            let mut failed = Vec::new();
            for (place, reason) in reasons.iter().enumerate().filter(|(_, reason)| code(reason, "ConditionalCheckFailed")) {
                let Some((index, write)) = writes.get(place) else { break };
                let found = reason.item.clone().map(|item| item::stored(write.key().table, item)).transpose()?;
                check(*index, write, found.as_ref(), now)?;
                failed.push((place, found));
            }
            let large = reasons.iter().position(|reason| code(reason, "ValidationError") && is_too_large(reason.message()));
            if let Some((index, _)) = large.and_then(|place| writes.get(place)) {
                return Err(self.too_large(writes, *index).await);
            }
            if failed.is_empty() {
                return Err(of_reasons(&reasons).into());
            }
            for (place, found) in failed {
                let (index, write) = writes[place];
                ways[place] = next(index, write, found, now)?;
            }
        }
        Err(Fault::Contended.into())
    }

    /// DynamoDB says that a record would be too large before it looks at conditions, but these go first.
    async fn too_large(&self, writes: &[Placed<'_>], large: usize) -> TableError {
        let keys: Vec<Key> = writes.iter().map(|(_, write)| write.key().clone()).collect();
        match self.read_many(&keys).await {
            Ok(found) => {
                let conflict = writes.iter().zip(found).find(|((_, write), found)| !write.when().holds(found.as_ref()));
                conflict.map_or(TableError::TooLarge(large), |((index, _), _)| TableError::Conflict(*index))
            }
            Err(fault) => fault.into(),
        }
    }
}

/// Sends a transaction, as often as it gets no answer: its token sees to it that it is done once. Why it
/// was cancelled, if it was.
async fn send_transaction(call: TransactWriteItemsFluentBuilder) -> Result<Option<Vec<CancellationReason>>, Fault> {
    let mut unanswered = None;
    for number in 0..TRIES {
        let Err(error) = call.clone().send().await else { return Ok(None) };
        if let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = error.as_service_error() {
            return Ok(Some(cancelled.cancellation_reasons().to_vec()));
        }
        unanswered = match Fault::of_write(&error) {
            Fault::NoAnswer(told) => Some(told),
            Fault::Busy(_) if unanswered.is_some() => unanswered,
            fault => return Err(fault),
        };
        pause(number).await;
    }
    Err(Fault::NoAnswer(unanswered.unwrap_or_default()))
}

/// Does the write's own condition hold of what was found?
fn check(index: usize, write: &Write, found: Option<&Stored>, now: i64) -> Result<(), TableError> {
    let record = found.cloned().and_then(|found| live(found, now)).map(|stored| stored.record);
    if write.when().holds(record.as_ref()) { Ok(()) } else { Err(TableError::Conflict(index)) }
}

/// How to put a write whose condition failed on this.
fn next(index: usize, write: &Write, found: Option<Stored>, now: i64) -> Result<Way, TableError> {
    check(index, write, found.as_ref(), now)?;
    let Write::Merge(merge) = write else {
        // Its own condition was all there was to fail.
        return Err(Fault::Contended.into());
    };
    let version = found.as_ref().map(|found| found.record.version);
    let before = found.and_then(|found| live(found, now));
    let expired = version.filter(|_| before.is_none());
    let before = before.unwrap_or_else(|| Stored::empty(&merge.key));
    let mut after = before.clone();
    after.merge(merge).map_err(Fault::from)?;
    if let Some(expired) = expired {
        return Ok(Way::Replace { after: Box::new(after), expired });
    }
    let stale = merge.changes.keys().filter(|name| before.is_stale(merge, name));
    Ok(Way::Plain(stale.cloned().collect()))
}

/// Does it no harm if it is done twice, though somebody else wrote between?
fn repeatable(write: &Write) -> bool {
    match write {
        Write::Put { .. } => true,
        Write::Merge(merge) => !merge.changes.values().any(|change| matches!(change, Change::Add(_))),
        // It leaves nothing by which to know it again.
        Write::Delete { when, .. } => *when == When::Always,
        Write::Check { .. } => false,
    }
}

fn is_version(found: &Item, version: u64) -> bool {
    found.get(item::VERSION).is_some_and(|is| *is == item::number(version))
}

/// Why a transaction was cancelled, if not by a condition.
fn of_reasons(reasons: &[CancellationReason]) -> Fault {
    let codes: BTreeSet<&str> = reasons.iter().filter_map(CancellationReason::code).filter(|code| *code != "None").collect();
    let told = format!("{codes:?}");
    let passing = ["ProvisionedThroughputExceeded", "ThrottlingError", "TransactionConflict"];
    if !codes.is_empty() && codes.iter().all(|code| passing.contains(code)) { Fault::Busy(told) } else { Fault::Refused(told) }
}

fn random<const N: usize>() -> Result<[u8; N], Fault> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| Fault::Random)?;
    Ok(bytes)
}

/// A number that no write had before: 63 random bits.
fn version() -> Result<u64, Fault> {
    Ok(u64::from_le_bytes(random()?) >> 1)
}

/// By which DynamoDB knows a transaction again: 128 random bits.
fn token() -> Result<String, Fault> {
    Ok(format!("{:032x}", u128::from_le_bytes(random()?)))
}
