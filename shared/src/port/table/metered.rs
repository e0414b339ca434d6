//! What the storage costs: a decorator that counts calls, items, bytes and the units that `DynamoDB`
//! charges for, on any engine.
//!
//! The same calls give the same numbers on every run, so they can be kept as a test's snapshot.
//! Where the engine alone knows a record's size, the units are an estimate from what passes here: a
//! Delete, a Check, and a Merge beside other writes count what the caller sends.

use std::{
    collections::HashSet,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;

use super::{Batch, Key, Merge, Page, Query, Record, Table, TableError, Write, record::field_size};

/// Bytes of one read unit.
const READ_UNIT: usize = 4 * 1024;
/// Bytes of one write unit.
const WRITE_UNIT: usize = 1024;

/// Counts of one kind of call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Calls, failed ones included.
    pub calls: u64,
    /// Different keys asked for, records of a page, or writes of a batch.
    pub items: u64,
    /// Bytes of records read, or of what is written.
    pub bytes: u64,
    /// Read or write units.
    pub units: u64,
}

impl Count {
    fn add(&mut self, items: usize, bytes: usize, units: usize) {
        self.calls += 1;
        self.items += items as u64;
        self.bytes += bytes as u64;
        self.units += units as u64;
    }
}

/// What was used. Shown as one short line, such as `1 get (1 item), 1 write (2 items)`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Reads of one record.
    pub get: Count,
    /// Reads of several records.
    pub get_many: Count,
    /// Pages.
    pub query: Count,
    /// Batches.
    pub write: Count,
}

impl Usage {
    /// Calls of all kinds.
    pub fn calls(&self) -> u64 {
        self.get.calls + self.get_many.calls + self.query.calls + self.write.calls
    }

    /// Read units, strongly consistent: one for each 4 KB of a record, or of a page.
    pub fn read_units(&self) -> u64 {
        self.get.units + self.get_many.units + self.query.units
    }

    /// Write units: one for each 1 KB of a record, doubled in a batch of several writes.
    pub fn write_units(&self) -> u64 {
        self.write.units
    }
}

impl fmt::Display for Usage {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = [
            (self.get, "get", "gets"),
            (self.get_many, "get_many", "get_many"),
            (self.query, "query", "queries"),
            (self.write, "write", "writes"),
        ];
        let mut separator = "";
        for (Count { calls, items, .. }, one, many) in kinds {
            if calls > 0 {
                let (kind, item) = (if calls == 1 { one } else { many }, if items == 1 { "item" } else { "items" });
                write!(out, "{separator}{calls} {kind} ({items} {item})")?;
                separator = ", ";
            }
        }
        if separator.is_empty() { out.write_str("no calls") } else { Ok(()) }
    }
}

/// Where the counts add up.
#[derive(Debug, Default)]
pub struct Meter(Mutex<Usage>);

