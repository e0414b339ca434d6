//! Random operations: `DynamoDB` answers as `SQLite` does. `PROPTEST_CASES` sets how many sequences.

use std::env;

use embedded::sqlite::SqliteTable;
use proptest::{
    prelude::ProptestConfig,
    test_runner::{FileFailurePersistence, TestRunner},
};
use shared::port::table::contract::random::{compare, steps};
use tokio::runtime::Builder;

use crate::support::Tables;

/// Each takes about half a second.
const CASES: u32 = 32;

#[test]
fn dynamodb_answers_as_sqlite() {
    let cases = env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(CASES);
    let persistence = FileFailurePersistence::Direct(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/table/random.proptest-regressions"));
    let config = ProptestConfig { cases, failure_persistence: Some(Box::new(persistence)), ..ProptestConfig::default() };
    let run = TestRunner::new(config).run(&steps(1..80), |steps| {
        Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
            let tables = Tables::new().await;
            let sqlite = SqliteTable::memory(tables.clock.clone()).unwrap();
            compare(&sqlite, &*tables.table, &tables.clock, &steps).await;
            tables.delete().await;
        });
        Ok(())
    });
    run.unwrap();
}
