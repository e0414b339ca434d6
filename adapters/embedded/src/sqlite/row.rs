//! How a record's fields look in its row: JSON for a person's eye, and exact.
//!
//! `{"p/light/power":{"bool":true,"at":1753000000000},"p/light/temp":{"json":"27.30000"}}`. A field
//! that was removed under `newer_than` keeps its time: `{"p/light/gone":{"at":1753000000000}}`.

use std::{borrow::Cow, collections::BTreeMap};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use shared::port::table::{Field, Key, Record, Stored, Value};

use super::Fault;

#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Cell<'a> {
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    str: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    int: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bool: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<String>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    json: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<i64>,
}

/// The column `fields`.
pub(super) fn text(stored: &Stored) -> Result<String, Fault> {
    let mut cells = BTreeMap::new();
    for (name, field) in &stored.record.fields {
        let mut cell = Cell { at: field.at, ..Cell::default() };
        match &field.value {
            Value::Str(text) => cell.str = Some(Cow::Borrowed(text)),
            Value::Int(number) => cell.int = Some(*number),
            Value::Bool(truth) => cell.bool = Some(*truth),
            Value::Bytes(bytes) => cell.bytes = Some(STANDARD.encode(bytes)),
            Value::Json(text) => cell.json = Some(Cow::Borrowed(text)),
        }
        cells.insert(name, cell);
    }
    cells.extend(stored.removed.iter().map(|(name, at)| (name, Cell { at: Some(*at), ..Cell::default() })));
    serde_json::to_string(&cells).map_err(|error| damaged(&stored.record.key, &error))
}

/// The record of a row.
pub(super) fn parse(key: Key, version: i64, expires: Option<i64>, text: &str) -> Result<Stored, Fault> {
    let cells: BTreeMap<String, Cell<'_>> = serde_json::from_str(text).map_err(|error| damaged(&key, &error))?;
    let (mut fields, mut removed) = (BTreeMap::new(), BTreeMap::new());
    for (name, cell) in cells {
        let Cell { str, int, bool, bytes, json, at } = cell;
        let value = match (str, int, bool, bytes, json) {
            (Some(text), None, None, None, None) => Value::Str(text.into_owned()),
            (None, Some(number), None, None, None) => Value::Int(number),
            (None, None, Some(truth), None, None) => Value::Bool(truth),
            (None, None, None, Some(text), None) => Value::Bytes(STANDARD.decode(text).map_err(|error| damaged(&key, &error))?),
            (None, None, None, None, Some(text)) => Value::Json(text.into_owned()),
            (None, None, None, None, None) if at.is_some() => {
                removed.extend(at.map(|at| (name, at)));
                continue;
            }
            _ => return Err(damaged(&key, &"a field with no or several values")),
        };
        fields.insert(name, Field { value, at });
    }
    let record = Record { key, fields, version: version.cast_unsigned(), expires };
    Ok(Stored { record, removed })
}

fn damaged(key: &Key, why: &dyn ToString) -> Fault {
    Fault::Damaged(key.table.name(), why.to_string())
}
