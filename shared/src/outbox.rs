//! What happened waits here until it is told by the port [`Events`](crate::port::events::Events), in the envelope
//! that `docs/events.md` describes. It is noted by the very batch by which it happens, so nothing is told that did
//! not happen, and nothing is forgotten that did; it is told at least once.
//!
//! | table `access` | sample | read by |
//! |---|---|---|
//! | `outbox` / `<13 digits: ms since the epoch>#<its place in the batch>#<id>` | `{envelope: {"version": 1, "id": "<id>", …}}` | [`sweep`] |
//!
//! A note costs 1 write in its batch and 1 to take it away once it was told; a sweep 1 query a page. Where nobody
//! listens nothing of it is done.

use std::time::Duration;

use serde_json::{Map, Value as Json};

use crate::{
    Error, Ports, Result,
    id::{NodeId, UserId},
    port::{
        events::{EventType, EventsError, Happening},
        table::{Batch, Cursor, Direction, Key, Query, Range, Record, TableId, Value, When, Write},
    },
};

const PARTITION: &str = "outbox";
/// How long an act waits for what it tells to be taken. What is not taken by then is told by a sweep.
const PATIENCE: Duration = Duration::from_secs(2);
/// Notes that are read at once.
const PAGE: usize = 50;
/// Notes that one sweep tells: a function has only so much time.
const MOST: usize = 300;
/// What could not be told for so long, 14 days, is given up.
pub const OLDEST_MS: i64 = 14 * 86_400_000;

/// What happens by a batch.
#[derive(Clone, Debug)]
pub(crate) struct News {
    kind: EventType,
    node: Option<NodeId>,
    users: Vec<UserId>,
    data: Map<String, Json>,
}

impl News {
    /// Something of this kind.
    pub(crate) fn of(kind: EventType) -> Self {
        Self { kind, node: None, users: Vec::new(), data: Map::new() }
    }

    /// To this node.
    pub(crate) fn node(mut self, node: &NodeId) -> Self {
        self.node = Some(node.clone());
        self
    }

    /// To these users.
    pub(crate) fn users<'a>(mut self, users: impl IntoIterator<Item = &'a UserId>) -> Self {
        self.users.extend(users.into_iter().cloned());
        self
    }

    /// With this beside, as `docs/events.md` describes it for the kind.
    pub(crate) fn data(mut self, name: &str, value: impl Into<Json>) -> Self {
        self.data.insert(name.to_owned(), value.into());
        self
    }
}

/// Does the writes in one batch, as [`Table::write`](crate::port::table::Table::write) does, with notes of what
/// happens by them, each of which takes one place of the batch; then tells it. That it can't be told is no failure: it
/// waits.
pub(crate) async fn write(ports: &Ports, mut writes: Vec<Write>, news: impl IntoIterator<Item = News>) -> Result<()> {
    let notes = if ports.events.listens() { notes(ports, news) } else { Vec::new() };
    writes.extend(notes.iter().map(Note::write));
    ports.table.write(Batch::new(writes)?).await?;
    if !notes.is_empty() {
        tell(ports, &notes).await;
    }
    Ok(())
}

/// A happening and where it waits.
struct Note {
    key: Key,
    happening: Happening,
}

fn notes(ports: &Ports, news: impl IntoIterator<Item = News>) -> Vec<Note> {
    let at = ports.clock.now_ms();
    let note = |(place, News { kind, node, users, data })| {
        let happening = Happening::new(ports.ids.id(), at, kind, node.as_ref(), &users, &data);
        // In this order they are told.
        let sort = format!("{at:013}#{place:02}#{}", happening.id);
        Note { key: Key::new(TableId::Access, PARTITION, sort), happening }
    };
    news.into_iter().enumerate().map(note).collect()
}

impl Note {
    fn write(&self) -> Write {
        Write::put(self.key.clone(), [("envelope", Value::Json(self.happening.envelope.clone()))], When::Absent)
    }

    fn read(record: Record) -> Option<Self> {
        let happening = Happening::read(record.json("envelope")?)?;
        Some(Self { key: record.key, happening })
    }

    /// Tells it and takes it away.
    async fn tell(&self, ports: &Ports) -> Result<()> {
        ports.events.tell(&self.happening).await?;
        ports.table.write(Batch::of(gone(self.key.clone()))?).await?;
        Ok(())
    }
}

fn gone(key: Key) -> Write {
    Write::Delete { key, when: When::Always }
}

/// Tells what was noted just now.
async fn tell(ports: &Ports, notes: &[Note]) {
    let telling = async {
        for note in notes {
            note.tell(ports).await?;
        }
        Ok(())
    };
    match tokio::time::timeout(PATIENCE, telling).await {
        Ok(Ok(()) | Err(Error::Events(EventsError::Later))) => {}
        Ok(Err(error)) => tracing::warn!(error = &error as &dyn std::error::Error, "what happened is told later"),
        Err(_) => tracing::warn!("what happened is told later: nobody took it in time"),
    }
}

/// What came of a sweep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Was told.
    pub told: usize,
    /// Was given up: nobody took it for [`OLDEST_MS`].
    pub dropped: usize,
    /// More is left, for the next sweep.
    pub more: bool,
}

/// Tells what was noted before this moment, ms since the epoch, and was not told yet, oldest first; gives up what is
/// older than [`OLDEST_MS`]. It ends at the first that is not taken. May be done again and beside itself: at worst
/// something is told twice.
pub async fn sweep(ports: &Ports, before: i64) -> Result<Swept> {
    let mut swept = Swept::default();
    if !ports.events.listens() {
        return Ok(swept);
    }
    let swept_all = sweep_pages(ports, before, &mut swept).await;
    if swept.dropped > 0 {
        tracing::warn!(dropped = swept.dropped, "what happened more than 14 days ago, and nobody took, is given up");
    }
    if swept.told > 0 {
        tracing::info!(told = swept.told, "what waited was told");
    }
    swept_all.map(|()| swept)
}

async fn sweep_pages(ports: &Ports, before: i64, swept: &mut Swept) -> Result<()> {
    let mut after: Option<Cursor> = None;
    while swept.told + swept.dropped < MOST {
        let page = ports.table.query(waiting(before, after)).await?;
        let oldest = format!("{:013}", ports.clock.now_ms() - OLDEST_MS);
        let (mut lost, mut notes) = (Vec::new(), Vec::new());
        for record in page.records {
            let key = record.key.clone();
            match Note::read(record) {
                Some(note) if key.sort >= oldest => notes.push(note),
                _ => lost.push(gone(key)),
            }
        }
        if !lost.is_empty() {
            swept.dropped += lost.len();
            ports.table.write(Batch::new(lost)?).await?;
        }
        for note in notes {
            note.tell(ports).await?;
            swept.told += 1;
        }
        after = page.next;
        if after.is_none() {
            return Ok(());
        }
    }
    swept.more = true;
    Ok(())
}

fn waiting(before: i64, after: Option<Cursor>) -> Query {
    Query {
        table: TableId::Access,
        partition: PARTITION.to_owned(),
        range: Range::Between("0".to_owned(), format!("{before:013}")),
        direction: Direction::Forward,
        limit: PAGE,
        after,
    }
}
