//! How a record looks as an item.
//!
//! | attribute | what |
//! |---|---|
//! | `pk`, `sk` | the key: strings, which order by their bytes |
//! | `version` | a number that every write makes anew |
//! | `expires` | seconds since the epoch, the table's TTL attribute |
//! | `.<field>` | a field's value: string, number, truth value or bytes; JSON is `{"json": "<its text>"}` |
//! | `@<field>` | the time of a field; alone if the field was removed under `newer_than` |
//!
//! The first character keeps fields apart from the rest, whatever their names are.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};
use shared::port::table::{Field, Key, Record, Stored, TableId, Value};

use super::fault::Fault;

pub(super) const PARTITION: &str = "pk";
pub(super) const SORT: &str = "sk";
pub(super) const VERSION: &str = "version";
pub(super) const EXPIRES: &str = "expires";
const JSON: &str = "json";

pub(super) type Item = HashMap<String, AttributeValue>;

/// The attribute of a field's value.
pub(super) fn value_name(field: &str) -> String {
    format!(".{field}")
}

/// The attribute of a field's time.
pub(super) fn time_name(field: &str) -> String {
    format!("@{field}")
}

pub(super) fn number(number: impl ToString) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

pub(super) fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

pub(super) fn value(value: &Value) -> AttributeValue {
    match value {
        Value::Str(text) => AttributeValue::S(text.clone()),
        Value::Int(int) => number(int),
        Value::Bool(truth) => AttributeValue::Bool(*truth),
        Value::Bytes(bytes) => AttributeValue::B(Blob::new(bytes.clone())),
        Value::Json(json) => AttributeValue::M(HashMap::from([(JSON.to_owned(), text(json))])),
    }
}

/// The attributes of a key.
pub(super) fn key(key: &Key) -> Item {
    HashMap::from([(PARTITION.to_owned(), text(&key.partition)), (SORT.to_owned(), text(&key.sort))])
}

/// The whole item.
pub(super) fn item(stored: &Stored) -> Item {
    let Record { key: at, fields, version, expires } = &stored.record;
    let mut item = key(at);
    item.insert(VERSION.to_owned(), number(version));
    item.extend(expires.map(|expires| (EXPIRES.to_owned(), number(expires))));
    for (name, field) in fields {
        item.insert(value_name(name), value(&field.value));
        item.extend(field.at.map(|at| (time_name(name), number(at))));
    }
    item.extend(stored.removed.iter().map(|(name, at)| (time_name(name), number(at))));
    item
}

/// The record of an item, and what only the engine sees of it. It may have expired.
pub(super) fn stored(table: TableId, item: Item) -> Result<Stored, Fault> {
    let damaged = |name: &str| Fault::Damaged(table.name(), name.to_owned());
    let (mut values, mut times) = (BTreeMap::new(), BTreeMap::new());
    let mut stored = Stored::empty(&Key::new(table, "", ""));
    for (name, attribute) in item {
        let record = &mut stored.record;
        match (name.as_str(), name.split_at_checked(1), attribute) {
            (PARTITION, _, AttributeValue::S(partition)) => record.key.partition = partition,
            (SORT, _, AttributeValue::S(sort)) => record.key.sort = sort,
            (VERSION, _, AttributeValue::N(version)) => record.version = version.parse().map_err(|_| damaged(&name))?,
            (EXPIRES, _, AttributeValue::N(at)) => record.expires = Some(at.parse().map_err(|_| damaged(&name))?),
            (_, Some((".", field)), attribute) => {
                values.insert(field.to_owned(), read(attribute).ok_or_else(|| damaged(&name))?);
            }
            (_, Some(("@", field)), AttributeValue::N(at)) => {
                times.insert(field.to_owned(), at.parse().map_err(|_| damaged(&name))?);
            }
            _ => return Err(damaged(&name)),
        }
    }
    let fields = values.into_iter().map(|(name, value)| {
        let at = times.remove(&name);
        (name, Field { value, at })
    });
    stored.record.fields = fields.collect();
    stored.removed = times;
    Ok(stored)
}

fn read(attribute: AttributeValue) -> Option<Value> {
    match attribute {
        AttributeValue::S(text) => Some(Value::Str(text)),
        AttributeValue::N(number) => number.parse().ok().map(Value::Int),
        AttributeValue::Bool(truth) => Some(Value::Bool(truth)),
        AttributeValue::B(bytes) => Some(Value::Bytes(bytes.into_inner())),
        AttributeValue::M(mut map) => match (map.remove(JSON), map.is_empty()) {
            (Some(AttributeValue::S(text)), true) => Some(Value::Json(text)),
            _ => None,
        },
        _ => None,
    }
}