impl Meter {
    /// What was used since the last time, and starts again from nothing.
    pub fn take(&self) -> Usage {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What was used since then.
    pub fn used(&self) -> Usage {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, note: impl FnOnce(&mut Usage)) {
        note(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// A table whose use is counted.
pub struct Metered {
    /// The table.
    pub inner: Arc<dyn Table>,
    /// Where it is counted.
    pub meter: Arc<Meter>,
}

#[async_trait]
impl Table for Metered {
    async fn get(&self, key: &Key) -> Result<Option<Record>, TableError> {
        let found = self.inner.get(key).await;
        let bytes = found.as_ref().map_or(0, |found| size(found.as_ref()));
        self.meter.count(|usage| usage.get.add(1, bytes, units(bytes, READ_UNIT)));
        found
    }

    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Record>>, TableError> {
        let found = self.inner.get_many(keys).await;
        // A key that stands twice is read once.
        let mut seen = HashSet::new();
        let (mut bytes, mut read) = (0, 0);
        for (index, key) in keys.iter().enumerate() {
            if seen.insert(key) {
                let record = found.as_ref().ok().and_then(|found| found.get(index)?.as_ref());
                bytes += size(record);
                read += units(size(record), READ_UNIT);
            }
        }
        self.meter.count(|usage| usage.get_many.add(seen.len(), bytes, read));
        found
    }

    async fn query(&self, query: Query) -> Result<Page, TableError> {
        let page = self.inner.query(query).await;
        let records = page.as_ref().map_or(&[][..], |page| &page.records);
        let bytes = records.iter().map(Record::size).sum();
        self.meter.count(|usage| usage.query.add(records.len(), bytes, units(bytes, READ_UNIT)));
        page
    }

    async fn write(&self, batch: Batch) -> Result<Option<Record>, TableError> {
        // Only what is needed afterwards: the engine takes the batch.
        let merge = match batch.writes() {
            [Write::Merge(merge)] => Some(merge.clone()),
            _ => None,
        };
        let sizes: Vec<usize> = batch.writes().iter().map(Write::size).collect();
        // Nothing is awaited before this, so the write's place is that of the first poll here too.
        let outcome = self.inner.write(batch).await;
        let factor = if sizes.len() > 1 { 2 } else { 1 };
        let (mut bytes, mut written) =
            sizes.iter().fold((0, 0), |(bytes, written), size| (bytes + size, written + factor * units(*size, WRITE_UNIT)));
        if let (Some(merge), Ok(Some(before))) = (&merge, &outcome) {
            bytes = before.size().max(merged(before, merge));
            written = units(bytes, WRITE_UNIT);
        }
        self.meter.count(|usage| usage.write.add(sizes.len(), bytes, written));
        outcome
    }
}

fn units(bytes: usize, unit: usize) -> usize {
    bytes.div_ceil(unit).max(1)
}

fn size(record: Option<&Record>) -> usize {
    record.map_or(0, Record::size)
}

/// Bytes of a record after a Merge of which every field was newer.
fn merged(before: &Record, merge: &Merge) -> usize {
    let (mut added, mut gone) = (0, 0);
    for (name, change) in &merge.changes {
        added += merge.field_size(name, change);
        gone += before.fields.get(name).map_or(0, |before| field_size(name, Some(&before.value), before.at.is_some()));
    }
    before.size() + added - gone
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;
    use crate::port::table::{
        TableId, When,
        contract::{Model, TestClock},
    };

    fn key(sort: &str) -> Key {
        Key::new(TableId::Nodes, "n", sort)
    }

    fn put(sort: &str, text: usize) -> Write {
        Write::put(key(sort), [("f", "x".repeat(text))], When::Always)
    }

    #[test]
    fn calls_items_bytes_and_units_are_counted() {
        let meter = Arc::new(Meter::default());
        let inner: Arc<dyn Table> = Arc::new(Model::new(Arc::new(TestClock::default())));
        let table = Metered { inner, meter: Arc::clone(&meter) };
        let write = |writes| table.write(Batch::new(writes).unwrap()).now_or_never().unwrap();
        let usage = |text: &str, read, written| {
            let usage = meter.take();
            assert_eq!((usage.to_string().as_str(), usage.read_units(), usage.write_units()), (text, read, written));
            usage
        };
        usage("no calls", 0, 0);

        write(vec![put("a", 10)]).unwrap();
        assert_eq!(meter.used().write.calls, 1);
        assert_eq!(usage("1 write (1 item)", 0, 1).write.bytes, 50 + (2 + 10));
        write(vec![put("b", 5000), put("c", 1)]).unwrap();
        usage("1 write (2 items)", 0, 12);
        write(vec![Write::Merge(Merge::new(key("b")).set("g", true))]).unwrap();
        assert_eq!(usage("1 write (1 item)", 0, 5).write.bytes, 50 + (2 + 5000) + (2 + 1));
        write(vec![Write::Check { key: key("z"), when: When::Present }]).unwrap_err();
        usage("1 write (1 item)", 0, 1);

        table.get(&key("b")).now_or_never().unwrap().unwrap();
        table.get(&key("z")).now_or_never().unwrap().unwrap();
        usage("2 gets (2 items)", 3, 0);
        table.get_many(&[key("b"), key("a"), key("b"), key("z")]).now_or_never().unwrap().unwrap();
        usage("1 get_many (3 items)", 4, 0);
        table.query(Query::prefix(TableId::Nodes, "n", "", 10)).now_or_never().unwrap().unwrap();
        table.query(Query::prefix(TableId::Nodes, "none", "", 10)).now_or_never().unwrap().unwrap();
        usage("2 queries (3 items)", 3, 0);
        usage("no calls", 0, 0);
    }
}
