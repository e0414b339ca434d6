//! What every engine of the port `Table` must do, as functions that panic when it does not.
//!
//! An engine's test makes a [`Harness`] and calls [`suite`]. Each promise uses partitions of its own,
//! so that all of them fit into one database; they must hold nothing yet. Time is moved by the
//! harness: nothing waits. [`Model`] is the port in a few lines, and [`random`] compares any two
//! engines on random operations.
#![expect(clippy::unwrap_used, reason = "a broken promise is to panic, as in any test")]

mod basics;
mod batches;
mod conditions;
mod limits;
mod merges;
mod model;
mod order;
mod pages;
pub mod random;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

pub use model::Model;

use super::{Batch, Key, Merge, Record, Table, TableError, TableId, Value, When, Write};
use crate::port::clock::Clock;

/// An engine under test, and the clock that it was given.
pub struct Harness {
    table: Arc<dyn Table>,
    clock: Arc<TestClock>,
    in_process: bool,
}

impl Harness {
    /// One in this process: writes take their places as they are first polled.
    pub fn here(table: Arc<dyn Table>, clock: Arc<TestClock>) -> Self {
        Self { table, clock, in_process: true }
    }

    /// One across a network.
    pub fn elsewhere(table: Arc<dyn Table>, clock: Arc<TestClock>) -> Self {
        Self { table, clock, in_process: false }
    }
}

/// A clock that stands still until it is set.
#[derive(Debug, Default)]
pub struct TestClock(AtomicI64);

impl TestClock {
    /// Sets it, ms since the epoch.
    pub fn set(&self, ms: i64) {
        self.0.store(ms, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// Every promise of the port.
pub async fn suite(harness: &Harness) {
    basics::all(harness).await;
    batches::all(harness).await;
    conditions::all(harness).await;
    merges::all(harness).await;
    limits::all(harness).await;
    pages::all(harness).await;
    order::all(harness).await;
}

/// The moment at which promises start, in seconds: far ahead, so that no engine's own sweep, which
/// goes by the true time, interferes.
const START: i64 = 4_000_000_000;

/// The engine with its clock at the start.
fn begin(harness: &Harness) -> Arc<dyn Table> {
    harness.clock.set(START * 1000);
    harness.table.clone()
}

fn key(partition: &str, sort: &str) -> Key {
    Key::new(TableId::Nodes, partition, sort)
}

/// A Put of one field `f`.
fn put(key: &Key, value: impl Into<Value>, when: When) -> Write {
    Write::put(key.clone(), [("f", value)], when)
}

/// A Put of one field `f` that expires.
fn put_until(key: &Key, value: impl Into<Value>, expires: i64) -> Write {
    let fields = BTreeMap::from([("f".to_owned(), value.into())]);
    Write::Put { key: key.clone(), fields, expires: Some(expires), when: When::Always }
}

async fn write(table: &dyn Table, writes: Vec<Write>) -> Result<Option<Record>, TableError> {
    table.write(Batch::new(writes).unwrap()).await
}

/// One write that must succeed.
async fn done(table: &dyn Table, only: Write) {
    write(table, vec![only]).await.unwrap();
}

async fn merge(table: &dyn Table, merge: Merge) -> Result<Option<Record>, TableError> {
    write(table, vec![Write::Merge(merge)]).await
}

/// A record that must be there.
async fn there(table: &dyn Table, key: &Key) -> Record {
    table.get(key).await.unwrap().unwrap()
}

/// The fields' values, without their times.
fn values(record: &Record) -> BTreeMap<&str, Value> {
    record.fields.iter().map(|(name, field)| (name.as_str(), field.value.clone())).collect()
}

fn json(text: &str) -> Value {
    Value::Json(text.to_owned())
}

#[track_caller]
fn assert_conflict(outcome: &Result<Option<Record>, TableError>, index: usize) {
    assert!(matches!(outcome, Err(TableError::Conflict(at)) if *at == index), "{outcome:?}, not a conflict of write {index}");
}

#[track_caller]
fn assert_too_large(outcome: &Result<Option<Record>, TableError>, index: usize) {
    assert!(matches!(outcome, Err(TableError::TooLarge(at)) if *at == index), "{outcome:?}, not too large at {index}");
}

/// An engine error of which a repetition is no cure.
#[track_caller]
fn assert_final(outcome: &Result<Option<Record>, TableError>) {
    assert!(matches!(outcome, Err(TableError::Engine { retry: false, .. })), "{outcome:?}, not a final engine error");
}
