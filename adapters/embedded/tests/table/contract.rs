//! The contract of the storage port, kept by `SQLite` in memory and in a file.

use std::sync::Arc;

use embedded::sqlite::SqliteTable;
use shared::port::table::contract::{Harness, suite};

use crate::support::{clock, file, memory};

#[tokio::test]
async fn memory_keeps_the_contract() {
    let clock = clock();
    suite(&Harness::here(memory(&clock), clock)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_keeps_the_contract() {
    let clock = clock();
    let table = SqliteTable::open(&file("contract"), clock.clone()).unwrap();
    suite(&Harness::here(Arc::new(table), clock)).await;
}
