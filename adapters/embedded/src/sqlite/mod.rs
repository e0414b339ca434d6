//! The port `Table` on one `SQLite` file.
//!
//! * **One writer thread** takes whatever has queued and commits it as one transaction, so that one
//!   sync to disk serves many callers. Each batch's conditions are evaluated in the order of the
//!   queue, against what the batches before it left; a batch that fails writes nothing.
//! * **Readers beside it** see the last commit, and so every write that returned before.
//! * `WAL` with `synchronous=FULL`: a write that returned is on disk. One whose future is dropped after
//!   its first poll still happens.
//! * Another process may open the same file at the same time; nothing here is cached across calls.
//!
//! An owner may look with the `sqlite3` shell:
//! `SELECT tbl, partition, sort, fields FROM record WHERE partition = '…'`.

mod open;
mod read;
mod row;
mod snapshot;
mod writer;

use std::{path::Path, sync::Arc, thread, thread::JoinHandle};

use async_trait::async_trait;
use parking_lot::Mutex;
use rusqlite::{Connection, ErrorCode};
use shared::port::{
    clock::Clock,
    table::{AddError, Batch, Key, Page, Query, Record, Table, TableError},
};
use tokio::{
    sync::{
        mpsc::{self, error::TrySendError},
        oneshot,
    },
    task,
};

pub use open::{OpenError, known as known_schema};
use read::Readers;
pub use snapshot::{SnapshotError, check, snapshot};
pub use writer::Commit;
use writer::{Job, Message, Observer, Writer};

/// Batches that may wait for the writer, some tenths of a second of its work. Beyond that a write is
/// refused as worth a retry: a caller that waited for a place could not keep the order of first polls.
const QUEUE: usize = 16_384;
/// Connections for reading.
const READERS: usize = 4;

/// A connection and whose turn it is to use it.
type SharedConnection = Arc<Mutex<Connection>>;

/// The port `Table` on `SQLite`.
pub struct SqliteTable {
    clock: Arc<dyn Clock>,
    readers: Arc<Readers>,
    /// `None` only while it is dropped.
    queue: Option<mpsc::Sender<Message>>,
    observer: Arc<Observer>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl SqliteTable {
    /// Opens a database file, which is made if there is none, readable by its owner alone. The folder
    /// must exist.
    pub fn open(path: &Path, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let writer = open::writer(path)?;
        let readers = (0..READERS).map(|_| open::reader(path)).collect::<Result<Vec<_>, _>>()?;
        let readers = readers.into_iter().map(|reader| Arc::new(Mutex::new(reader))).collect();
        Self::start(Arc::new(Mutex::new(writer)), readers, clock, QUEUE)
    }

    /// A database that lives in memory and ends with this value. Its one connection serves the writer,
    /// which keeps it for a whole transaction, and the readers, who so never see half of one.
    pub fn memory(clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let connection = Arc::new(Mutex::new(open::memory()?));
        Self::start(Arc::clone(&connection), vec![connection], clock, QUEUE)
    }

    fn start(
        connection: SharedConnection,
        readers: Vec<SharedConnection>,
        clock: Arc<dyn Clock>,
        capacity: usize,
    ) -> Result<Self, OpenError> {
        let (queue, receiver) = mpsc::channel(capacity);
        let observer = Arc::new(Observer::new());
        let writer = Writer::new(connection, Arc::clone(&clock), receiver, Arc::clone(&observer));
        let thread = thread::Builder::new().name("table-writer".to_owned()).spawn(move || writer.run());
        let thread = thread.map_err(OpenError::Thread)?;
        let readers = Arc::new(Readers::new(readers));
        Ok(Self { clock, readers, queue: Some(queue), observer, thread: Mutex::new(Some(thread)) })
    }

    /// Reads one record and blocks for it: for callers that cannot await, such as a verifier of TLS
    /// certificates. Takes some microseconds, or as long as the disk needs.
    pub fn get_now(&self, key: &Key) -> Result<Option<Record>, TableError> {
        let now = self.clock.now();
        Ok(self.readers.read_now(|connection| read::record(connection, key, now))?)
    }

    /// Has each transaction told from now on, on the writer's thread. Only the first who asks is told.
    pub fn observe(&self, told: impl Fn(&Commit) + Send + Sync + 'static) {
        // A second one would find it taken.
        let _ = self.observer.set(Box::new(told));
    }

    /// Batches that wait for the writer now.
    pub fn waiting(&self) -> usize {
        self.queue.as_ref().map_or(0, |queue| queue.max_capacity() - queue.capacity())
    }

    /// Writes what has queued, brings everything into the one database file and ends the writer. Later
    /// calls fail. Dropping does the same, but blocks.
    pub async fn close(&self) {
        if let Some(queue) = &self.queue {
            // An error says that the writer has ended already.
            let _ = queue.send(Message::Close).await;
        }
        let (readers, thread) = (Arc::clone(&self.readers), self.thread.lock().take());
        let joined = task::spawn_blocking(move || {
            readers.close();
            thread.map_or(Ok(()), JoinHandle::join)
        });
        if !matches!(joined.await, Ok(Ok(()))) {
            tracing::error!("the table's writer did not end cleanly");
        }
    }
}

impl Drop for SqliteTable {
    fn drop(&mut self) {
        self.readers.close();
        // Without a sender the writer ends after what has queued.
        self.queue = None;
        if let Some(thread) = self.thread.lock().take()
            && thread.join().is_err()
        {
            tracing::error!("the table's writer did not end cleanly");
        }
    }
}

#[async_trait]
impl Table for SqliteTable {
    async fn get(&self, key: &Key) -> Result<Option<Record>, TableError> {
        let (key, now) = (key.clone(), self.clock.now());
        Ok(self.readers.read(move |connection| read::record(connection, &key, now)).await?)
    }

    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Record>>, TableError> {
        let (keys, now) = (keys.to_vec(), self.clock.now());
        Ok(self.readers.read(move |connection| read::records(connection, &keys, now)).await?)
    }

