//! What each call of the port costs in requests: mostly one, as on `SQLite` it is one call.

use std::collections::BTreeMap;

use shared::port::table::{Batch, Key, Merge, Query, Table, TableId, When, Write};

use crate::support::{Tables, key};

#[tokio::test]
async fn a_call_is_one_request_as_a_rule() {
    let tables = Tables::new().await;
    let table = &*tables.table;
    let write = |writes: Vec<Write>| table.write(Batch::new(writes).unwrap());
    let sent = |expected: &[&str]| assert_eq!(tables.wire.take(), expected);
    let put = |sort: &str, when| Write::put(key(sort), [("f", 1)], when);
    let merge = |sort: &str, newer| Write::Merge(Merge::new(key(sort)).set("f", 1).newer_than(newer));

    write(vec![put("a", When::Absent)]).await.unwrap();
    sent(&["PutItem"]);
    write(vec![put("a", When::Absent)]).await.unwrap_err();
    sent(&["PutItem"]);
    write(vec![merge("b", 5)]).await.unwrap();
    sent(&["UpdateItem"]);
    // Only what is partly too new, or lies on an expired record, takes a second one.
    write(vec![merge("b", 4)]).await.unwrap();
    sent(&["UpdateItem"]);
    write(vec![Write::Merge(Merge::new(key("b")).set("f", 1).set("g", 1).newer_than(4))]).await.unwrap();
    sent(&["UpdateItem", "UpdateItem"]);
    let expired = Write::Put { key: key("c"), fields: BTreeMap::new(), expires: Some(1), when: When::Always };
    write(vec![expired]).await.unwrap();
    sent(&["PutItem"]);
    write(vec![merge("c", 1)]).await.unwrap();
    sent(&["UpdateItem", "PutItem"]);
    write(vec![Write::Check { key: key("a"), when: When::Present }]).await.unwrap();
    sent(&["GetItem"]);
    write(vec![Write::Check { key: key("a"), when: When::Always }]).await.unwrap();
    sent(&[]);
    write(vec![Write::Delete { key: key("a"), when: When::Present }]).await.unwrap();
    sent(&["DeleteItem"]);

    write(vec![put("a", When::Absent), merge("b", 6), Write::Check { key: key("c"), when: When::Present }]).await.unwrap();
    sent(&["TransactWriteItems"]);
    write(vec![put("a", When::Absent), merge("b", 7)]).await.unwrap_err();
    sent(&["TransactWriteItems"]);
    write(vec![put("a", When::Always), merge("b", 6)]).await.unwrap();
    sent(&["TransactWriteItems", "TransactWriteItems"]);
    write(vec![put("a", When::Always), Write::Check { key: key("c"), when: When::Always }]).await.unwrap();
    sent(&["PutItem"]);

    table.get(&key("a")).await.unwrap();
    sent(&["GetItem"]);
    table.get(&key("")).await.unwrap();
    sent(&[]);
    table.query(Query::prefix(TableId::Nodes, "p", "", 10)).await.unwrap();
    sent(&["Query"]);
    let keys: Vec<Key> = (0..100).map(|number| key(&number.to_string())).collect();
    table.get_many(&[&keys[..], &keys[..]].concat()).await.unwrap();
    sent(&["BatchGetItem"]);
    table.get_many(&[&keys[..], &[key("a")]].concat()).await.unwrap();
    sent(&["BatchGetItem", "BatchGetItem"]);
}
