//! Batches: what can be written, and under which conditions.

use std::collections::{BTreeMap, HashSet};

use super::{
    Key, MAX_BATCH_BYTES, MAX_MERGE_FIELDS, MAX_NAME_BYTES, MAX_RECORD_BYTES, MAX_WRITES, Record, Value,
    record::{empty_size, field_size},
};

/// What must hold of the record as it stands for a write to happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum When {
    /// Nothing.
    Always,
    /// There is no record (an expired one is none).
    Absent,
    /// There is a record.
    Present,
    /// The record has this version.
    Version(u64),
    /// The field has exactly this value; false if it is missing.
    FieldEq(String, Value),
    /// The field is less than this value, of the same type: numbers by size, text and bytes by their
    /// bytes; true if it is missing.
    FieldLess(String, Value),
}

impl When {
    /// Does it hold of this record? The one meaning for every engine that evaluates it in Rust.
    pub fn holds(&self, record: Option<&Record>) -> bool {
        let field = |name: &str| record.and_then(|record| record.fields.get(name)).map(|field| &field.value);
        match self {
            Self::Always => true,
            Self::Absent => record.is_none(),
            Self::Present => record.is_some(),
            Self::Version(version) => record.is_some_and(|record| record.version == *version),
            Self::FieldEq(name, value) => field(name) == Some(value),
            Self::FieldLess(name, value) => field(name).is_none_or(|is| match (is, value) {
                (Value::Int(is), Value::Int(than)) => is < than,
                (Value::Str(is), Value::Str(than)) => is < than,
                (Value::Bytes(is), Value::Bytes(than)) => is < than,
                _ => false,
            }),
        }
    }
}

/// What a Merge does to one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Gives it this value.
    Set(Value),
    /// Takes it away.
    Remove,
    /// Adds to its number; a missing one counts as 0. Overflow and a field of another type are engine
    /// errors.
    Add(i64),
}

/// Changes to some fields of one record, which it makes if there is none (even if it only removes).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merge {
    /// The record.
    pub key: Key,
    /// The changes, by field name.
    pub changes: BTreeMap<String, Change>,
    /// Only touch fields whose own stored time is older than this, and store it with those that are
    /// touched; a field without a time is older than any. A field that is removed keeps its time too,
    /// unseen, until the record goes or a Put replaces it, and counts towards the record's size. If
    /// every field is too new, nothing is written: expiry and version stay. So repeated and reversed
    /// deliveries end alike. Changes without `newer_than` always happen and leave no time.
    pub newer_than: Option<i64>,
    /// A new expiry, seconds since the epoch; `None` leaves the old one.
    pub expires: Option<i64>,
    /// The condition.
    pub when: When,
}

impl Merge {
    /// A Merge without a condition.
    pub fn new(key: Key) -> Self {
        Self { key, changes: BTreeMap::new(), newer_than: None, expires: None, when: When::Always }
    }

    /// Also sets a field.
    #[must_use]
    pub fn set(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.changes.insert(name.into(), Change::Set(value.into()));
        self
    }

    /// Also removes a field.
    #[must_use]
    pub fn remove(mut self, name: impl Into<String>) -> Self {
        self.changes.insert(name.into(), Change::Remove);
        self
    }

    /// Also adds to a field.
    #[must_use]
    pub fn add(mut self, name: impl Into<String>, amount: i64) -> Self {
        self.changes.insert(name.into(), Change::Add(amount));
        self
    }

    /// Only touches fields that are older than this.
    #[must_use]
    pub fn newer_than(mut self, time: i64) -> Self {
        self.newer_than = Some(time);
        self
    }

    /// Also sets the expiry, seconds since the epoch.
    #[must_use]
    pub fn expires(mut self, at: i64) -> Self {
        self.expires = Some(at);
        self
    }

    /// Under this condition.
    #[must_use]
    pub fn when(mut self, when: When) -> Self {
        self.when = when;
        self
    }

    fn is_valid(&self) -> bool {
        let adds = self.changes.values().any(|change| matches!(change, Change::Add(_)));
        (1..=MAX_MERGE_FIELDS).contains(&self.changes.len()) && !(adds && self.newer_than.is_some())
    }

    /// Bytes that this change leaves of the field.
    pub(super) fn field_size(&self, name: &str, change: &Change) -> usize {
        let timed = self.newer_than.is_some();
        match change {
            Change::Set(value) => field_size(name, Some(value), timed),
            Change::Add(amount) => field_size(name, Some(&Value::Int(*amount)), timed),
            Change::Remove => field_size(name, None, timed),
        }
    }
}

