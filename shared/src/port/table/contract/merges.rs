//! Merges: creating, old records, adding, and times of fields.

use std::collections::BTreeMap;

use super::{Harness, START, assert_conflict, assert_final, begin, done, json, key, merge, put, put_until, there, values, write};
use crate::port::table::{Key, Merge, Record, Value, When, Write};

pub(super) async fn all(harness: &Harness) {
    changes(harness).await;
    from_nothing(harness).await;
    adding(harness).await;
    newer_than(harness).await;
    any_order_ends_equal(harness).await;
    expiry_of_a_merge(harness).await;
}

async fn changes(harness: &Harness) {
    let table = begin(harness);
    let key = key("merge", "a");
    done(&*table, Write::put(key.clone(), [("a", 1), ("b", 2), ("c", 3)], When::Always)).await;
    let before = there(&*table, &key).await;
    let change = Merge::new(key.clone()).set("a", "x").remove("b").add("c", -4).set("d", true).remove("none");
    assert_eq!(merge(&*table, change).await.unwrap(), Some(before));
    let expected = BTreeMap::from([("a", "x".into()), ("c", Value::Int(-1)), ("d", Value::Bool(true))]);
    let after = there(&*table, &key).await;
    assert_eq!(values(&after), expected);
    // A record may lose its last field and stays a record.
    assert_eq!(merge(&*table, Merge::new(key.clone()).remove("a").remove("c").remove("d")).await.unwrap(), Some(after));
    assert!(there(&*table, &key).await.fields.is_empty());
}

/// Onto an absent and onto an expired record; also when it only removes.
async fn from_nothing(harness: &Harness) {
    let table = begin(harness);
    for (sort, old) in [("absent", false), ("expired", true)] {
        let key = key("merge-nothing", sort);
        harness.clock.set(START * 1000);
        let mut version = None;
        if old {
            done(&*table, put_until(&key, 7, START + 1)).await;
            let late = Merge::new(key.clone()).set("t", 1).remove("u").newer_than(i64::MAX);
            merge(&*table, late).await.unwrap();
            version = Some(there(&*table, &key).await.version);
            harness.clock.set((START + 1) * 1000);
        }
        // Nothing of the old one remains: no field, no expiry, no time, not even of a removed field.
        let change = Merge::new(key.clone()).set("t", 2).set("u", 3).newer_than(5);
        assert_eq!(merge(&*table, change).await.unwrap(), None, "{sort}");
        let record = there(&*table, &key).await;
        assert_eq!(values(&record), BTreeMap::from([("t", Value::Int(2)), ("u", Value::Int(3))]), "{sort}");
        assert_eq!(record.expires, None, "{sort}");
        assert_ne!(Some(record.version), version, "{sort}");
    }
    let empty = key("merge-nothing", "empty");
    assert_eq!(merge(&*table, Merge::new(empty.clone()).remove("a")).await.unwrap(), None);
    assert!(there(&*table, &empty).await.fields.is_empty());
    let empty = key("merge-nothing", "empty, timed");
    assert_eq!(merge(&*table, Merge::new(empty.clone()).remove("a").newer_than(1)).await.unwrap(), None);
    assert!(there(&*table, &empty).await.fields.is_empty());
}

async fn adding(harness: &Harness) {
    let table = begin(harness);
    let key = key("merge-add", "a");
    for (amount, sum) in [(5, 5), (-7, -2), (0, -2), (i64::MAX, i64::MAX - 2), (2, i64::MAX)] {
        merge(&*table, Merge::new(key.clone()).add("f", amount)).await.unwrap();
        assert_eq!(there(&*table, &key).await.int("f"), Some(sum));
    }
    let before = there(&*table, &key).await;
    assert_final(&merge(&*table, Merge::new(key.clone()).add("f", 1)).await);
    assert_eq!(there(&*table, &key).await, before);
    done(&*table, put(&key, i64::MIN, When::Always)).await;
    assert_final(&merge(&*table, Merge::new(key.clone()).set("g", 1).add("f", -1)).await);
    for value in ["1".into(), Value::Bool(true), Value::Bytes(vec![1]), json("1")] {
        done(&*table, put(&key, value, When::Always)).await;
        let before = there(&*table, &key).await;
        assert_final(&merge(&*table, Merge::new(key.clone()).set("g", 1).add("f", 1)).await);
        assert_eq!(there(&*table, &key).await, before);
    }
}

fn shown(record: &Record) -> String {
    let fields = record.fields.iter().map(|(name, field)| match (&field.value, field.at) {
        (Value::Int(number), Some(at)) => format!("{name}={number}@{at}"),
        (Value::Int(number), None) => format!("{name}={number}"),
        (value, at) => format!("{name}={value:?}@{at:?}"),
    });
    fields.collect::<Vec<_>>().join(" ")
}

