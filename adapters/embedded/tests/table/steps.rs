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

#[tokio::test]
async fn accounts_made_before_are_found_by_name_and_nodes_say_themselves_who_has_them() {
    let path = file("directory");
    let old = Connection::open(&path).unwrap();
    old.execute_batch(FIRST).unwrap();
    let put = |table: &str, partition: &str, sort: &str, fields: &str| {
        old.execute("INSERT INTO record VALUES (?, ?, ?, 7, NULL, ?)", params![table, partition, sort, fields]).unwrap();
    };
    let account =
        |user: &str, name: &str| format!(r#"{{"user_id":{{"str":"{user}"}},"user_name":{{"str":"{name}"}},"state":{{"str":"open"}}}}"#);
    put("identity", "account#o'a@x.io", "credential", &account("u1", "O'A@x.io"));
    put("identity", "accounts", "o'a@x.io", r#"{"user_id":{"str":"u1"}}"#);
    put("identity", "account#waits@x.io", "credential", &account("u2", "waits@x.io"));
    put("access", "node#n1", "owner", r#"{"user":{"str":"u1"},"since":{"int":5}}"#);
    put("access", "node#n1", "user#u1", r#"{"role":{"str":"primary"}}"#);
    put("access", "user#u1", "node#n1", r#"{"role":{"str":"primary"},"mapped_at":{"int":5}}"#);
    drop(old);
    let table = SqliteTable::open(&path, clock()).unwrap();
    let text = async |partition: &str, sort: &str, field: &str| {
        let record = table.get(&Key::new(TableId::Access, partition, sort)).await.unwrap()?;
        record.str(field).map(str::to_owned)
    };
    assert_eq!(text("name#o'a@x.io", "user", "user_id").await.as_deref(), Some("u1"));
    assert_eq!(text("name#o'a@x.io", "user", "user_name").await.as_deref(), Some("O'A@x.io"));
    assert_eq!(text("user#u1", "name", "user_name").await.as_deref(), Some("O'A@x.io"));
    assert_eq!(text("name#waits@x.io", "user", "user_id").await, None, "it is not confirmed");
    assert_eq!(text("node#n1", "owner", "user").await.as_deref(), Some("u1"));
    assert_eq!(text("node#n1", "user#u1", "role").await, None);
    assert_eq!(text("user#u1", "node#n1", "role").await.as_deref(), Some("primary"));
}
