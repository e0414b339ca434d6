//! A record with what only engines see of it, and what a Merge makes of it: the one meaning for every
//! engine that works it out in Rust.

use std::collections::BTreeMap;

use super::{Change, Field, Key, Merge, Record, Value, record::field_size};

/// A record and what only the engine sees of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The record.
    pub record: Record,
    /// The times of fields that were removed under `newer_than`.
    pub removed: BTreeMap<String, i64>,
}

/// An `Add` that can't be done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the field {0} holds no number, or one that grew too large")]
pub struct AddError(pub String);

impl Stored {
    /// A record that is not there yet.
    pub fn empty(key: &Key) -> Self {
        let record = Record { key: key.clone(), fields: BTreeMap::new(), version: 0, expires: None };
        Self { record, removed: BTreeMap::new() }
    }

    /// What a Put makes.
    pub fn put(key: &Key, fields: &BTreeMap<String, Value>, expires: Option<i64>) -> Self {
        let mut stored = Self::empty(key);
        let fields = fields.iter().map(|(name, value)| (name.clone(), Field { value: value.clone(), at: None }));
        (stored.record.fields, stored.record.expires) = (fields.collect(), expires);
        stored
    }

    /// Is the field as new as the Merge or newer, so that this leaves it alone?
    pub fn is_stale(&self, merge: &Merge, name: &str) -> bool {
        let time = self.record.fields.get(name).map_or_else(|| self.removed.get(name).copied(), |field| field.at);
        merge.newer_than.is_some_and(|newer| time.is_some_and(|time| time >= newer))
    }

    /// Does what the Merge says. `false` if every field was too new, so that nothing is to be written.
    pub fn merge(&mut self, merge: &Merge) -> Result<bool, AddError> {
        let mut touched = false;
        for (name, change) in &merge.changes {
            if self.is_stale(merge, name) {
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

    /// Bytes that count towards [`super::MAX_RECORD_BYTES`].
    pub fn size(&self) -> usize {
        self.record.size() + self.removed.keys().map(|name| field_size(name, None, true)).sum::<usize>()
    }
}

fn add(name: &str, field: Option<&Field>, amount: i64) -> Result<i64, AddError> {
    let sum = match field.map(|field| &field.value) {
        None => Some(amount),
        Some(Value::Int(number)) => number.checked_add(amount),
        Some(_) => None,
    };
    sum.ok_or_else(|| AddError(name.to_owned()))
}
