//! Reading back what was written, its exactness, versions, and expiry.

use std::collections::{BTreeMap, HashSet};

use super::{Harness, START, begin, done, json, key, merge, put, put_until, there, values, write};
use crate::port::table::{Key, Merge, TableId, Value, When, Write};

pub(super) async fn all(harness: &Harness) {
    put_get_delete(harness).await;
    values_round_trip(harness).await;
    keys_are_apart(harness).await;
    versions(harness).await;
    expiry(harness).await;
    get_many(harness).await;
}

async fn put_get_delete(harness: &Harness) {
    let table = begin(harness);
    let key = key("put-get-delete", "a");
    assert_eq!(table.get(&key).await.unwrap(), None);
    assert_eq!(write(&*table, vec![put(&key, 1, When::Always)]).await.unwrap(), None);
    let record = there(&*table, &key).await;
    assert_eq!((&record.key, record.expires), (&key, None));
    assert_eq!(values(&record), BTreeMap::from([("f", Value::Int(1))]));

    // A Put replaces the whole record.
    let other = Write::put(key.clone(), [("g", "x")], When::Always);
    assert_eq!(write(&*table, vec![other]).await.unwrap(), None, "only a single Merge returns the old record");
    assert_eq!(values(&there(&*table, &key).await), BTreeMap::from([("g", "x".into())]));

    // A record without fields is a record.
    done(&*table, Write::put(key.clone(), [("", ""); 0], When::Always)).await;
    assert!(there(&*table, &key).await.fields.is_empty());

    // Deleting is fine twice.
    for _ in 0..2 {
        let delete = Write::Delete { key: key.clone(), when: When::Always };
        assert_eq!(write(&*table, vec![delete]).await.unwrap(), None);
        assert_eq!(table.get(&key).await.unwrap(), None);
    }
}

