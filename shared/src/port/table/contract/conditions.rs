//! Every condition, on every state of a record, under every kind of write.

use std::collections::BTreeMap;

use super::{Harness, START, assert_conflict, begin, done, json, key, put, there, values, write};
use crate::port::table::{Key, Merge, Table, TableError, Value, When, Write};

/// States in which a record is found.
#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Present,
    Absent,
    Expired,
}

pub(super) async fn all(harness: &Harness) {
    let table = begin(harness);
    let mut number = 0;
    for state in [State::Present, State::Absent, State::Expired] {
        for condition in 0..conditions(0).len() {
            for kind in ["put", "merge", "delete", "check"] {
                number += 1;
                let key = key("conditions", &format!("{number}"));
                one(harness, &*table, &key, state, condition, kind).await;
            }
        }
    }
    types_are_apart(&*table).await;
    in_the_middle(&*table).await;
}

/// Each condition with whether it holds of the record if that is present, and if it is not.
fn conditions(version: u64) -> Vec<(When, bool, bool)> {
    let eq = |name: &str, value: Value| When::FieldEq(name.to_owned(), value);
    let less = |name: &str, value: Value| When::FieldLess(name.to_owned(), value);
    vec![
        (When::Always, true, true),
        (When::Absent, false, true),
        (When::Present, true, false),
        (When::Version(version), true, false),
        (When::Version(version ^ 1), false, false),
        (eq("int", Value::Int(5)), true, false),
        (eq("int", Value::Int(6)), false, false),
        (eq("int", "5".into()), false, false),
        (eq("none", Value::Int(5)), false, false),
        (less("int", Value::Int(6)), true, true),
        (less("int", Value::Int(5)), false, true),
        (less("int", Value::Int(-6)), false, true),
        (less("int", "6".into()), false, true),
        (less("none", Value::Int(6)), true, true),
        (less("str", "c".into()), true, true),
        (less("str", "b".into()), false, true),
    ]
}

async fn one(harness: &Harness, table: &dyn Table, key: &Key, state: State, condition: usize, kind: &str) {
    harness.clock.set(START * 1000);
    let fields = || BTreeMap::from([("int".to_owned(), Value::Int(5)), ("str".to_owned(), "b".into())]);
    let mut version = 77;
    if state != State::Absent {
        done(table, Write::Put { key: key.clone(), fields: fields(), expires: Some(START + 1), when: When::Always }).await;
        version = there(table, key).await.version;
    }
    if state == State::Expired {
        harness.clock.set((START + 1) * 1000);
    }
    let (when, present, otherwise) = conditions(version).swap_remove(condition);
    let expected = if state == State::Present { present } else { otherwise };
    let told = format!("{kind} when {when:?} on a record that is {state:?}");
    let only = match kind {
        "put" => put(key, 1, when),
        "merge" => Write::Merge(Merge::new(key.clone()).set("f", 1).when(when)),
        "delete" => Write::Delete { key: key.clone(), when },
        _ => Write::Check { key: key.clone(), when },
    };
    let before = table.get(key).await.unwrap();
    let outcome = write(table, vec![only]).await;
    let after = table.get(key).await.unwrap();
    if !expected {
        assert!(matches!(outcome, Err(TableError::Conflict(0))), "{told}: {outcome:?}");
        assert_eq!(after, before, "{told}");
        return;
    }
    assert!(outcome.is_ok(), "{told}: {outcome:?}");
    let mut merged = if before.is_some() { fields() } else { BTreeMap::new() };
    merged.insert("f".to_owned(), Value::Int(1));
    let expected = match kind {
        "put" => Some(BTreeMap::from([("f", Value::Int(1))])),
        "merge" => Some(merged.iter().map(|(name, value)| (name.as_str(), value.clone())).collect()),
        "delete" => None,
        _ => before.as_ref().map(values),
    };
    assert_eq!(after.as_ref().map(values), expected, "{told}");
    if kind == "merge" {
        assert_eq!(outcome.ok().flatten(), before, "{told}");
        assert_eq!(after.and_then(|record| record.expires), before.and_then(|record| record.expires), "{told}");
    }
}

/// Equal and less mean the same type; truth values and JSON have no order.
async fn types_are_apart(table: &dyn Table) {
    let key = key("conditions-types", "a");
    let ascending = [
        [Value::Int(i64::MIN), Value::Int(-1), Value::Int(i64::MAX)],
        ["".into(), "Z".into(), "a\u{10ffff}".into()],
        [Value::Bytes(vec![]), Value::Bytes(vec![0x7f, 0xff]), Value::Bytes(vec![0x80])],
        [Value::Bool(false), Value::Bool(false), Value::Bool(true)],
        [json("1"), json("1.0"), json("2")],
    ];
    for (kind, stored) in ascending.iter().enumerate() {
        done(table, put(&key, stored[1].clone(), When::Always)).await;
        for (other, values) in ascending.iter().enumerate() {
            for (place, value) in values.iter().enumerate() {
                let eq = Write::Check { key: key.clone(), when: When::FieldEq("f".to_owned(), value.clone()) };
                assert_eq!(write(table, vec![eq]).await.is_ok(), *value == stored[1], "{value:?} = {:?}", stored[1]);
                let less = Write::Check { key: key.clone(), when: When::FieldLess("f".to_owned(), value.clone()) };
                let expected = kind == other && kind < 3 && place == 2;
                assert_eq!(write(table, vec![less]).await.is_ok(), expected, "{:?} < {value:?}", stored[1]);
            }
        }
    }
}

/// A condition counts the same among other writes.
async fn in_the_middle(table: &dyn Table) {
    let keys = ["a", "b", "c"].map(|sort| key("conditions-middle", sort));
    done(table, put(&keys[1], 5, When::Always)).await;
    let version = there(table, &keys[1]).await.version;
    for (when, holds) in [
        (When::Absent, false),
        (When::Version(version ^ 1), false),
        (When::FieldEq("f".to_owned(), Value::Int(6)), false),
        (When::FieldLess("f".to_owned(), Value::Int(5)), false),
        (When::Present, true),
        (When::Version(version), true),
        (When::FieldEq("f".to_owned(), Value::Int(5)), true),
        (When::FieldLess("f".to_owned(), Value::Int(6)), true),
    ] {
        let check = Write::Check { key: keys[1].clone(), when };
        let outcome = write(table, vec![put(&keys[0], 1, When::Always), check, put(&keys[2], 1, When::Always)]).await;
        if holds {
            outcome.unwrap();
        } else {
            assert_conflict(&outcome, 1);
            assert_eq!(table.get(&keys[0]).await.unwrap(), None);
        }
    }
}