/// One write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// Replaces the whole record. The engine gives it a version.
    Put {
        /// Where.
        key: Key,
        /// Its fields.
        fields: BTreeMap<String, Value>,
        /// Seconds since the epoch from which it is absent.
        expires: Option<i64>,
        /// The condition.
        when: When,
    },
    /// Changes some fields.
    Merge(Merge),
    /// Takes the record away; nothing happens if there is none.
    Delete {
        /// Which.
        key: Key,
        /// The condition.
        when: When,
    },
    /// Changes nothing, but the batch fails unless the condition holds.
    Check {
        /// Which.
        key: Key,
        /// The condition.
        when: When,
    },
}

impl Write {
    /// A Put of these fields that does not expire.
    pub fn put<N: Into<String>, V: Into<Value>>(key: Key, fields: impl IntoIterator<Item = (N, V)>, when: When) -> Self {
        let fields = fields.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        Self::Put { key, fields, expires: None, when }
    }

    /// The record that is written or checked.
    pub fn key(&self) -> &Key {
        match self {
            Self::Put { key, .. } | Self::Merge(Merge { key, .. }) | Self::Delete { key, .. } | Self::Check { key, .. } => key,
        }
    }

    /// The condition.
    pub fn when(&self) -> &When {
        match self {
            Self::Put { when, .. } | Self::Merge(Merge { when, .. }) | Self::Delete { when, .. } | Self::Check { when, .. } => when,
        }
    }

    /// Bytes of the record that it makes where there is none, or names.
    pub fn size(&self) -> usize {
        let fields = match self {
            Self::Put { fields, .. } => fields.iter().map(|(name, value)| field_size(name, Some(value), false)).sum(),
            Self::Merge(merge) => merge.changes.iter().map(|(name, change)| merge.field_size(name, change)).sum(),
            Self::Delete { .. } | Self::Check { .. } => 0,
        };
        empty_size(self.key()) + fields
    }

    /// Every field that it or its condition names.
    fn names(&self) -> impl Iterator<Item = &String> {
        let (put, merged) = match self {
            Self::Put { fields, .. } => (Some(fields.keys()), None),
            Self::Merge(merge) => (None, Some(merge.changes.keys())),
            Self::Delete { .. } | Self::Check { .. } => (None, None),
        };
        let asked = match self.when() {
            When::FieldEq(name, _) | When::FieldLess(name, _) => Some(name),
            When::Always | When::Absent | When::Present | When::Version(_) => None,
        };
        put.into_iter().flatten().chain(merged.into_iter().flatten()).chain(asked)
    }
}

/// Why a batch cannot be: the same on every engine, found before anything is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// No write at all.
    #[error("a batch needs at least one write")]
    Empty,
    /// More than [`MAX_WRITES`].
    #[error("a batch holds at most {MAX_WRITES} writes")]
    TooMany,
    /// The write with this index names a key that an earlier one names.
    #[error("write {0} names a key for the second time")]
    KeyTwice(usize),
    /// The write with this index has an empty or too long key.
    #[error("write {0} has an invalid key")]
    InvalidKey(usize),
    /// The write with this index names a field with no name or one of more than [`MAX_NAME_BYTES`].
    #[error("write {0} names an invalid field")]
    InvalidField(usize),
    /// The write with this index is larger than [`MAX_RECORD_BYTES`], or with those before it than
    /// [`MAX_BATCH_BYTES`].
    #[error("write {0} is too large")]
    TooLarge(usize),
    /// The Merge with this index names no field, more than [`MAX_MERGE_FIELDS`], or an `Add` beside
    /// `newer_than` (which could not be repeated safely).
    #[error("write {0} is no valid merge")]
    InvalidMerge(usize),
}

/// 1 to 100 writes to different records that happen together or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch(Vec<Write>);

impl Batch {
    /// A batch of these writes.
    pub fn new(writes: Vec<Write>) -> Result<Self, BatchError> {
        if writes.is_empty() {
            return Err(BatchError::Empty);
        }
        if writes.len() > MAX_WRITES {
            return Err(BatchError::TooMany);
        }
        let (mut keys, mut bytes) = (HashSet::new(), 0);
        for (index, write) in writes.iter().enumerate() {
            if !write.key().is_valid() {
                return Err(BatchError::InvalidKey(index));
            }
            if !keys.insert(write.key()) {
                return Err(BatchError::KeyTwice(index));
            }
            if write.names().any(|name| !(1..=MAX_NAME_BYTES).contains(&name.len())) {
                return Err(BatchError::InvalidField(index));
            }
            if let Write::Merge(merge) = write
                && !merge.is_valid()
            {
                return Err(BatchError::InvalidMerge(index));
            }
            bytes += write.size();
            if write.size() > MAX_RECORD_BYTES || bytes > MAX_BATCH_BYTES {
                return Err(BatchError::TooLarge(index));
            }
        }
        Ok(Self(writes))
    }

    /// A batch of one.
    pub fn of(write: Write) -> Result<Self, BatchError> {
        Self::new(vec![write])
    }

    /// The writes.
    pub fn writes(&self) -> &[Write] {
        &self.0
    }
}
