//! What the tests of the storage share.
use std::{fs, path::PathBuf, sync::Arc};

use embedded::sqlite::SqliteTable;
use shared::port::table::{Batch, Key, Table, TableId, When, Write, contract::TestClock};

/// An empty folder of a test's own.
pub(crate) fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// A database file in an empty folder.
pub(crate) fn file(name: &str) -> PathBuf {
    folder(name).join("raincloud.db")
}

/// A clock at a moment of no importance.
pub(crate) fn clock() -> Arc<TestClock> {
    let clock = Arc::new(TestClock::default());
    clock.set(1_000_000_000);
    clock
}

/// A table in memory.
pub(crate) fn memory(clock: &Arc<TestClock>) -> Arc<SqliteTable> {
    Arc::new(SqliteTable::memory(clock.clone()).unwrap())
}

pub(crate) fn key(partition: &str, sort: &str) -> Key {
    Key::new(TableId::Nodes, partition, sort)
}

/// A batch of one Put of the field `f`.
pub(crate) fn put(key: &Key, value: i64) -> Batch {
    Batch::of(Write::put(key.clone(), [("f", value)], When::Always)).unwrap()
}

/// The field `f`.
pub(crate) async fn value(table: &dyn Table, key: &Key) -> Option<i64> {
    table.get(key).await.unwrap().and_then(|record| record.int("f"))
}