async fn newer_than(harness: &Harness) {
    let table = begin(harness);
    let key = key("merge-newer", "a");
    let at = |newer: i64| Merge::new(key.clone()).newer_than(newer);
    done(&*table, Write::put(key.clone(), [("a", 0), ("b", 0)], When::Always)).await;
    // A field without a time, and a missing one, is older than any time.
    merge(&*table, at(i64::MIN).set("a", 1).set("c", 1)).await.unwrap();
    assert_eq!(shown(&there(&*table, &key).await), format!("a=1@{0} b=0 c=1@{0}", i64::MIN));
    merge(&*table, at(20).set("a", 2).set("b", 2)).await.unwrap();
    // Some stale, some not; equal is not newer.
    let old = merge(&*table, at(20).set("a", 3).set("b", 3).set("c", 3).set("d", 3)).await.unwrap();
    assert_eq!(shown(&old.unwrap()), format!("a=2@20 b=2@20 c=1@{}", i64::MIN));
    assert_eq!(shown(&there(&*table, &key).await), "a=2@20 b=2@20 c=3@20 d=3@20");
    // All stale: nothing is written, and the record as it is comes back.
    let before = there(&*table, &key).await;
    let stale = at(19).set("a", 4).remove("b").expires(START + 9);
    assert_eq!(merge(&*table, stale).await.unwrap().as_ref(), Some(&before));
    assert_eq!(there(&*table, &key).await, before);
    // A condition counts nevertheless.
    assert_conflict(&merge(&*table, at(19).set("a", 4).when(When::Absent)).await, 0);

    // What is removed keeps its time, so that nothing late brings it back.
    merge(&*table, at(30).remove("a").remove("never")).await.unwrap();
    merge(&*table, at(29).set("a", 5).set("never", 5).set("c", 5)).await.unwrap();
    assert_eq!(shown(&there(&*table, &key).await), "b=2@20 c=5@29 d=3@20");
    merge(&*table, at(31).set("a", 6).remove("c")).await.unwrap();
    merge(&*table, at(25).remove("a").set("b", 6).remove("d")).await.unwrap();
    assert_eq!(shown(&there(&*table, &key).await), "a=6@31 b=6@25");
    // The time of a removed field is no field.
    for when in [When::FieldEq("c".to_owned(), Value::Int(5)), When::FieldEq("c".to_owned(), Value::Int(31))] {
        assert_conflict(&write(&*table, vec![Write::Check { key: key.clone(), when }]).await, 0);
    }
    done(&*table, Write::Check { key: key.clone(), when: When::FieldLess("c".to_owned(), Value::Int(i64::MIN)) }).await;

    // A change without newer_than is done always and leaves no time.
    merge(&*table, Merge::new(key.clone()).set("a", 7).add("b", 1).remove("c").add("d", 8)).await.unwrap();
    assert_eq!(shown(&there(&*table, &key).await), "a=7 b=7 d=8");
    merge(&*table, at(1).set("a", 8).set("b", 8).set("c", 8).set("d", 9)).await.unwrap();
    assert_eq!(shown(&there(&*table, &key).await), "a=8@1 b=8@1 c=8@1 d=9@1");
    // A Put forgets every time.
    merge(&*table, at(40).set("a", 9).remove("b")).await.unwrap();
    done(&*table, Write::put(key.clone(), [("a", 0)], When::Always)).await;
    merge(&*table, at(2).set("a", 1).set("b", 1)).await.unwrap();
    assert_eq!(shown(&there(&*table, &key).await), "a=1@2 b=1@2");
    // So does a Delete.
    done(&*table, Write::Delete { key: key.clone(), when: When::Always }).await;
    merge(&*table, at(0).set("a", 2)).await.unwrap();
    assert_eq!(shown(&there(&*table, &key).await), "a=2@0");
    // Among other writes it is the same.
    let other = super::key("merge-newer", "b");
    let batch = vec![Write::Merge(at(1).set("a", 3)), Write::Merge(Merge { key: other, ..at(-1).set("a", 4) })];
    assert_eq!(write(&*table, batch.clone()).await.unwrap(), None);
    write(&*table, batch).await.unwrap();
    assert_eq!(shown(&there(&*table, &key).await), "a=3@1");
}

/// Deliveries that come late, repeated or in reverse end in the same record.
async fn any_order_ends_equal(harness: &Harness) {
    let table = begin(harness);
    let deliveries = |key: &Key| {
        let at = |newer: i64| Merge::new(key.clone()).newer_than(newer);
        [at(10).set("a", 1).set("b", 1).set("c", 1), at(20).set("b", 2).remove("c"), at(30).remove("a").set("d", 3), at(40).set("c", 4)]
    };
    let count = 4;
    for number in 0..24 {
        // The number names an order.
        let mut left: Vec<usize> = (0..count).collect();
        let mut rest = number;
        let mut order: Vec<usize> = (1..=count)
            .rev()
            .map(|size| {
                let place = rest % size;
                rest /= size;
                left.remove(place)
            })
            .collect();
        order.extend(order.clone().into_iter().rev());
        let key = key("merge-order", &number.to_string());
        for delivery in &order {
            merge(&*table, deliveries(&key)[*delivery].clone()).await.unwrap();
        }
        assert_eq!(shown(&there(&*table, &key).await), "b=2@20 c=4@40 d=3@30", "{order:?}");
    }
}

async fn expiry_of_a_merge(harness: &Harness) {
    let table = begin(harness);
    let key = key("merge-expires", "a");
    merge(&*table, Merge::new(key.clone()).set("f", 1).expires(START + 5)).await.unwrap();
    merge(&*table, Merge::new(key.clone()).set("g", 1)).await.unwrap();
    assert_eq!(there(&*table, &key).await.expires, Some(START + 5), "a Merge that names none leaves it");
    merge(&*table, Merge::new(key.clone()).set("g", 1).expires(START + 9)).await.unwrap();
    harness.clock.set((START + 8) * 1000);
    assert_eq!(there(&*table, &key).await.expires, Some(START + 9));
    merge(&*table, Merge::new(key.clone()).set("g", 1).expires(START + 8)).await.unwrap();
    assert_eq!(table.get(&key).await.unwrap(), None, "a Merge may end a record at once");
}