    async fn query(&self, query: Query) -> Result<Page, TableError> {
        let now = self.clock.now();
        Ok(self.readers.read(move |connection| read::page(connection, &query, now)).await?)
    }

    async fn write(&self, batch: Batch) -> Result<Option<Record>, TableError> {
        let queue = self.queue.as_ref().ok_or(Fault::Closed)?;
        let (reply, outcome) = oneshot::channel();
        // Without waiting, so that the place in the queue is that of the first poll.
        queue.try_send(Message::Write(Job { batch, reply })).map_err(|refused| match refused {
            TrySendError::Full(_) => Fault::Full,
            TrySendError::Closed(_) => Fault::Closed,
        })?;
        outcome.await.unwrap_or_else(|_| Err(Fault::Lost.into()))
    }
}

/// What may go wrong inside.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error(transparent)]
    Sql(#[from] rusqlite::Error),
    #[error("a record of the table {0} is damaged: {1}")]
    Damaged(&'static str, String),
    #[error(transparent)]
    Add(#[from] AddError),
    #[error("the system gave no random bytes")]
    Random,
    #[error("too many writes wait")]
    Full,
    #[error("the table is closed")]
    Closed,
    #[error("the table's writer failed")]
    Lost,
    #[error("a reader of the table failed")]
    Reader,
}

impl Fault {
    /// May the same call succeed later?
    fn retry(&self) -> bool {
        match self {
            Self::Sql(error) => matches!(
                error.sqlite_error_code(),
                Some(
                    ErrorCode::DatabaseBusy
                        | ErrorCode::DatabaseLocked
                        | ErrorCode::DiskFull
                        | ErrorCode::OutOfMemory
                        | ErrorCode::SystemIoFailure
                        | ErrorCode::OperationInterrupted
                        | ErrorCode::FileLockingProtocolFailed
                )
            ),
            Self::Random | Self::Full | Self::Lost | Self::Reader => true,
            Self::Damaged(..) | Self::Add(_) | Self::Closed => false,
        }
    }
}

impl From<Fault> for TableError {
    fn from(fault: Fault) -> Self {
        Self::Engine { retry: fault.retry(), source: Box::new(fault) }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use shared::port::table::{TableId, When, Write, contract::TestClock};

    use super::*;

    #[tokio::test]
    async fn a_full_disk_fails_what_does_not_fit_and_the_writer_goes_on() {
        let connection = open::memory().unwrap();
        connection.pragma_update(None, "max_page_count", 50).unwrap();
        let connection = Arc::new(Mutex::new(connection));
        let clock = Arc::new(TestClock::default());
        let table = SqliteTable::start(Arc::clone(&connection), vec![connection], clock, QUEUE).unwrap();
        let key = |sort: &str| Key::new(TableId::Nodes, "p", sort);
        let put = |sort: &str, size: usize| table.write(Batch::of(Write::put(key(sort), [("f", "x".repeat(size))], When::Always)).unwrap());
        put("a", 10).await.unwrap();
        let large = put("b", 300_000).await;
        assert!(matches!(large, Err(TableError::Engine { retry: true, .. })), "{large:?}");
        assert!(large.unwrap_err().to_string().contains("full"));
        for outcome in join_all([put("c", 300_000), put("d", 10)]).await {
            // In one transaction or in two.
            assert!(matches!(outcome, Ok(None) | Err(TableError::Engine { retry: true, .. })), "{outcome:?}");
        }
        put("e", 10).await.unwrap();
        let found = table.get_many(&["a", "b", "c", "e"].map(key)).await.unwrap();
        assert_eq!(found.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false, false, true]);
    }
}
