//! The contract of the storage port, kept by `SQLite` in memory and in a file.

use std::sync::Arc;

use embedded::sqlite::SqliteTable;
use shared::port::table::{
    Table,
    contract::{Harness, TestClock, suite},
};

use crate::support::{clock, file, memory};

struct Setup(Arc<SqliteTable>, Arc<TestClock>);

impl Harness for Setup {
    fn table(&self) -> Arc<dyn Table> {
        self.0.clone()
    }

    fn set_now(&self, ms: i64) {
        self.1.set(ms);
    }
}

#[tokio::test]
async fn memory_keeps_the_contract() {
    let clock = clock();
    suite(&Setup(memory(&clock), clock)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_keeps_the_contract() {
    let clock = clock();
    let table = SqliteTable::open(&file("contract"), clock.clone()).unwrap();
    suite(&Setup(Arc::new(table), clock)).await;
}
