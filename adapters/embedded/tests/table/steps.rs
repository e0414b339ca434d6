//! The steps of the schema: what an earlier version has written is still there.

use embedded::sqlite::SqliteTable;
use rusqlite::{Connection, params};
use shared::port::table::{Key, Query, Table as _, TableId};

use crate::support::{clock, file};

/// The first step, as it was.
const FIRST: &str = "CREATE TABLE record (
        tbl TEXT NOT NULL,
        partition TEXT NOT NULL,
        sort TEXT NOT NULL,
        version INTEGER NOT NULL,
        expires INTEGER,
        fields TEXT NOT NULL,
        PRIMARY KEY (tbl, partition, sort)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX record_expires ON record (expires) WHERE expires IS NOT NULL;
    PRAGMA user_version = 1;
    PRAGMA application_id = 0x5261696e;";

#[tokio::test]
async fn claims_and_closed_accounts_leave_the_table_of_accounts() {
    let path = file("steps");
    let old = Connection::open(&path).unwrap();
    old.execute_batch(FIRST).unwrap();
    let stays = [("account#a@x.io", "credential"), ("keys", "signing"), ("claim", "x"), ("clbim#", "x"), ("closed2", "u1")];
    let claims = [("claim#ca", "ca"), ("claim#secret", "240AC4AABBCC"), ("claim#attempt#r1", "attempt")];
    for (partition, sort) in stays.into_iter().chain(claims).chain([("closed", "u1")]) {
        old.execute("INSERT INTO record VALUES ('identity', ?, ?, 7, NULL, '{\"at\":{\"int\":5}}')", params![partition, sort]).unwrap();
    }
    drop(old);
    // The second time there is nothing left to do.
    for _ in 0..2 {
        let table = SqliteTable::open(&path, clock()).unwrap();
        for (id, partition, sort) in [("claims", "claim#ca", "ca"), ("access", "tokens", "closed#u1")]
            .into_iter()
            .chain(stays.map(|(partition, sort)| ("identity", partition, sort)))
            .chain(claims.map(|(partition, sort)| ("claims", partition, sort)))
        {
            let id = TableId::ALL.into_iter().find(|known| known.name() == id).unwrap();
            let record = table.get(&Key::new(id, partition, sort)).await.unwrap();
            assert_eq!(record.map(|record| (record.version, record.int("at"))), Some((7, Some(5))), "{partition}");
        }
        for partition in ["closed", "claim#ca", "claim#secret", "claim#attempt#r1"] {
            assert!(table.query(Query::prefix(TableId::Identity, partition, "", 9)).await.unwrap().records.is_empty(), "{partition}");
        }
    }
}
