//! An offer that waits for its answer, or was declined, and its records.

use super::{LIFE_SECONDS, Terms};
use crate::{
    Error, Ports, Result,
    access::association::user_partition,
    id::{GroupId, NodeId, RequestId, UserId},
    outbox::News,
    port::{
        events::EventType,
        table::{Key, Merge, Record, TableId, Value, When, Write},
    },
};

/// What is offered: all or none of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// Nodes.
    Nodes(Vec<NodeId>),
    /// Groups with all that is in them, now and later.
    Groups(Vec<GroupId>),
}

/// Offers of nodes and of groups are listed apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Of nodes.
    Nodes,
    /// Of groups.
    Groups,
}

impl What {
    /// Of which kind it is.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Nodes(_) => Kind::Nodes,
            Self::Groups(_) => Kind::Groups,
        }
    }

    /// The ids.
    pub fn ids(&self) -> Vec<String> {
        match self {
            Self::Nodes(nodes) => nodes.iter().map(ToString::to_string).collect(),
            Self::Groups(groups) => groups.iter().map(ToString::to_string).collect(),
        }
    }

    /// Is any of it in the other, too?
    pub(super) fn meets(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Nodes(one), Self::Nodes(other)) => one.iter().any(|node| other.contains(node)),
            (Self::Groups(one), Self::Groups(other)) => one.iter().any(|group| other.contains(group)),
            _ => false,
        }
    }
}

/// Who offers what to whom.
#[derive(Clone, Debug)]
pub struct Deal {
    /// Who offers.
    pub from: UserId,
    /// Who is to answer.
    pub to: UserId,
    /// What.
    pub what: What,
    /// What the other gets.
    pub terms: Terms,
}

/// What becomes of what is offered.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    Offered,
    Accepted,
    Declined,
    /// The offer, or what came of it.
    Revoked,
}

impl Step {
    fn of(self, kind: Kind) -> EventType {
        match (self, kind) {
            (Self::Offered, Kind::Nodes) => EventType::NodeShared,
            (Self::Offered, Kind::Groups) => EventType::GroupShared,
            (Self::Accepted, Kind::Nodes) => EventType::NodeShareAccepted,
            (Self::Accepted, Kind::Groups) => EventType::GroupShareAccepted,
            (Self::Declined, Kind::Nodes) => EventType::NodeShareDeclined,
            (Self::Declined, Kind::Groups) => EventType::GroupShareDeclined,
            (Self::Revoked, Kind::Nodes) => EventType::NodeShareRevoked,
            (Self::Revoked, Kind::Groups) => EventType::GroupShareRevoked,
        }
    }
}

impl Deal {
    /// What is told of it.
    pub(super) fn news(&self, step: Step, request: Option<&RequestId>) -> News {
        let kind = self.what.kind();
        let ids = match kind {
            Kind::Nodes => "node_ids",
            Kind::Groups => "group_ids",
        };
        let news = News::of(step.of(kind)).users([&self.from, &self.to]).data("from", self.from.as_str()).data("to", self.to.as_str());
        let news = news.data(ids, self.what.ids()).data("role", self.terms.place.role.as_str()).data("transfer", self.terms.transfer);
        match request {
            Some(id) => news.data("request_id", id.as_str()),
            None => news,
        }
    }
}

/// An offer.
#[derive(Clone, Debug)]
pub struct Request {
    /// Its id.
    pub id: RequestId,
    /// What is offered.
    pub deal: Deal,
    /// When it was made, seconds since the epoch.
    pub at: i64,
    /// It was declined.
    pub declined: bool,
}

/// From which side somebody looks at offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Those that they made.
    Offered,
    /// Those that they received.
    Received,
}

impl Side {
    /// Sort keys of this side begin with this.
    pub(super) fn prefix(self, kind: Kind) -> &'static str {
        match (self, kind) {
            (Self::Offered, Kind::Nodes) => "offered#",
            (Self::Received, Kind::Nodes) => "received#",
            (Self::Offered, Kind::Groups) => "group-offered#",
            (Self::Received, Kind::Groups) => "group-received#",
        }
    }

    /// The user of this side, and the other.
    pub(super) fn of(self, deal: &Deal) -> (&UserId, &UserId) {
        match self {
            Self::Offered => (&deal.from, &deal.to),
            Self::Received => (&deal.to, &deal.from),
        }
    }
}

