//! Keys, values and records.

use std::collections::BTreeMap;

/// Bytes a record may have: its key, and of each field the name and the value.
pub const MAX_RECORD_BYTES: usize = 400 * 1024;

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

    pub(super) fn is_valid(&self) -> bool {
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
            Self::Str(text) | Self::Json(text) => text.len(),
            Self::Int(_) => 8,
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

impl Record {
    /// Bytes that count towards [`MAX_RECORD_BYTES`].
    pub fn size(&self) -> usize {
        let fields: usize = self.fields.iter().map(|(name, field)| name.len() + field.value.size() + 9).sum();
        self.key.partition.len() + self.key.sort.len() + fields
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
