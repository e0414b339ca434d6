//! The contract of the storage port, kept by `DynamoDB`, with and without patience.

use std::sync::Arc;

use shared::port::table::{
    contract::{Harness, suite},
    retrying::Retrying,
};

use crate::support::Tables;

#[tokio::test]
async fn dynamodb_keeps_the_contract() {
    let tables = Tables::new().await;
    suite(&Harness::elsewhere(tables.table.clone(), tables.clock.clone())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dynamodb_keeps_the_contract_behind_patience() {
    let tables = Tables::new().await;
    let table = Arc::new(Retrying { inner: tables.table.clone() });
    suite(&Harness::elsewhere(table, tables.clock.clone())).await;
}
