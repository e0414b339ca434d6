//! Keys, values and records.

use std::collections::BTreeMap;

/// Bytes a record may have, as [`Record::size`] counts them: never less than `DynamoDB` does, so that
/// what fits here fits there.
pub const MAX_RECORD_BYTES: usize = 400 * 1024;
/// Bytes of a field's name: 1 to so many.
pub const MAX_NAME_BYTES: usize = 32 * 1024;

/// Bytes of every record beside its key and its fields: the key's names, version and expiry.
const RECORD: usize = 48;
/// Bytes of a number at most: two digits take one byte.
const NUMBER: usize = 12;
/// Bytes by which what is kept of a field is told from the rest.
const MARK: usize = 1;

/// The tables. Each domain module begins with the keys, a sample and the cost of what it keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TableId {
    /// What belongs to a user alone.
    Users,
    /// What belongs to a node: certificate, config, params, presence.
    Nodes,
    /// Who may do what with which node, and what tells a good token.
    Access,
    /// Credentials, codes, sessions and keys: for the user function alone.
    Identity,
    /// The CA of claimed nodes and the secrets of chips: for the node function alone.
    Claims,
}

impl TableId {
    /// Every table.
    pub const ALL: [Self; 5] = [Self::Users, Self::Nodes, Self::Access, Self::Identity, Self::Claims];

    /// The table's name in an engine.
    pub fn name(self) -> &'static str {
        match self {
            Self::Users => "users",
            Self::Nodes => "nodes",
            Self::Access => "access",
            Self::Identity => "identity",
            Self::Claims => "claims",
        }
    }
}

/// Where a record stands. Partition: 1 to 2,048 bytes; sort: 1 to 1,024 bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// The table.
    pub table: TableId,
    /// The partition.
    pub partition: String,
    /// The place in the partition; records order by its bytes.
    pub sort: String,
}

impl Key {
    /// A key.
    pub fn new(table: TableId, partition: impl Into<String>, sort: impl Into<String>) -> Self {
        Self { table, partition: partition.into(), sort: sort.into() }
    }

    /// May a record stand here? If not, there is none.
    pub fn is_valid(&self) -> bool {
        (1..=2048).contains(&self.partition.len()) && (1..=1024).contains(&self.sort.len())
    }
}

/// What a field holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Text.
    Str(String),
    /// A whole number.
    Int(i64),
    /// A truth value.
    Bool(bool),
    /// Bytes.
    Bytes(Vec<u8>),
    /// JSON as its very text: `27.30000` stays itself, ints stay ints.
    Json(String),
}

impl Value {
    /// Bytes that count towards [`MAX_RECORD_BYTES`].
    pub fn size(&self) -> usize {
        match self {
            Self::Str(text) => text.len(),
            // It is kept apart from text by a map with one name.
            Self::Json(text) => 8 + text.len(),
            Self::Int(_) => NUMBER,
            Self::Bool(_) => 1,
            Self::Bytes(bytes) => bytes.len(),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Str(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Str(text)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::Bool(truth)
    }
}

/// A value and, where it was written by a Merge with `newer_than`, the time it was written for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// The value.
    pub value: Value,
    /// The `newer_than` that wrote it, in the caller's unit (ms since the epoch for params).
    pub at: Option<i64>,
}

/// A record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Where it stands.
    pub key: Key,
    /// Its fields by name.
    pub fields: BTreeMap<String, Field>,
    /// Changes with every write to the record and is never used again for the same key; it has no
    /// other meaning.
    pub version: u64,
    /// Seconds since the epoch from which the record is absent.
    pub expires: Option<i64>,
}

/// Bytes of what is kept of a field: its value, if it has one, and its time, if it has one, each under
/// its name.
pub(super) fn field_size(name: &str, value: Option<&Value>, timed: bool) -> usize {
    let value = value.map_or(0, |value| MARK + name.len() + value.size());
    value + if timed { MARK + name.len() + NUMBER } else { 0 }
}

/// Bytes of a record without fields.
pub(super) fn empty_size(key: &Key) -> usize {
    RECORD + key.partition.len() + key.sort.len()
}

impl Record {
    /// Bytes that count towards [`MAX_RECORD_BYTES`].
    pub fn size(&self) -> usize {
        let fields = self.fields.iter().map(|(name, field)| field_size(name, Some(&field.value), field.at.is_some()));
        empty_size(&self.key) + fields.sum::<usize>()
    }

    /// The text of a `Str` field.
    pub fn str(&self, name: &str) -> Option<&str> {
        match &self.fields.get(name)?.value {
            Value::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The number of an `Int` field.
    pub fn int(&self, name: &str) -> Option<i64> {
        match self.fields.get(name)?.value {
            Value::Int(number) => Some(number),
            _ => None,
        }
    }

    /// The truth of a `Bool` field.
    pub fn bool(&self, name: &str) -> Option<bool> {
        match self.fields.get(name)?.value {
            Value::Bool(truth) => Some(truth),
            _ => None,
        }
    }

    /// The bytes of a `Bytes` field.
    pub fn bytes(&self, name: &str) -> Option<&[u8]> {
        match &self.fields.get(name)?.value {
            Value::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The text of a `Json` field.
    pub fn json(&self, name: &str) -> Option<&str> {
        match &self.fields.get(name)?.value {
            Value::Json(text) => Some(text),
            _ => None,
        }
    }
}
