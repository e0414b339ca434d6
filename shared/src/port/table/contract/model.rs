//! The port in a few lines, in memory: what engines are compared with.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;

use crate::port::{
    clock::Clock,
    table::{
        Batch, Change, Cursor, Direction, Field, Key, MAX_PAGE_BYTES, MAX_RECORD_BYTES, Merge, Page, Query, Range, Record, Table,
        TableError, Write, record::field_size,
    },
};

/// A table in memory that is as simple as can be. Its futures are ready when they are first polled,
/// so it also serves tests without a runtime.
pub struct Model {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    records: BTreeMap<Key, Entry>,
    version: u64,
}

#[derive(Clone)]
struct Entry {
    record: Record,
    /// Times of fields, those of removed ones too.
    times: BTreeMap<String, i64>,
}

impl Model {
    /// An empty one.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, state: Mutex::default() }
    }

    fn live(&self, state: &State, key: &Key) -> Option<Entry> {
        let now = self.clock.now();
        state.records.get(key).filter(|entry| entry.record.expires.is_none_or(|expires| expires > now)).cloned()
    }

    fn record(&self, key: &Key) -> Option<Record> {
        self.live(&self.state.lock().unwrap(), key).map(|entry| entry.record)
    }
}

fn failed(why: &str) -> TableError {
    TableError::Engine { retry: false, source: why.into() }
}

fn new_entry(key: &Key) -> Entry {
    let record = Record { key: key.clone(), fields: BTreeMap::new(), version: 0, expires: None };
    Entry { record, times: BTreeMap::new() }
}

/// The entry after the Merge, `None` if nothing changes.
fn merged(before: Option<Entry>, merge: &Merge) -> Result<Option<Entry>, TableError> {
    let mut entry = before.unwrap_or_else(|| new_entry(&merge.key));
    let stale = |name: &String| merge.newer_than.is_some_and(|newer| entry.times.get(name).is_some_and(|time| *time >= newer));
    let changes: Vec<_> = merge.changes.iter().filter(|(name, _)| !stale(name)).collect();
    if changes.is_empty() {
        return Ok(None);
    }
    for (name, change) in changes {
        let value = match change {
            Change::Set(value) => Some(value.clone()),
            Change::Remove => None,
            Change::Add(amount) => {
                let number = if entry.record.fields.contains_key(name) { entry.record.int(name) } else { Some(0) };
                let sum = number.and_then(|number| number.checked_add(*amount));
                Some(sum.ok_or_else(|| failed("no number"))?.into())
            }
        };
        entry.times.remove(name);
        entry.times.extend(merge.newer_than.map(|newer| (name.clone(), newer)));
        entry.record.fields.remove(name);
        entry.record.fields.extend(value.map(|value| (name.clone(), Field { value, at: merge.newer_than })));
    }
    entry.record.expires = merge.expires.or(entry.record.expires);
    Ok(Some(entry))
}

fn stored_size(entry: &Entry) -> usize {
    let removed = entry.times.keys().filter(|name| !entry.record.fields.contains_key(*name));
    entry.record.size() + removed.map(|name| field_size(name, None, true)).sum::<usize>()
}

#[async_trait]
impl Table for Model {
    async fn get(&self, key: &Key) -> Result<Option<Record>, TableError> {
        Ok(self.record(key))
    }

    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Record>>, TableError> {
        Ok(keys.iter().map(|key| self.record(key)).collect())
    }

    async fn query(&self, query: Query) -> Result<Page, TableError> {
        let state = self.state.lock().unwrap();
        let keys = state.records.keys().filter(|key| key.table == query.table && key.partition == query.partition);
        let keys = keys.filter(|key| match &query.range {
            Range::Prefix(prefix) => key.sort.starts_with(prefix.as_str()),
            Range::Between(low, high) => low <= &key.sort && &key.sort <= high,
        });
        let mut keys: Vec<&Key> = keys.collect();
        if query.direction == Direction::Back {
            keys.reverse();
        }
        let after = query.after.as_ref().map(Cursor::sort);
        keys.retain(|key| match query.direction {
            Direction::Forward => after.is_none_or(|after| key.sort.as_str() > after),
            Direction::Back => after.is_none_or(|after| key.sort.as_str() < after),
        });
        let mut page = Page::default();
        let mut bytes = 0;
        for Entry { record, .. } in keys.into_iter().filter_map(|key| self.live(&state, key)) {
            bytes += record.size();
            if page.records.len() == query.limit.max(1) || (bytes > MAX_PAGE_BYTES && !page.records.is_empty()) {
                page.next = page.records.last().map(|last| Cursor::at(last.key.sort.clone()));
                break;
            }
            page.records.push(record);
        }
        Ok(page)
    }

    async fn write(&self, batch: Batch) -> Result<Option<Record>, TableError> {
        let mut state = self.state.lock().unwrap();
        let writes = batch.writes();
        let found: Vec<Option<Entry>> = writes.iter().map(|write| self.live(&state, write.key())).collect();
        for (index, (write, found)) in writes.iter().zip(&found).enumerate() {
            if !write.when().holds(found.as_ref().map(|entry| &entry.record)) {
                return Err(TableError::Conflict(index));
            }
        }
        let before = match (writes, &found[..]) {
            ([Write::Merge(_)], [Some(entry)]) => Some(entry.record.clone()),
            _ => None,
        };
        let mut after: Vec<(&Key, Option<Entry>)> = Vec::new();
        for (index, (write, found)) in writes.iter().zip(found).enumerate() {
            match write {
                Write::Put { key, fields, expires, .. } => {
                    let mut entry = new_entry(key);
                    entry.record.expires = *expires;
                    entry.record.fields =
                        fields.iter().map(|(name, value)| (name.clone(), Field { value: value.clone(), at: None })).collect();
                    after.push((key, Some(entry)));
                }
                Write::Merge(merge) => {
                    if let Some(entry) = merged(found, merge)? {
                        if stored_size(&entry) > MAX_RECORD_BYTES {
                            return Err(TableError::TooLarge(index));
                        }
                        after.push((&merge.key, Some(entry)));
                    }
                }
                Write::Delete { key, .. } => after.push((key, None)),
                Write::Check { .. } => {}
            }
        }
        for (key, entry) in after {
            state.version += 1;
            let version = state.version;
            match entry {
                Some(mut entry) => {
                    entry.record.version = version;
                    state.records.insert(key.clone(), entry);
                }
                None => {
                    state.records.remove(key);
                }
            }
        }
        Ok(before)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;
    use crate::port::table::contract::{Harness, TestClock, suite};

    #[test]
    fn the_model_keeps_the_contract() {
        let clock = Arc::new(TestClock::default());
        let harness = Harness::here(Arc::new(Model::new(clock.clone())), clock);
        suite(&harness).now_or_never().unwrap();
    }
}
