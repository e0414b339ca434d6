//! Is a node online? Taken from its MQTT sessions, because the firmware sends no presence messages
//! (contract `mqtt-and-node.md` §2.16). A connect or a disconnect costs 1 conditional write.

use std::fmt;

use super::key;
use crate::{
    Ports, Result,
    access::{
        Grant, Load,
        role::{Itself, Secondary},
    },
    arrival::CLOCK_TOLERANCE_MS,
    id::NodeId,
    port::table::{Batch, Key, Merge, Record, Value, When, Write},
};

const SORT: &str = "presence";

/// The place of an event in a node's history: first by time, then by the broker's counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Order {
    /// Milliseconds since the epoch.
    pub ms: i64,
    /// IoT Core's `versionNumber`, or the number of the connection.
    pub version: u64,
}

/// Sorts as text as it does as numbers.
impl fmt::Display for Order {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:016}.{:020}", self.ms.max(0), self.version)
    }
}

/// A change in a node's connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Connected or disconnected.
    pub connected: bool,
    /// Because the same client connected again: says nothing of the newer session.
    pub taken_over: bool,
    /// The session's id.
    pub session: String,
    /// When.
    pub order: Order,
}

/// Whether a node is online, and since when (contract `rest-4-schemas.md`, `NodeConnectivity`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Presence {
    /// `None`: it never connected. Otherwise online or not, and the ms since the epoch at which that
    /// began.
    pub known: Option<(bool, i64)>,
}

impl Presence {
    /// Is it online?
    pub fn is_connected(self) -> bool {
        self.known.is_some_and(|(connected, _)| connected)
    }
}

impl Load for Presence {
    fn keys(node: &NodeId) -> Vec<Key> {
        vec![key(node, SORT)]
    }

    fn read(ports: &Ports, records: &mut dyn Iterator<Item = Option<Record>>) -> Result<Self> {
        let record = records.next().flatten();
        let known = record.and_then(|record| Some((record.bool("connected")?, record.int("at")?)));
        // A session of a broker that has died since ended with it; nobody was there to write it down.
        let since = ports.fleet.since();
        let known = known.map(|(connected, at)| if connected && at < since { (false, since) } else { (connected, at) });
        Ok(Self { known })
    }
}

/// The node's presence, for somebody who may see it.
pub fn show(_: &Grant<Secondary>, presence: Presence) -> Presence {
    presence
}

/// Notes a change. Whatever the order in which changes arrive, and however often, the newest counts.
pub async fn report(ports: &Ports, node: &Grant<Itself>, change: &Change) -> Result<()> {
    let order = Value::Str(change.order.to_string());
    let when = if change.taken_over {
        When::FieldEq("session".to_owned(), change.session.as_str().into())
    } else {
        When::FieldLess("order".to_owned(), order)
    };
    match write(ports, node, change, when).await {
        Err(error) if error.is_conflict() => settle(ports, node, change).await,
        done => done,
    }
}

/// The condition failed: usually the change is late or repeated and nothing is to be done. But if the
/// clock was set back, the stored order would shut out all that follows, so what is certain is written:
/// the end of the very session that is stored, and anything over an order from the future.
async fn settle(ports: &Ports, node: &Grant<Itself>, change: &Change) -> Result<()> {
    let Some(record) = ports.table.get(&key(node.node(), SORT)).await? else {
        return Ok(());
    };
    let own = record.str("session") == Some(&change.session);
    let ends_it = own && !change.connected && record.bool("connected") == Some(true);
    let ahead = record.int("at").is_some_and(|at| at > ports.clock.now_ms() + CLOCK_TOLERANCE_MS);
    if !ends_it && (!ahead || change.taken_over) {
        return Ok(());
    }
    match write(ports, node, change, When::Version(record.version)).await {
        Err(error) if error.is_conflict() => Ok(()),
        done => done,
    }
}

async fn write(ports: &Ports, node: &Grant<Itself>, change: &Change, when: When) -> Result<()> {
    let merge = Merge::new(key(node.node(), SORT)).set("connected", change.connected).set("at", change.order.ms).when(when);
    // The end of a session that was taken over is later than the beginning of the one that took it over,
    // so its order must not stand in that one's way.
    let merge =
        if change.taken_over { merge } else { merge.set("order", change.order.to_string()).set("session", change.session.as_str()) };
    ports.table.write(Batch::of(Write::Merge(merge))?).await?;
    Ok(())
}
