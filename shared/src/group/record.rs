//! What a group says of itself.

use serde_json::{Map, Value as Json};

use super::{edit::CustomData, key, name::Name, position::Position};
use crate::{
    Error, Refusal, Result,
    id::{GroupId, UserId},
    merge,
    port::table::{Key, Record, Value, When, Write},
};

const SORT: &str = "group";
/// Characters of a description.
pub const MAX_DESCRIPTION: usize = 499;
/// Bytes of a type.
pub const MAX_TYPE: usize = 256;
/// Bytes of custom data as JSON.
pub const MAX_CUSTOM_DATA: usize = 16 * 1024;

/// A group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its id.
    pub id: GroupId,
    /// Its name.
    pub name: Name,
    /// What kind of group it is, such as `home`; empty if that was not said.
    pub kind: String,
    /// For people; empty if there is none.
    pub description: String,
    /// What apps keep with it.
    pub custom_data: Map<String, Json>,
    /// Of a Matter fabric.
    pub fabric_id: Option<String>,
    /// Nodes in it.
    pub total: i64,
    /// The user among whose names its name is; nobody's if it is in another group, or came to somebody who had one of its name.
    pub(super) named_by: Option<UserId>,
    pub(crate) position: Position,
    pub(super) version: u64,
}

impl Group {
    /// A node of it can be in no other such group of the same type and parent.
    pub fn is_exclusive(&self) -> bool {
        self.position.is_exclusive()
    }

    /// The group that it is in.
    pub fn parent(&self) -> Option<GroupId> {
        self.around().last().cloned()
    }

    /// The groups around it, from the outermost in.
    pub(crate) fn around(&self) -> &[GroupId] {
        self.position.around()
    }

    /// The outermost group, which may be itself.
    pub(crate) fn outermost(&self) -> GroupId {
        self.around().first().unwrap_or(&self.id).clone()
    }

    /// Puts it among nodes of its own kind only, or among any.
    pub(super) fn exclude(&mut self, exclusive: bool) {
        self.position = Position::new(self.around(), exclusive.then(|| self.kind.clone()));
    }

    /// Changes the custom data.
    pub(super) fn keep(&mut self, changes: CustomData) -> Result<()> {
        match changes {
            CustomData::Clear => self.custom_data.clear(),
            CustomData::Merge(changes) => merge::merge(&mut self.custom_data, changes),
        }
        if text(&self.custom_data).len() > MAX_CUSTOM_DATA {
            return Err(Refusal::TooMuchData(format!("a group's custom data has at most {MAX_CUSTOM_DATA} bytes")).into());
        }
        Ok(())
    }

    /// About as many bytes as it is shown in; what apps keep with it stands there twice.
    pub(super) fn weight(&self) -> usize {
        self.name.as_str().len() + self.kind.len() + self.description.len() + 2 * text(&self.custom_data).len()
    }

    /// The record's key.
    pub(crate) fn key(group: &GroupId) -> Key {
        key(group, SORT)
    }

    /// Reads the record.
    pub(crate) fn read(record: &Record) -> Result<Self> {
        read(record).ok_or(Error::Corrupt("group"))
    }

    /// The write of the whole record.
    pub(super) fn put(&self, when: When) -> Write {
        let mut fields =
            vec![("name", Value::from(self.name.as_str())), ("position", self.position.to_string().into()), ("total", self.total.into())];
        let texts = [("type", &self.kind), ("description", &self.description)];
        fields.extend(texts.into_iter().filter(|(_, text)| !text.is_empty()).map(|(name, text)| (name, text.as_str().into())));
        fields.extend(self.named_by.as_ref().map(|user| ("named_by", user.as_str().into())));
        fields.extend(self.fabric_id.as_ref().map(|id| ("fabric_id", id.as_str().into())));
        if !self.custom_data.is_empty() {
            fields.push(("custom_data", Value::Json(text(&self.custom_data))));
        }
        Write::put(Self::key(&self.id), fields, when)
    }

    /// It is there, and where nodes that come into it expect it.
    pub(super) fn stands(&self) -> When {
        When::FieldEq("position".to_owned(), self.position.to_string().into())
    }

    /// It is as it was read.
    pub(super) fn unchanged(&self) -> When {
        When::Version(self.version)
    }
}

fn text(data: &Map<String, Json>) -> String {
    Json::Object(data.clone()).to_string()
}

fn read(record: &Record) -> Option<Group> {
    let text = |name: &str| record.str(name).unwrap_or_default().to_owned();
    Some(Group {
        id: record.key.partition.strip_prefix("group#")?.parse().ok()?,
        name: record.str("name")?.parse().ok()?,
        kind: text("type"),
        description: text("description"),
        custom_data: record.json("custom_data").map_or(Some(Map::new()), |data| serde_json::from_str(data).ok())?,
        fabric_id: record.str("fabric_id").map(str::to_owned),
        total: record.int("total")?,
        named_by: record.str("named_by").and_then(|user| user.parse().ok()),
        position: record.str("position")?.parse().ok()?,
        version: record.version,
    })
}
