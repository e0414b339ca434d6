//! An offer that waits for its answer, or was declined, and its records.

use super::{LIFE_SECONDS, Terms};
use crate::{
    Error, Ports, Result,
    access::association::user_partition,
    id::{NodeId, RequestId, UserId},
    port::table::{Key, Merge, Record, TableId, Value, When, Write},
};

/// Who offers what to whom.
#[derive(Clone, Debug)]
pub struct Deal {
    /// Who offers.
    pub from: UserId,
    /// Who is to answer.
    pub to: UserId,
    /// All or none of these.
    pub nodes: Vec<NodeId>,
    /// What the other gets.
    pub terms: Terms,
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
    pub(super) fn prefix(self) -> &'static str {
        match self {
            Self::Offered => "offered#",
            Self::Received => "received#",
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

fn entry_key(side: Side, user: &UserId, at: i64, id: &RequestId) -> Key {
    // Orders by time.
    Key::new(TableId::Access, user_partition(user), format!("{}{at:012}#{id}", side.prefix()))
}

/// It waits for its answer.
pub(super) fn waits() -> When {
    When::FieldEq("status".to_owned(), "pending".into())
}

/// The writes that forget a request between these.
pub(super) fn forget(id: &RequestId, at: i64, from: &UserId, to: &UserId, when: When) -> [Write; 3] {
    let entry = |side, user| Write::Delete { key: entry_key(side, user, at, id), when: When::Always };
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
            let nodes: Vec<String> = serde_json::from_str(record.json("nodes")?).ok()?;
            let nodes = nodes.iter().map(|node| node.parse().ok()).collect::<Option<_>>()?;
            let deal = Deal { from: user("from")?, to: user("to")?, nodes, terms: serde_json::from_str(record.json("terms")?).ok()? };
            Some(Self { id: id.clone(), deal, at: record.int("at")?, declined: record.str("status")? != "pending" })
        };
        read().ok_or(Error::Corrupt("sharing request"))
    }

    /// The writes that keep it.
    pub(super) fn put(&self) -> Result<[Write; 3]> {
        let Deal { from, to, nodes, terms } = &self.deal;
        let nodes: Vec<_> = nodes.iter().map(NodeId::as_str).collect();
        let corrupt = |_| Error::Corrupt("sharing request");
        let fields: [(&str, Value); 6] = [
            ("from", from.as_str().into()),
            ("to", to.as_str().into()),
            ("nodes", Value::Json(serde_json::to_string(&nodes).map_err(corrupt)?)),
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
            put(entry_key(side, user, self.at, &self.id), &[("other", other.as_str().into())])
        };
        Ok([put(key(&self.id), &fields), entry(Side::Offered), entry(Side::Received)])
    }

    /// The writes that forget it, if it still waits.
    pub(super) fn used(&self) -> [Write; 3] {
        forget(&self.id, self.at, &self.deal.from, &self.deal.to, waits())
    }

    /// The write that keeps it as declined, if it still waits.
    pub(super) fn decline(&self) -> Write {
        Write::Merge(Merge::new(key(&self.id)).set("status", "declined").when(waits()))
    }
}