/// One side's record of an offer: whose offer it is, and when it was made.
pub(super) struct Entry {
    pub(super) id: RequestId,
    pub(super) other: UserId,
    pub(super) at: i64,
}

impl Entry {
    pub(super) fn read(record: &Record) -> Result<Self> {
        let read = || {
            let mut parts = record.key.sort.splitn(3, '#').skip(1);
            let (at, id) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
            Some(Self { id, other: record.str("other")?.parse().ok()?, at })
        };
        read().ok_or(Error::Corrupt("entry of a sharing request"))
    }
}

/// The request's own record.
pub(super) fn key(id: &RequestId) -> Key {
    Key::new(TableId::Access, format!("sharing#{id}"), "request")
}

fn entry_key((side, kind): (Side, Kind), user: &UserId, at: i64, id: &RequestId) -> Key {
    // Orders by time.
    Key::new(TableId::Access, user_partition(user), format!("{}{at:012}#{id}", side.prefix(kind)))
}

/// It waits for its answer.
pub(super) fn waits() -> When {
    When::FieldEq("status".to_owned(), "pending".into())
}

/// The writes that forget a request between these.
pub(super) fn forget(kind: Kind, id: &RequestId, at: i64, from: &UserId, to: &UserId, when: When) -> [Write; 3] {
    let entry = |side, user| Write::Delete { key: entry_key((side, kind), user, at, id), when: When::Always };
    [Write::Delete { key: key(id), when }, entry(Side::Offered, from), entry(Side::Received, to)]
}

impl Request {
    /// The request of this id. 1 get.
    pub(super) async fn find(ports: &Ports, id: &RequestId) -> Result<Option<Self>> {
        ports.table.get(&key(id)).await?.as_ref().map(|record| Self::read(id, record)).transpose()
    }

    /// Reads its record.
    pub(super) fn read(id: &RequestId, record: &Record) -> Result<Self> {
        let user = |field| -> Option<UserId> { record.str(field)?.parse().ok() };
        let read = || {
            let what = match (record.json("nodes"), record.json("groups")) {
                (Some(nodes), _) => What::Nodes(serde_json::from_str(nodes).ok()?),
                (None, groups) => What::Groups(serde_json::from_str(groups?).ok()?),
            };
            let deal = Deal { from: user("from")?, to: user("to")?, what, terms: serde_json::from_str(record.json("terms")?).ok()? };
            Some(Self { id: id.clone(), deal, at: record.int("at")?, declined: record.str("status")? != "pending" })
        };
        read().ok_or(Error::Corrupt("sharing request"))
    }

    /// The writes that keep it.
    pub(super) fn put(&self) -> Result<[Write; 3]> {
        let Deal { from, to, what, terms } = &self.deal;
        let name = match what.kind() {
            Kind::Nodes => "nodes",
            Kind::Groups => "groups",
        };
        let corrupt = |_| Error::Corrupt("sharing request");
        let fields: [(&str, Value); 6] = [
            ("from", from.as_str().into()),
            ("to", to.as_str().into()),
            (name, Value::Json(serde_json::to_string(&what.ids()).map_err(corrupt)?)),
            ("terms", Value::Json(serde_json::to_string(terms).map_err(corrupt)?)),
            ("status", "pending".into()),
            ("at", self.at.into()),
        ];
        let put = |key, fields: &[(&str, Value)]| Write::Put {
            key,
            fields: fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
            expires: Some(self.at + LIFE_SECONDS),
            when: When::Absent,
        };
        let entry = |side: Side| {
            let (user, other) = side.of(&self.deal);
            put(entry_key((side, what.kind()), user, self.at, &self.id), &[("other", other.as_str().into())])
        };
        Ok([put(key(&self.id), &fields), entry(Side::Offered), entry(Side::Received)])
    }

    /// The writes that forget it, if it still waits.
    pub(super) fn used(&self) -> [Write; 3] {
        forget(self.deal.what.kind(), &self.id, self.at, &self.deal.from, &self.deal.to, waits())
    }

    /// The writes that keep it as declined, if it still waits, for who offered alone.
    pub(super) fn decline(&self) -> [Write; 2] {
        let entry = entry_key((Side::Received, self.deal.what.kind()), &self.deal.to, self.at, &self.id);
        [Write::Merge(Merge::new(key(&self.id)).set("status", "declined").when(waits())), Write::Delete { key: entry, when: When::Always }]
    }
}
