//! What the tests share: tables of their own, and the way to them.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use aws::{
    client::{Sdk, loader},
    dynamodb::DynamoTable,
};
use aws_config::Region;
use aws_sdk_dynamodb::{
    Client,
    config::Credentials,
    types::{AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType},
};
use shared::port::table::{Key, TableId, contract::TestClock};

use crate::{emulator::endpoint, wire::Wire};

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
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::SeqCst);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros();
        let names = TableId::ALL.map(|table| (table, format!("test-{now}-{count}-{}", table.name())));
        let names = BTreeMap::from(names);

        let wire = Wire::new();
        let credentials = Credentials::new("test", "test", None, None, "test");
        let loader = loader().region(Region::new("eu-west-1")).credentials_provider(credentials).endpoint_url(endpoint());
        let config = loader.http_client(wire.clone()).load().await;
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

async fn create(client: &Client, name: &str) {
    let mut create = client.create_table().table_name(name).billing_mode(BillingMode::PayPerRequest);
    for (attribute, kind) in [("pk", KeyType::Hash), ("sk", KeyType::Range)] {
        let definition = AttributeDefinition::builder().attribute_name(attribute).attribute_type(ScalarAttributeType::S);
        let element = KeySchemaElement::builder().attribute_name(attribute).key_type(kind);
        create = create.attribute_definitions(definition.build().unwrap()).key_schema(element.build().unwrap());
    }
    create.send().await.unwrap();
}

pub(crate) fn key(sort: &str) -> Key {
    Key::new(TableId::Nodes, "p", sort)
}