async fn values_round_trip(harness: &Harness) {
    let table = begin(harness);
    let key = key("values", "a");
    let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
    let every = [
        Value::Str(String::new()),
        "plain".into(),
        "ünïcode 😀 \u{0}\u{1}\u{7f}\u{2028} \"quoted\\\" \r\n\t".into(),
        "\u{10ffff}\u{e000}\u{d7ff}".into(),
        "123".into(),
        Value::Int(0),
        Value::Int(i64::MIN),
        Value::Int(i64::MAX),
        Value::Int((1 << 53) + 1),
        Value::Bool(true),
        Value::Bool(false),
        Value::Bytes(Vec::new()),
        Value::Bytes((0..=255).collect()),
        json("27.30000"),
        json("1e400"),
        json("12345678901234567890123"),
        json(r#"{"b": 1,  "a":[true,null,"\/"], "a":2}"#),
        json(&deep),
        json("\"text\""),
        json(""),
    ];
    let names = ["p/light%2Fa/größe", "with space", "a.b[0]", "#name", ":v", "$", "'", "\"", "size", "at", "😀"];
    let mut fields: BTreeMap<String, Value> =
        every.iter().enumerate().map(|(index, value)| (format!("f{index:02}"), value.clone())).collect();
    fields.extend(names.into_iter().map(|name| (name.to_owned(), Value::Int(1))));

    let put = Write::Put { key: key.clone(), fields: fields.clone(), expires: Some(i64::MAX), when: When::Always };
    done(&*table, put).await;
    let record = there(&*table, &key).await;
    assert_eq!(record.expires, Some(i64::MAX));
    assert!(record.fields.values().all(|field| field.at.is_none()));
    assert_eq!(record.fields.into_iter().map(|(name, field)| (name, field.value)).collect::<BTreeMap<_, _>>(), fields);

    // The same through a Merge, with times.
    for (name, value) in &fields {
        for at in [i64::MIN, 0, i64::MAX] {
            merge(&*table, Merge::new(key.clone()).set(name, value.clone()).newer_than(at)).await.unwrap();
        }
    }
    let record = there(&*table, &key).await;
    assert!(record.fields.values().all(|field| field.at == Some(i64::MAX)));
    assert_eq!(record.fields.into_iter().map(|(name, field)| (name, field.value)).collect::<BTreeMap<_, _>>(), fields);

    // And each is equal to itself alone.
    for value in &every {
        done(&*table, super::put(&key, value.clone(), When::Always)).await;
        for other in &every {
            let check = Write::Check { key: key.clone(), when: When::FieldEq("f".to_owned(), other.clone()) };
            assert_eq!(write(&*table, vec![check]).await.is_ok(), value == other, "{value:?} {other:?}");
        }
    }
}

async fn keys_are_apart(harness: &Harness) {
    let table = begin(harness);
    let parts = ["k", "K", "k ", "k\u{0}", "ké", "ke\u{301}", "k/a", "%", "'", "k\u{10ffff}"];
    let mut keys = Vec::new();
    for id in TableId::ALL {
        for partition in parts {
            keys.extend(parts.map(|sort| Key::new(id, format!("keys-{partition}"), sort)));
        }
    }
    for (number, key) in keys.iter().enumerate() {
        done(&*table, put(key, i64::try_from(number).unwrap(), When::Absent)).await;
    }
    for (number, key) in keys.iter().enumerate() {
        let record = there(&*table, key).await;
        assert_eq!((&record.key, record.int("f")), (key, i64::try_from(number).ok()));
    }
}

async fn versions(harness: &Harness) {
    let table = begin(harness);
    let key = key("versions", "a");
    let mut seen = HashSet::new();
    let delete = Write::Delete { key: key.clone(), when: When::Always };
    let merge = Write::Merge(Merge::new(key.clone()).set("f", 1));
    let gone = Write::Merge(Merge::new(key.clone()).remove("none"));
    let same = put(&key, 1, When::Always);
    for writes in [&same, &same, &merge, &merge, &gone, &delete, &same, &delete, &merge, &delete, &same, &same] {
        done(&*table, writes.clone()).await;
        if let Some(record) = table.get(&key).await.unwrap() {
            assert!(seen.insert(record.version), "the version changes with every write and never comes again");
        }
    }
    assert_eq!(seen.len(), 9);
    // Reading and checking are no writes.
    let version = there(&*table, &key).await.version;
    done(&*table, Write::Check { key: key.clone(), when: When::Version(version) }).await;
    assert_eq!(there(&*table, &key).await.version, version);
}

async fn expiry(harness: &Harness) {
    let table = begin(harness);
    let key = key("expiry", "a");
    done(&*table, put_until(&key, 1, START + 10)).await;
    assert_eq!(there(&*table, &key).await.expires, Some(START + 10));
    harness.clock.set((START + 10) * 1000 - 1);
    assert!(table.get(&key).await.unwrap().is_some(), "there up to the last millisecond");
    harness.clock.set((START + 10) * 1000);
    assert_eq!(table.get(&key).await.unwrap(), None, "absent from the very second");
    assert_eq!(table.get_many(std::slice::from_ref(&key)).await.unwrap(), [None]);

    // What has expired may be written with, and is absent at once.
    done(&*table, put_until(&key, 2, START + 10)).await;
    assert_eq!(table.get(&key).await.unwrap(), None);
    // A Put without an expiry has none, whatever was before.
    done(&*table, put(&key, 3, When::Absent)).await;
    harness.clock.set(i64::MAX);
    assert_eq!(there(&*table, &key).await.expires, None);

    // The clock may be set back: what is there stays writable.
    harness.clock.set(0);
    done(&*table, put_until(&key, 4, 1)).await;
    assert_eq!(there(&*table, &key).await.int("f"), Some(4));
}

async fn get_many(harness: &Harness) {
    let table = begin(harness);
    assert!(table.get_many(&[]).await.unwrap().is_empty());
    let every: Vec<Key> = (0..130)
        .flat_map(|number| [TableId::Users, TableId::Identity].map(|id| Key::new(id, format!("many-{}", number % 7), format!("{number}"))))
        .collect();
    for (number, key) in every.iter().enumerate() {
        let number = i64::try_from(number).unwrap();
        match number % 5 {
            0 => {}
            1 => done(&*table, put_until(key, number, START)).await,
            _ => done(&*table, put(key, number, When::Always)).await,
        }
    }
    // 261 keys of two tables, missing and expired ones among them, and one of them twice in a row.
    let mut asked = every.clone();
    asked.reverse();
    asked.insert(7, asked[6].clone());
    asked.push(asked[1].clone());
    let found = table.get_many(&asked).await.unwrap();
    assert_eq!(found.len(), asked.len());
    for (key, found) in asked.iter().zip(found) {
        let number = every.iter().position(|other| other == key).unwrap();
        let expected = (number % 5 > 1).then(|| i64::try_from(number).unwrap());
        assert_eq!(found.as_ref().and_then(|record| record.int("f")), expected);
        assert!(found.is_none_or(|record| record.key == *key));
    }
}
