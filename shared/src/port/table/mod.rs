//! The one storage port, cut at the engine: `DynamoDB` or `SQLite`.
//!
//! * A [`Batch`] does everything or nothing. What `DynamoDB` forbids (a key twice, more than 100 writes,
//!   a record over 400 KB, over 50 fields a Merge) is refused when the batch is made, so that no engine
//!   is laxer than the other.
//! * Reads are strongly consistent: they see every write that returned before.
//! * An **expired record is absent** to every read and every [`When`], and a Merge onto it starts from
//!   nothing.
//! * There are no secondary indexes: an index is a record written in the same batch.

mod batch;
mod cursor;
mod record;
mod stored;

#[cfg(any(test, feature = "contract"))]
pub mod contract;
pub mod metered;
pub mod retrying;

pub use batch::{Batch, BatchError, Change, Merge, When, Write};
pub use cursor::{Cursor, CursorError};
pub use record::{Field, Key, MAX_NAME_BYTES, MAX_RECORD_BYTES, Record, TableId, Value};
pub use stored::{AddError, Stored};

use async_trait::async_trait;

/// Writes a batch may hold.
pub const MAX_WRITES: usize = 100;
/// Bytes of all records that a batch writes or checks.
pub const MAX_BATCH_BYTES: usize = 4 * 1024 * 1024;
/// Fields one Merge may name.
pub const MAX_MERGE_FIELDS: usize = 50;
/// Bytes of records in one page of a query, but always at least one record.
pub const MAX_PAGE_BYTES: usize = 1024 * 1024;

/// Which part of a partition to read. Bounds are at most as long as a sort key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Range {
    /// Sort keys that begin with this; the empty string takes the whole partition.
    Prefix(String),
    /// Sort keys from the first to the second, both included.
    Between(String, String),
}

/// The order in which a query walks: by the sort key's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Ascending.
    Forward,
    /// Descending.
    Back,
}

/// A question for one page of one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// The table.
    pub table: TableId,
    /// The partition.
    pub partition: String,
    /// Which sort keys.
    pub range: Range,
    /// Which way.
    pub direction: Direction,
    /// Records at most, 1 or more.
    pub limit: usize,
    /// Where the page before ended.
    pub after: Option<Cursor>,
}

impl Query {
    /// A forward query over every sort key with this prefix.
    pub fn prefix(table: TableId, partition: impl Into<String>, prefix: impl Into<String>, limit: usize) -> Self {
        Self { table, partition: partition.into(), range: Range::Prefix(prefix.into()), direction: Direction::Forward, limit, after: None }
    }

    /// The same query, continued.
    #[must_use]
    pub fn after(mut self, cursor: Option<Cursor>) -> Self {
        self.after = cursor;
        self
    }
}

/// A page: never shorter than the limit while more is left, unless [`MAX_PAGE_BYTES`] is reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The records, in order.
    pub records: Vec<Record>,
    /// Where to go on; `None` exactly if nothing is left.
    pub next: Option<Cursor>,
}

/// Why an operation failed. Nothing was changed, unless an engine across a network says that it got no
/// answer: only that the caller can't know.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The write with this index in the batch found its [`When`] false; the first such one.
    #[error("the condition of write {0} does not hold")]
    Conflict(usize),
    /// Every condition held, but a Merge would have made this write's record larger than
    /// [`MAX_RECORD_BYTES`].
    #[error("write {0} would make a record too large")]
    TooLarge(usize),
    /// The engine failed. `retry` says whether the same call may succeed later.
    #[error("storage failed: {source}")]
    Engine {
        /// Worth a retry; nothing was changed.
        retry: bool,
        /// What the engine said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl TableError {
    /// Is this a failed condition?
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Conflict(_))
    }
}

/// The storage port.
#[async_trait]
pub trait Table: Send + Sync + 'static {
    /// Reads one record.
    async fn get(&self, key: &Key) -> Result<Option<Record>, TableError>;

    /// Reads records of any tables, in the order of the keys; a key may stand twice.
    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Record>>, TableError>;

    /// Reads a page of a partition.
    async fn query(&self, query: Query) -> Result<Page, TableError>;

    /// Does every write, or none of them, and is durable when it returns. For a batch of a single
    /// [`Merge`] the record as it was before comes back; otherwise `None`.
    ///
    /// On an engine in this process the write takes its place in the order of all when the returned
    /// future is **first polled**. Across a network only writes that follow an answer are in order.
    async fn write(&self, batch: Batch) -> Result<Option<Record>, TableError>;

    /// Are the conditions of all these writes true now? 1 batched get.
    async fn all_hold(&self, writes: &[Write]) -> Result<bool, TableError> {
        let keys: Vec<_> = writes.iter().map(|write| write.key().clone()).collect();
        let records = self.get_many(&keys).await?;
        Ok(writes.iter().zip(records).all(|(write, record)| write.when().holds(record.as_ref())))
    }
}
