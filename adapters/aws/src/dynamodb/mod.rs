//! The port `Table` on `DynamoDB`.
//!
//! * A batch of one is a plain call, several are a transaction. Conditions and changes go along as
//!   expressions, so that a write needs no read before it.
//! * DynamoDB knows one condition a write. If it fails, the item comes back, and what it means is worked
//!   out here: a conflict, a sum that grew too large, or a record in another state than was assumed, for
//!   which the write is put differently and sent again.
//! * DynamoDB deletes expired items within days: until then they are told from others here.
//! * What got no answer is sent again exactly as it was, but only where that does no harm.

mod action;
mod expression;
mod fault;
mod item;
mod read;
mod write;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use shared::port::{
    clock::Clock,
    table::{Batch, Key, Page, Query, Record, Table, TableError, TableId},
};
use tokio::sync::OnceCell;

use crate::client::Sdk;
use fault::Fault;

/// How often what may be sent again is sent in all.
const TRIES: u32 = 4;
/// The pause after the first time; each is twice the one before.
const PAUSE: Duration = Duration::from_millis(50);

/// The port `Table` on `DynamoDB`. Whoever calls repeats what it refuses for the moment
/// ([`shared::port::table::retrying::Retrying`]).
pub struct DynamoTable {
    sdk: Sdk,
    client: OnceCell<Client>,
    names: BTreeMap<TableId, String>,
    clock: Arc<dyn Clock>,
}

impl DynamoTable {
    /// The tables with these names; others can't be used.
    pub fn new(sdk: Sdk, names: BTreeMap<TableId, String>, clock: Arc<dyn Clock>) -> Self {
        Self { sdk, client: OnceCell::new(), names, clock }
    }

    async fn client(&self) -> &Client {
        self.client.get_or_init(|| async { Client::new(self.sdk.config().await) }).await
    }

    fn name(&self, table: TableId) -> Result<&str, Fault> {
        self.names.get(&table).map(String::as_str).ok_or(Fault::NoTable(table.name()))
    }
}

#[async_trait]
impl Table for DynamoTable {
    async fn get(&self, key: &Key) -> Result<Option<Record>, TableError> {
        Ok(self.read_one(key).await?)
    }

    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Record>>, TableError> {
        Ok(self.read_many(keys).await?)
    }

    async fn query(&self, query: Query) -> Result<Page, TableError> {
        Ok(self.read_page(&query).await?)
    }

    async fn write(&self, batch: Batch) -> Result<Option<Record>, TableError> {
        self.write_batch(&batch).await
    }
}

/// Waits before the next try; the first is number 0.
async fn pause(number: u32) {
    tokio::time::sleep(PAUSE * 2_u32.saturating_pow(number)).await;
}
