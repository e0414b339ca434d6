//! The port `Events`: SNS, or a webhook. It takes what happened, in one documented form (`docs/events.md`), for
//! whoever builds upon this cloud.

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::id::{NodeId, UserId};

/// The version of the envelope. New members do not change it.
const VERSION: u32 = 1;

/// What can happen; the contract's names (`rest-2.md`, event types), and names like them where it has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventType {
    /// A node came to users.
    NodeAdded,
    /// A node went from users.
    NodeRemoved,
    /// Nodes were offered to a user.
    NodeShared,
    /// A user accepted nodes.
    NodeShareAccepted,
    /// A user declined nodes.
    NodeShareDeclined,
    /// An offer of nodes was withdrawn, or they were taken back.
    NodeShareRevoked,
    /// Groups were offered to a user.
    GroupShared,
    /// A user accepted groups.
    GroupShareAccepted,
    /// A user declined groups.
    GroupShareDeclined,
    /// An offer of groups was withdrawn, or they were taken back.
    GroupShareRevoked,
    /// A user gave up a group that was shared with them.
    GroupShareLeft,
    /// A group was made.
    GroupAdded,
    /// A group was deleted.
    GroupRemoved,
}

impl EventType {
    /// Every kind.
    pub const ALL: [Self; 13] = [
        Self::NodeAdded,
        Self::NodeRemoved,
        Self::NodeShared,
        Self::NodeShareAccepted,
        Self::NodeShareDeclined,
        Self::NodeShareRevoked,
        Self::GroupShared,
        Self::GroupShareAccepted,
        Self::GroupShareDeclined,
        Self::GroupShareRevoked,
        Self::GroupShareLeft,
        Self::GroupAdded,
        Self::GroupRemoved,
    ];

    /// The name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NodeAdded => "rmaker.event.user_node_added",
            Self::NodeRemoved => "rmaker.event.user_node_removed",
            Self::NodeShared => "rmaker.event.user_node_sharing_add",
            Self::NodeShareAccepted => "rmaker.event.user_node_sharing_accepted",
            Self::NodeShareDeclined => "rmaker.event.user_node_sharing_declined",
            Self::NodeShareRevoked => "rmaker.event.user_node_sharing_revoked",
            Self::GroupShared => "rmaker.event.user_node_group_sharing_add",
            Self::GroupShareAccepted => "rmaker.event.user_node_group_sharing_accepted",
            Self::GroupShareDeclined => "rmaker.event.user_node_group_sharing_declined",
            Self::GroupShareRevoked => "rmaker.event.user_node_group_sharing_revoked",
            Self::GroupShareLeft => "rmaker.event.user_node_group_sharing_left",
            Self::GroupAdded => "rmaker.event.user_node_group_added",
            Self::GroupRemoved => "rmaker.event.user_node_group_removed",
        }
    }
}

/// Something that happened, as it is stored and told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Happening {
    /// 22 letters and digits; the same if it is told again.
    pub id: String,
    /// What kind it is, for engines that let listeners choose by it.
    pub event_type: String,
    /// All of it, as JSON.
    pub envelope: String,
}

impl Happening {
    /// It happened at this moment, ms since the epoch. What does not apply is left out of the envelope.
    pub(crate) fn new(id: String, at: i64, kind: EventType, node: Option<&NodeId>, users: &[UserId], data: &Map<String, Value>) -> Self {
        let mut envelope = json!({ "version": VERSION, "id": id, "timestamp": at, "event_type": kind.as_str() });
        if let Some(node) = node {
            envelope["node_id"] = node.as_str().into();
        }
        if !users.is_empty() {
            envelope["user_ids"] = users.iter().map(UserId::as_str).collect();
        }
        if !data.is_empty() {
            envelope["data"] = data.clone().into();
        }
        Self { id, event_type: kind.as_str().to_owned(), envelope: envelope.to_string() }
    }

    /// Reads an envelope, perhaps of a newer program.
    pub(crate) fn read(envelope: &str) -> Option<Self> {
        #[derive(Deserialize)]
        struct Head {
            id: String,
            event_type: String,
        }
        let Head { id, event_type } = serde_json::from_str(envelope).ok()?;
        Some(Self { id, event_type, envelope: envelope.to_owned() })
    }
}

/// It was not told.
#[derive(Debug, thiserror::Error)]
pub enum EventsError {
    /// By whoever was asked: somebody else has been woken, who tells what is noted.
    #[error("events are told later")]
    Later,
    /// The listener did not take it; worth a retry.
    #[error("an event was not taken: {0}")]
    NotTaken(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Tells what happened.
#[async_trait]
pub trait Events: Send + Sync + 'static {
    /// Does anybody listen? If not, nothing is noted, and nothing told.
    fn listens(&self) -> bool;

    /// Tells it; the listener has it when this returns. May be told again, with the same id.
    async fn tell(&self, happening: &Happening) -> Result<(), EventsError>;
}

/// Where nobody listens.
#[derive(Clone, Copy, Debug)]
pub struct Nobody;

#[async_trait]
impl Events for Nobody {
    fn listens(&self) -> bool {
        false
    }

    async fn tell(&self, _: &Happening) -> Result<(), EventsError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_envelope_has_what_applies_and_comes_back_as_it_was() {
        let (node, user) = ("n1".parse().unwrap(), "u1".parse().unwrap());
        let data = Map::from_iter([("role".to_owned(), "primary".into())]);
        let full = Happening::new("i".to_owned(), 5, EventType::NodeAdded, Some(&node), &[user], &data);
        assert_eq!(
            full.envelope,
            r#"{"version":1,"id":"i","timestamp":5,"event_type":"rmaker.event.user_node_added","node_id":"n1","user_ids":["u1"],"data":{"role":"primary"}}"#
        );
        let bare = Happening::new("i".to_owned(), 5, EventType::GroupAdded, None, &[], &Map::new());
        assert_eq!(bare.envelope, r#"{"version":1,"id":"i","timestamp":5,"event_type":"rmaker.event.user_node_group_added"}"#);
        for happening in [full, bare] {
            assert_eq!(Happening::read(&happening.envelope), Some(happening));
        }
        assert_eq!(Happening::read("{}"), None);
    }
}
