//! What the tests share: tables of their own, and the way to them.

use std::{collections::BTreeMap, sync::Arc};

use aws::{client::Sdk, dynamodb::DynamoTable};
use aws_sdk_dynamodb::Client;
use shared::port::table::{Key, TableId, contract::TestClock};
use tests::emulator::{create, loader, unique};

use crate::wire::Wire;

/// Empty tables, as the template makes them.
pub(crate) struct Tables {
    pub(crate) clock: Arc<TestClock>,
    pub(crate) wire: Wire,
    pub(crate) table: Arc<DynamoTable>,
    client: Client,
    names: BTreeMap<TableId, String>,
}

impl Tables {
    pub(crate) async fn new() -> Self {
        let names = BTreeMap::from(TableId::ALL.map(|table| (table, unique(table.name()))));
        let wire = Wire::new();
        let config = loader().http_client(wire.clone()).load().await;
        let client = Client::new(&config);
        for name in names.values() {
            create(&client, name).await;
        }
        wire.take();
        let clock = Arc::new(TestClock::default());
        clock.set(1_000_000_000);
        let table = Arc::new(DynamoTable::new(Sdk::with(config), names.clone(), clock.clone()));
        Self { clock, wire, table, client, names }
    }

    pub(crate) async fn delete(self) {
        for name in self.names.values() {
            self.client.delete_table().table_name(name).send().await.unwrap();
        }
    }
}

pub(crate) fn key(sort: &str) -> Key {
    Key::new(TableId::Nodes, "p", sort)
}
