//! How a record's fields look in its row: JSON for a person's eye, and exact.
//!
//! `{"p/light/power":{"bool":true,"at":1753000000000},"p/light/temp":{"json":"27.30000"}}`. A field
//! that was removed under `newer_than` keeps its time: `{"p/light/gone":{"at":1753000000000}}`.

use std::{borrow::Cow, collections::BTreeMap};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use shared::port::table::{Change, Field, Key, MAX_RECORD_BYTES, Merge, Record, TableError, Value};

use super::Fault;

/// A record and what only the engine sees of it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Stored {
    pub(super) record: Record,
    /// The times of removed fields.
    pub(super) removed: BTreeMap<String, i64>,
}

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

impl Stored {
    /// A record that is not there yet.
    pub(super) fn empty(key: &Key) -> Self {
        let record = Record { key: key.clone(), fields: BTreeMap::new(), version: 0, expires: None };
        Self { record, removed: BTreeMap::new() }
    }

    /// The column `fields`.
    pub(super) fn text(&self) -> Result<String, Fault> {
        let mut cells = BTreeMap::new();
        for (name, field) in &self.record.fields {
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
        cells.extend(self.removed.iter().map(|(name, at)| (name, Cell { at: Some(*at), ..Cell::default() })));
        serde_json::to_string(&cells).map_err(|error| damaged(&self.record.key, &error))
    }

    /// The record of a row.
    pub(super) fn parse(key: Key, version: i64, expires: Option<i64>, text: &str) -> Result<Self, Fault> {
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
        Ok(Self { record, removed })
    }

    /// Does what the Merge says. `false` if every field was too new, so that nothing is to be written.
    pub(super) fn merge(&mut self, merge: &Merge) -> Result<bool, Fault> {
        let mut touched = false;
        for (name, change) in &merge.changes {
            let time = self.record.fields.get(name).map_or_else(|| self.removed.get(name).copied(), |field| field.at);
            if merge.newer_than.is_some_and(|newer| time.is_some_and(|time| time >= newer)) {
                continue;
            }
            touched = true;
            let before = self.record.fields.remove(name);
            self.removed.remove(name);
            let value = match change {
                Change::Set(value) => value.clone(),
                Change::Add(amount) => Value::Int(add(name, before.as_ref(), *amount)?),
                Change::Remove => {
                    self.removed.extend(merge.newer_than.map(|newer| (name.clone(), newer)));
                    continue;
                }
            };
            self.record.fields.insert(name.clone(), Field { value, at: merge.newer_than });
        }
        self.record.expires = merge.expires.or(self.record.expires);
        Ok(touched)
    }

    /// Is it too large to be stored?
    pub(super) fn check_size(&self, index: usize) -> Result<(), TableError> {
        let removed: usize = self.removed.keys().map(|name| name.len() + 9).sum();
        if self.record.size() + removed > MAX_RECORD_BYTES { Err(TableError::TooLarge(index)) } else { Ok(()) }
    }
}

fn add(name: &str, field: Option<&Field>, amount: i64) -> Result<i64, Fault> {
    let sum = match field.map(|field| &field.value) {
        None => Some(amount),
        Some(Value::Int(number)) => number.checked_add(amount),
        Some(_) => None,
    };
    sum.ok_or_else(|| Fault::Add(name.to_owned()))
}

fn damaged(key: &Key, why: &dyn ToString) -> Fault {
    Fault::Damaged(key.table.name(), why.to_string())
}
