//! The contract of the storage port, kept by `DynamoDB`, with and without patience.

use std::sync::Arc;

use shared::port::table::{
    Table,
    contract::{Harness, TestClock, suite},
    retrying::Retrying,
};

use crate::support::Tables;

struct Setup(Arc<dyn Table>, Arc<TestClock>);

impl Harness for Setup {
    fn table(&self) -> Arc<dyn Table> {
        self.0.clone()
    }

    fn set_now(&self, ms: i64) {
        self.1.set(ms);
    }

    fn in_process(&self) -> bool {
        false
    }
}

#[tokio::test]
async fn dynamodb_keeps_the_contract() {
    let tables = Tables::new().await;
    suite(&Setup(tables.table.clone(), tables.clock.clone())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dynamodb_keeps_the_contract_behind_patience() {
    let tables = Tables::new().await;
    let table = Arc::new(Retrying { inner: tables.table.clone() });
    suite(&Setup(table, tables.clock.clone())).await;
}
