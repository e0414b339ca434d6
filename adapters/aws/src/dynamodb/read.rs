//! Reading: always strongly consistent, and never what has expired.

use std::{
    cmp::Ordering,
    collections::{BTreeSet, HashMap},
};

use aws_sdk_dynamodb::types::KeysAndAttributes;
use shared::port::table::{Cursor, Direction, Key, MAX_PAGE_BYTES, Page, Query, Range, Record, Stored};

use super::{
    DynamoTable, TRIES,
    expression::Aliases,
    fault::Fault,
    item::{self, Item, PARTITION, SORT, text},
    pause,
};

/// Keys that one BatchGetItem takes.
const KEYS: usize = 100;

/// The record, unless it has expired.
pub(super) fn live(stored: Stored, now: i64) -> Option<Stored> {
    stored.record.expires.is_none_or(|expires| expires > now).then_some(stored)
}

impl DynamoTable {
    /// One record.
    pub(super) async fn read_one(&self, key: &Key) -> Result<Option<Record>, Fault> {
        if !key.is_valid() {
            return Ok(None);
        }
        let get = self.client().await.get_item().table_name(self.name(key.table)?).set_key(Some(item::key(key)));
        let found = get.consistent_read(true).send().await.map_err(|error| Fault::of_read(&error))?;
        let Some(item) = found.item else { return Ok(None) };
        Ok(live(item::stored(key.table, item)?, self.clock.now()).map(|stored| stored.record))
    }

    /// Records in the order of the keys.
    pub(super) async fn read_many(&self, keys: &[Key]) -> Result<Vec<Option<Record>>, Fault> {
        let different: BTreeSet<&Key> = keys.iter().filter(|key| key.is_valid()).collect();
        let different: Vec<&Key> = different.into_iter().collect();
        let mut found = HashMap::new();
        for keys in different.chunks(KEYS) {
            self.read_batch(keys, &mut found).await?;
        }
        Ok(keys.iter().map(|key| found.get(key).cloned()).collect())
    }

    async fn read_batch(&self, keys: &[&Key], found: &mut HashMap<Key, Record>) -> Result<(), Fault> {
        let now = self.clock.now();
        let mut left: HashMap<String, KeysAndAttributes> = HashMap::new();
        for key in keys {
            let mut of_table = left.remove(self.name(key.table)?).map_or_else(Vec::new, |asked| asked.keys);
            of_table.push(item::key(key));
            let asked = KeysAndAttributes::builder().consistent_read(true).set_keys(Some(of_table)).build();
            left.insert(self.name(key.table)?.to_owned(), asked.map_err(|error| Fault::Refused(error.to_string()))?);
        }
        for number in 0..TRIES {
            let get = self.client().await.batch_get_item().set_request_items(Some(left));
            let answer = get.send().await.map_err(|error| Fault::of_read(&error))?;
            for (name, items) in answer.responses.unwrap_or_default() {
                let table = self.names.iter().find(|(_, known)| **known == name).map(|(table, _)| *table);
                let table = table.ok_or_else(|| Fault::Refused(format!("an answer from {name}, which was not asked")))?;
                for item in items {
                    let stored = live(item::stored(table, item)?, now);
                    found.extend(stored.map(|stored| (stored.record.key.clone(), stored.record)));
                }
            }
            left = answer.unprocessed_keys.unwrap_or_default();
            if left.is_empty() {
                return Ok(());
            }
            pause(number).await;
        }
        Err(Fault::Busy("keys were left unprocessed".to_owned()))
    }

    /// A page of a partition. Expired records do not count, so it may take several requests.
    pub(super) async fn read_page(&self, query: &Query) -> Result<Page, Fault> {
        let now = self.clock.now();
        let (mut page, mut bytes) = (Page::default(), 0);
        let Some((aliases, condition)) = span(query) else { return Ok(page) };
        let mut start = match start(query) {
            Start::At(item) => item,
            Start::Nowhere => return Ok(page),
        };
        loop {
            // One more, to know whether anything is left.
            let most = query.limit.max(1) + 1 - page.records.len();
            let ask = self.client().await.query().table_name(self.name(query.table)?).consistent_read(true);
            let ask = ask.key_condition_expression(&condition).set_exclusive_start_key(start.take());
            let ask = ask.set_expression_attribute_names(Some(aliases.names.clone()));
            let ask = ask.set_expression_attribute_values(Some(aliases.values.clone()));
            let ask = ask.scan_index_forward(query.direction == Direction::Forward).limit(i32::try_from(most).unwrap_or(i32::MAX));
            let answer = ask.send().await.map_err(|error| Fault::of_read(&error))?;
            for item in answer.items.unwrap_or_default() {
                let Some(Stored { record, .. }) = live(item::stored(query.table, item)?, now) else { continue };
                bytes += record.size();
                if page.records.len() == query.limit.max(1) || (!page.records.is_empty() && bytes > MAX_PAGE_BYTES) {
                    page.next = page.records.last().map(|last| Cursor::at(last.key.sort.clone()));
                    return Ok(page);
                }
                page.records.push(record);
            }
            start = answer.last_evaluated_key;
            if start.is_none() {
                return Ok(page);
            }
        }
    }
}

/// The condition on the key; `None` if no key can fulfil it, which DynamoDB would refuse.
fn span(query: &Query) -> Option<(Aliases, String)> {
    if !Key::new(query.table, &query.partition, "a").is_valid() {
        return None;
    }
    let mut aliases = Aliases::default();
    let mut condition = format!("{} = {}", aliases.name(PARTITION), aliases.value(text(&query.partition)));
    let sort = aliases.name(SORT);
    let mut bound = |bound: &str| aliases.value(text(bound));
    match &query.range {
        Range::Prefix(prefix) if prefix.is_empty() => {
            aliases.names.remove(&sort);
        }
        Range::Prefix(prefix) if prefix.len() > 1024 => return None,
        Range::Prefix(prefix) => condition += &format!(" AND begins_with({sort}, {})", bound(prefix)),
        Range::Between(low, high) if high.is_empty() || low > high => return None,
        Range::Between(low, high) if low.is_empty() => condition += &format!(" AND {sort} <= {}", bound(high)),
        Range::Between(low, high) => condition += &format!(" AND {sort} BETWEEN {} AND {}", bound(low), bound(high)),
    }
    Some((aliases, condition))
}

/// Where to begin.
enum Start {
    /// After this key, or at the span's own start.
    At(Option<Item>),
    /// The cursor lies behind the span.
    Nowhere,
}

/// DynamoDB refuses a start outside of the span.
fn start(query: &Query) -> Start {
    let Some(after) = query.after.as_ref().map(Cursor::sort) else { return Start::At(None) };
    let place = match &query.range {
        Range::Prefix(prefix) if after.starts_with(prefix.as_str()) => Ordering::Equal,
        Range::Prefix(prefix) => after.cmp(prefix),
        Range::Between(low, _) if after < low.as_str() => Ordering::Less,
        Range::Between(_, high) if after > high.as_str() => Ordering::Greater,
        Range::Between(..) => Ordering::Equal,
    };
    match (place, query.direction) {
        (Ordering::Equal, _) => Start::At(Some(item::key(&Key::new(query.table, &query.partition, after)))),
        (Ordering::Less, Direction::Forward) | (Ordering::Greater, Direction::Back) => Start::At(None),
        (Ordering::Greater, Direction::Forward) | (Ordering::Less, Direction::Back) => Start::Nowhere,
    }
}
