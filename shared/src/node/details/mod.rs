//! What users give a node: tags, metadata, and what administrators may do with its data (contract
//! `rest-1.md`, `PUT /v1/user/nodes`; `clients.md` A3).
//!
//! One record, so that a list reads one key more for each node, and a change of hands writes one record
//! more. It is written only at the version that was read: no change is lost. A change of hands writes it
//! also where nothing is given, so that who has the node no more can't write to a version from before.
//! A change costs the grant's batched get and 1 write.

mod change;

use std::collections::BTreeMap;

use serde_json::value::RawValue;

pub use change::{Change, change, remove_tags};

use super::key;
use crate::{
    Error, Ports, Result,
    access::Load,
    id::NodeId,
    port::table::{Key, Record, Value as Stored, When, Write},
};

const SORT: &str = "details";
/// Bytes of the metadata as JSON.
pub const MAX_METADATA: usize = 16 * 1024;

/// Metadata by key, each value as its very JSON text.
pub type Metadata = BTreeMap<String, Box<RawValue>>;

/// What a primary user lets administrators do with a node's data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdminAccess {
    /// See it.
    Read,
    /// See and change it.
    Write,
    /// Nothing.
    None,
}

impl AdminAccess {
    /// The contract's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "READ",
            Self::Write => "WRITE",
            Self::None => "NONE",
        }
    }

    /// What this word says.
    pub fn of(word: &str) -> Option<Self> {
        [Self::Read, Self::Write, Self::None].into_iter().find(|access| access.as_str() == word)
    }
}

/// What the users of a node gave it.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// Each `key:value`, in the order in which they came.
    pub tags: Vec<String>,
    /// By key.
    pub metadata: Metadata,
    /// If it was ever said.
    pub admin_access: Option<AdminAccess>,
    /// Of the record.
    version: Option<u64>,
}

impl Given {
    /// The record with this in it, written if it is still what it was.
    fn write(&self, node: &NodeId, when: When) -> Result<Write> {
        let mut fields = Vec::new();
        if !self.tags.is_empty() {
            fields.push(("tags", Stored::Json(text(&self.tags)?)));
        }
        if !self.metadata.is_empty() {
            fields.push(("metadata", Stored::Json(text(&self.metadata)?)));
        }
        if let Some(access) = self.admin_access {
            fields.push(("admin_access", access.as_str().into()));
        }
        Ok(Write::put(key(node, SORT), fields, when))
    }

    fn unchanged(&self) -> When {
        self.version.map_or(When::Absent, When::Version)
    }

    /// As it is to be compared.
    fn texts(&self) -> Result<(&[String], String, Option<AdminAccess>)> {
        Ok((&self.tags, text(&self.metadata)?, self.admin_access))
    }
}

fn text(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|_| Error::Corrupt("details"))
}

fn read(record: &Record) -> Option<Given> {
    let json = |field: &str| record.json(field);
    Some(Given {
        tags: json("tags").map_or(Some(Vec::new()), |text| serde_json::from_str(text).ok())?,
        metadata: json("metadata").map_or(Some(Metadata::new()), |text| serde_json::from_str(text).ok())?,
        admin_access: record.str("admin_access").and_then(AdminAccess::of),
        version: Some(record.version),
    })
}

impl Load for Given {
    fn keys(node: &NodeId) -> Vec<Key> {
        vec![key(node, SORT)]
    }

    fn read(_: &Ports, records: &mut dyn Iterator<Item = Option<Record>>) -> Result<Self> {
        records.next().flatten().map_or(Ok(Self::default()), |record| read(&record).ok_or(Error::Corrupt("details")))
    }
}

/// What the node has, for a mapping that keeps it. 1 get.
pub(crate) async fn kept(ports: &Ports, node: &NodeId) -> Result<Given> {
    let record = ports.table.get(&key(node, SORT)).await?;
    Given::read(ports, &mut std::iter::once(record))
}

/// The writes of a batch that maps the node, so that it gets the tags and the metadata that came with the
/// request. With `kept` the user had the node already: the new ones join what is there, as far as there is
/// room. Without, the node changes hands: whatever was there goes.
pub(crate) fn give(node: &NodeId, kept: Option<&Given>, gift: &Change) -> Result<Vec<Write>> {
    let Some(kept) = kept else {
        return Ok(vec![Given::default().with(gift).unwrap_or_default().write(node, When::Always)?]);
    };
    match kept.with(gift) {
        Ok(given) if given.texts()? != kept.texts()? => Ok(vec![given.write(node, kept.unchanged())?]),
        // Nobody is there any more to be told that it was too much.
        _ => Ok(Vec::new()),
    }
}

/// The write of a batch that takes the node from all its users.
pub(crate) fn forget(node: &NodeId) -> Write {
    Write::put(key(node, SORT), [] as [(String, Stored); 0], When::Always)
}
