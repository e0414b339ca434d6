//! What is refused before it is sent, and that everything up to there works.

use super::{Harness, assert_conflict, assert_too_large, begin, done, json, key, merge, put, there, write};
use crate::port::table::{
    Batch, BatchError, Key, MAX_MERGE_FIELDS, MAX_NAME_BYTES, MAX_RECORD_BYTES, MAX_WRITES, Merge, TableId, Value, When, Write,
};

pub(super) async fn all(harness: &Harness) {
    refused();
    largest_batch(harness).await;
    largest_record(harness).await;
    largest_fields(harness).await;
    largest_merge(harness).await;
    too_large_a_merge(harness).await;
    longest_keys(harness).await;
}

/// A Put whose record is exactly so large.
fn put_sized(key: &Key, size: usize) -> Write {
    let overhead = put(key, "", When::Always).size();
    put(key, "x".repeat(size - overhead), When::Always)
}

fn merge_of(key: &Key, fields: usize) -> Merge {
    (0..fields).fold(Merge::new(key.clone()), |merge, number| merge.set(format!("f{number}"), 1))
}

fn refused() {
    let key = |sort: &str| key("limits", sort);
    let fine = |number: usize| put(&key(&number.to_string()), 1, When::Always);
    let check = |key: Key| Write::Check { key, when: When::Always };
    let text = |size: usize| "x".repeat(size);
    let merge = Merge::new(key("m"));
    let cases = [
        (vec![], Err(BatchError::Empty)),
        ((0..=MAX_WRITES).map(fine).collect(), Err(BatchError::TooMany)),
        ((0..MAX_WRITES).map(fine).collect(), Ok(())),
        (vec![fine(1), fine(2), check(key("1"))], Err(BatchError::KeyTwice(2))),
        (vec![fine(1), check(Key::new(TableId::Users, "limits", "1"))], Ok(())),
        (vec![fine(1), check(key(""))], Err(BatchError::InvalidKey(1))),
        (vec![check(key(&text(1025)))], Err(BatchError::InvalidKey(0))),
        (vec![check(Key::new(TableId::Users, "", "a"))], Err(BatchError::InvalidKey(0))),
        (vec![check(Key::new(TableId::Users, text(2049), "a"))], Err(BatchError::InvalidKey(0))),
        (vec![check(Key::new(TableId::Users, text(2048), text(1024)))], Ok(())),
        (vec![fine(1), put_sized(&key("a"), MAX_RECORD_BYTES + 1)], Err(BatchError::TooLarge(1))),
        ((0..11).map(|number| put_sized(&key(&number.to_string()), MAX_RECORD_BYTES)).collect(), Err(BatchError::TooLarge(10))),
        (vec![fine(1), Write::put(key("a"), [("", 1)], When::Always)], Err(BatchError::InvalidField(1))),
        (vec![Write::Merge(merge.clone().set("a", 1).remove(""))], Err(BatchError::InvalidField(0))),
        (vec![Write::Merge(merge.clone().set(text(MAX_NAME_BYTES + 1), 1))], Err(BatchError::InvalidField(0))),
        (vec![Write::Merge(merge.clone().set(text(MAX_NAME_BYTES), 1))], Ok(())),
        (vec![Write::Check { key: key("a"), when: When::FieldEq(String::new(), Value::Int(1)) }], Err(BatchError::InvalidField(0))),
        (vec![put_sized(&key("a"), MAX_RECORD_BYTES)], Ok(())),
        (vec![fine(1), Write::Merge(merge.clone().set("f", text(MAX_RECORD_BYTES)))], Err(BatchError::TooLarge(1))),
        (vec![fine(1), Write::Merge(merge_of(&key("m"), MAX_MERGE_FIELDS + 1))], Err(BatchError::InvalidMerge(1))),
        (vec![Write::Merge(merge_of(&key("m"), MAX_MERGE_FIELDS))], Ok(())),
        (vec![Write::Merge(merge.clone())], Err(BatchError::InvalidMerge(0))),
        (vec![Write::Merge(merge.clone().expires(1))], Err(BatchError::InvalidMerge(0))),
        (vec![Write::Merge(merge.clone().set("a", 1).add("n", 1).newer_than(1))], Err(BatchError::InvalidMerge(0))),
        (vec![Write::Merge(merge.set("a", 1).add("n", 1))], Ok(())),
    ];
    for (number, (writes, expected)) in cases.into_iter().enumerate() {
        assert_eq!(Batch::new(writes).map(|_| ()), expected, "case {number}");
    }
}

async fn largest_batch(harness: &Harness) {
    let table = begin(harness);
    let keys: Vec<Key> = (0..MAX_WRITES).map(|number| key(&format!("limits-batch-{}", number % 3), &number.to_string())).collect();
    write(&*table, keys.iter().map(|key| put(key, 1, When::Absent)).collect()).await.unwrap();
    // The last of a hundred decides as well.
    let mut writes: Vec<Write> = keys.iter().map(|key| put(key, 2, When::Present)).collect();
    writes[MAX_WRITES - 1] = put(&keys[MAX_WRITES - 1], 2, When::Absent);
    assert_conflict(&write(&*table, writes).await, MAX_WRITES - 1);
    let found = table.get_many(&keys).await.unwrap();
    assert!(found.iter().all(|found| found.as_ref().and_then(|record| record.int("f")) == Some(1)));
    write(&*table, keys.iter().map(|key| Write::Merge(Merge::new(key.clone()).add("f", 4))).collect()).await.unwrap();
    let found = table.get_many(&keys).await.unwrap();
    assert!(found.iter().all(|found| found.as_ref().and_then(|record| record.int("f")) == Some(5)));
}

