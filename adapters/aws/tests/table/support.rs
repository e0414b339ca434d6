//! What the tests share: tables of their own, and the way to them.

use std::sync::Arc;

use aws::dynamodb::DynamoTable;
use shared::port::table::{Key, TableId, contract::TestClock};
use tests::{
    emulator::{Base, loader},
    wire::Wire,
};

/// Empty tables, as the template makes them.
pub(crate) struct Tables {
    pub(crate) clock: Arc<TestClock>,
    pub(crate) wire: Wire,
    pub(crate) table: Arc<DynamoTable>,
    base: Base,
}

impl Tables {
    pub(crate) async fn new() -> Self {
        let wire = Wire::default();
        let base = Base::by(loader().http_client(wire.clone())).await;
        wire.take();
        let clock = Arc::new(TestClock::default());
        clock.set(1_000_000_000);
        let table = base.table_at(clock.clone());
        Self { clock, wire, table, base }
    }

    pub(crate) async fn delete(self) {
        self.base.delete().await;
    }
}

pub(crate) fn key(sort: &str) -> Key {
    Key::new(TableId::Nodes, "p", sort)
}