async fn largest_record(harness: &Harness) {
    let table = begin(harness);
    for (sort, value) in [("str", "x".into()), ("json", json("1")), ("bytes", Value::Bytes(vec![0xff]))] {
        let key = key("limits-record", sort);
        let room = MAX_RECORD_BYTES - put(&key, "", When::Always).size();
        let value = match value {
            Value::Bytes(_) => Value::Bytes(vec![0xff; room]),
            Value::Json(_) => json(&"1".repeat(room - json("").size())),
            _ => Value::Str("\u{1}".repeat(room)),
        };
        done(&*table, put(&key, value.clone(), When::Always)).await;
        let record = there(&*table, &key).await;
        assert_eq!(record.size(), MAX_RECORD_BYTES);
        assert_eq!(record.fields["f"].value, value);
    }
}

async fn largest_merge(harness: &Harness) {
    let table = begin(harness);
    let key = key("limits-merge", "a");
    for _ in 0..2 {
        merge(&*table, merge_of(&key, MAX_MERGE_FIELDS)).await.unwrap();
    }
    merge(&*table, merge_of(&key, MAX_MERGE_FIELDS).newer_than(2)).await.unwrap();
    let more = merge_of(&key, MAX_MERGE_FIELDS - 1).set("new", 1);
    merge(&*table, more.newer_than(1)).await.unwrap();
    let record = there(&*table, &key).await;
    assert_eq!(record.fields.len(), MAX_MERGE_FIELDS + 1);
    assert_eq!(record.fields.iter().filter(|(_, field)| field.at == Some(2)).count(), MAX_MERGE_FIELDS);
}

/// Many fields, which cost the most beside their values: what fits by the port's count fits the engine.
async fn largest_fields(harness: &Harness) {
    let table = begin(harness);
    let least = Value::Int(i64::MIN);
    for (sort, value, at) in
        [("str", "".into(), None), ("int", least.clone(), None), ("json", json(""), None), ("timed", least, Some(i64::MIN))]
    {
        let key = key("limits-fields", sort);
        let merge_of = |numbers: &[usize]| {
            let none = Merge { newer_than: at, expires: Some(i64::MAX), ..Merge::new(key.clone()) };
            numbers.iter().fold(none, |merge, number| merge.set(format!("{number:0>300}"), value.clone()))
        };
        let size_of = |numbers: &[usize]| Write::Merge(merge_of(numbers)).size();
        let count = (MAX_RECORD_BYTES - size_of(&[])) / (size_of(&[0]) - size_of(&[]));
        let numbers: Vec<usize> = (0..count).collect();
        for numbers in numbers.chunks(MAX_MERGE_FIELDS) {
            merge(&*table, merge_of(numbers)).await.unwrap();
        }
        let size = there(&*table, &key).await.size();
        assert_eq!(size, size_of(&numbers));
        let more = Merge::new(key.clone()).set("more", "x".repeat(MAX_RECORD_BYTES - size + MARGIN));
        assert_too_large(&merge(&*table, more).await, 0);
    }
}

/// So much larger than the port allows is too large for every engine; between, one may have room that
/// it need not know of.
const MARGIN: usize = 64;

/// Only the engine can know.
async fn too_large_a_merge(harness: &Harness) {
    let table = begin(harness);
    let (large, small) = (key("limits-too-large", "large"), key("limits-too-large", "small"));
    let fits = Merge::new(large.clone()).set("g", "xy");
    let room = Write::Merge(fits.clone()).size() - Write::Check { key: large.clone(), when: When::Always }.size();
    done(&*table, put_sized(&large, MAX_RECORD_BYTES - room)).await;
    let before = there(&*table, &large).await;
    let change = Merge::new(large.clone()).set("g", "x".repeat(MARGIN));
    assert_too_large(&merge(&*table, change.clone()).await, 0);
    let batch = vec![put(&small, 1, When::Always), Write::Merge(change.clone())];
    assert_too_large(&write(&*table, batch).await, 1);
    assert_eq!(there(&*table, &large).await, before);
    assert_eq!(table.get(&small).await.unwrap(), None);
    // A condition counts all the same, and to the byte it fits.
    assert_conflict(&merge(&*table, change.when(When::Absent)).await, 0);
    merge(&*table, fits).await.unwrap();
    assert_eq!(there(&*table, &large).await.size(), MAX_RECORD_BYTES);
    // Removing makes room in the same Merge.
    merge(&*table, Merge::new(large.clone()).remove("g").set("h", "yz")).await.unwrap();
    assert_eq!(there(&*table, &large).await.size(), MAX_RECORD_BYTES);
}

async fn longest_keys(harness: &Harness) {
    let table = begin(harness);
    let (partition, sort) = ("é".repeat(1024), "😀".repeat(256));
    let keys = [Key::new(TableId::Nodes, &partition, &sort), Key::new(TableId::Nodes, &partition, "a")];
    for key in &keys {
        done(&*table, put(key, 1, When::Absent)).await;
        assert_eq!(there(&*table, key).await.key, *key);
    }
    // A key that no batch takes is absent.
    let impossible = [("", "a"), ("a", ""), (&"x".repeat(2049), "a"), ("a", &"x".repeat(1025))];
    let impossible = impossible.map(|(partition, sort)| Key::new(TableId::Nodes, partition, sort));
    for key in &impossible {
        assert_eq!(table.get(key).await.unwrap(), None);
    }
    assert_eq!(table.get_many(&impossible).await.unwrap(), [None, None, None, None]);
}
