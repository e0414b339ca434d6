//! Writing: the one thread that does it, many batches to a transaction.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use ring::rand::{SecureRandom as _, SystemRandom};
use rusqlite::{Connection, TransactionBehavior, params};
use shared::port::{
    clock::Clock,
    table::{Batch, Key, MAX_RECORD_BYTES, Record, Stored, TableError, When, Write},
};
use tokio::sync::{mpsc, oneshot};

use super::{Fault, SharedConnection, read, row};

/// After so many writes a transaction takes no further batch, so that the first does not wait for ever.
const GROUP: usize = 1000;
/// Expired records are swept so often at most, in ms, unless the last sweep left some.
const SWEEP_EVERY: i64 = 10_000;
/// After so long, in ms, the sweep no longer lets waiting batches go first.
const SWEEP_OVERDUE: i64 = 60_000;
/// Records that one sweep takes at most.
const SWEEP: usize = 500;

/// What one batch came to.
type Outcome = Result<Option<Record>, TableError>;

/// A batch and who waits for it.
pub(super) struct Job {
    pub(super) batch: Batch,
    pub(super) reply: oneshot::Sender<Outcome>,
}

/// What the writer is told.
pub(super) enum Message {
    Write(Job),
    /// Finish what has queued, then end.
    Close,
}

/// What one transaction came to.
#[derive(Clone, Copy, Debug)]
pub struct Commit {
    /// Batches in it.
    pub batches: usize,
    /// How long it took, with its sync to disk.
    pub took: Duration,
    /// The engine failed, so none of them was done.
    pub failed: bool,
}

/// Who is told of transactions.
pub(super) type Observer = OnceLock<Box<dyn Fn(&Commit) + Send + Sync>>;

pub(super) struct Writer {
    connection: SharedConnection,
    clock: Arc<dyn Clock>,
    queue: mpsc::Receiver<Message>,
    random: SystemRandom,
    /// When the last sweep was that left nothing, by the clock in ms.
    swept: Option<i64>,
    observer: Arc<Observer>,
}

impl Writer {
    pub(super) fn new(
        connection: SharedConnection,
        clock: Arc<dyn Clock>,
        queue: mpsc::Receiver<Message>,
        observer: Arc<Observer>,
    ) -> Self {
        Self { connection, clock, queue, random: SystemRandom::new(), swept: None, observer }
    }

    /// Works until nobody can send any more, then leaves everything in the one file.
    pub(super) fn run(mut self) {
        while let Some(first) = self.queue.blocking_recv() {
            let jobs = self.gather(first);
            self.finish(jobs);
            self.sweep();
        }
        let checkpoint = self.connection.lock().query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(()));
        if let Err(error) = checkpoint {
            tracing::warn!(%error, "the log was not brought into the database file; the next start does it");
        }
    }

    /// What has queued by now.
    fn gather(&mut self, first: Message) -> Vec<Job> {
        let (mut jobs, mut writes, mut next) = (Vec::new(), 0, Some(first));
        while let Some(message) = next {
            match message {
                Message::Write(job) => {
                    writes += job.batch.writes().len();
                    jobs.push(job);
                }
                Message::Close => self.queue.close(),
            }
            next = if writes < GROUP { self.queue.try_recv().ok() } else { None };
        }
        jobs
    }

    /// Commits the batches and answers. If the engine fails, it fails them all.
    fn finish(&self, jobs: Vec<Job>) {
        if jobs.is_empty() {
            return;
        }
        let began = Instant::now();
        let outcomes = catch_unwind(AssertUnwindSafe(|| self.commit(&jobs))).unwrap_or(Err(Fault::Lost));
        if let Some(told) = self.observer.get() {
            told(&Commit { batches: jobs.len(), took: began.elapsed(), failed: outcomes.is_err() });
        }
        match outcomes {
            Ok(outcomes) => {
                for (job, outcome) in jobs.into_iter().zip(outcomes) {
                    // Whoever no longer waits does not need the answer.
                    let _ = job.reply.send(outcome);
                }
            }
            Err(fault) => {
                tracing::error!(batches = jobs.len(), error = %fault, "a transaction failed");
                let (retry, fault) = (fault.retry(), Arc::new(fault));
                for job in jobs {
                    let _ = job.reply.send(Err(TableError::Engine { retry, source: Box::new(Arc::clone(&fault)) }));
                }
            }
        }
    }

    /// One transaction; it rolls back unless it gets to its end.
    fn commit(&self, jobs: &[Job]) -> Result<Vec<Outcome>, Fault> {
        let mut connection = self.connection.lock();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let now = self.clock.now();
        let outcomes = jobs.iter().map(|job| self.apply(&transaction, &job.batch, now)).collect::<Result<_, _>>()?;
        transaction.commit()?;
        Ok(outcomes)
    }

    /// One batch: all of it is worked out before the first row changes.
    fn apply(&self, connection: &Connection, batch: &Batch, now: i64) -> Result<Outcome, Fault> {
        let plan = match Plan::of(connection, batch, now) {
            Ok(plan) => plan,
            Err(Refusal::Batch(error)) => return Ok(Err(error)),
            Err(Refusal::All(fault)) => return Err(fault),
        };
        for step in plan.steps {
            match step {
                Step::Store(stored) => store(connection, &stored, self.version()?)?,
                Step::Delete(key) => delete(connection, key)?,
            }
        }
        Ok(Ok(plan.before))
    }

    /// A number that no write had before: 63 random bits.
    fn version(&self) -> Result<i64, Fault> {
        let mut bytes = [0; 8];
        self.random.fill(&mut bytes).map_err(|_| Fault::Random)?;
        Ok(i64::from_le_bytes(bytes) & i64::MAX)
    }

    /// Deletes some expired records if it is time for it. The clock may have been set back since the
    /// last time.
    fn sweep(&mut self) {
        let swept = catch_unwind(AssertUnwindSafe(|| {
            let now = self.clock.now_ms();
            let rest = if self.queue.is_empty() { SWEEP_EVERY } else { SWEEP_OVERDUE };
            if self.swept.is_some_and(|last| (0..rest).contains(&now.saturating_sub(last))) {
                return Ok(None);
            }
            let count = sweep(&self.connection.lock(), now.div_euclid(1000))?;
            Ok::<_, Fault>((count < SWEEP).then_some(now))
        }));
        match swept {
            Ok(Ok(Some(now))) => self.swept = Some(now),
            Ok(Ok(None)) => {}
            Ok(Err(error)) => tracing::warn!(%error, "expired records were not swept"),
            Err(_) => tracing::error!("the sweep of expired records failed"),
        }
    }
}

/// What a batch is going to change.
struct Plan<'a> {
    steps: Vec<Step<'a>>,
    /// The record before a single Merge.
    before: Option<Record>,
}

enum Step<'a> {
    Store(Stored),
    Delete(&'a Key),
}

/// Why a plan cannot be.
enum Refusal {
    /// It concerns this batch alone.
    Batch(TableError),
    /// The engine failed.
    All(Fault),
}

impl From<TableError> for Refusal {
    fn from(error: TableError) -> Self {
        Self::Batch(error)
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Damaged(..) | Fault::Add(_) => Self::Batch(fault.into()),
            fault => Self::All(fault),
        }
    }
}

impl<'a> Plan<'a> {
    fn of(connection: &Connection, batch: &'a Batch, now: i64) -> Result<Self, Refusal> {
        let mut found = Vec::with_capacity(batch.writes().len());
        for (index, write) in batch.writes().iter().enumerate() {
            let needed = matches!(write, Write::Merge(_)) || *write.when() != When::Always;
            let stored = if needed { read::stored(connection, write.key(), now)? } else { None };
            if !write.when().holds(stored.as_ref().map(|stored| &stored.record)) {
                return Err(TableError::Conflict(index).into());
            }
            found.push(stored);
        }
        let mut plan = Self { steps: Vec::new(), before: None };
        for (index, (write, stored)) in batch.writes().iter().zip(found).enumerate() {
            match write {
                Write::Put { key, fields, expires, .. } => {
                    plan.steps.push(Step::Store(Stored::put(key, fields, *expires)));
                }
                Write::Merge(merge) => {
                    if batch.writes().len() == 1 {
                        plan.before = stored.as_ref().map(|stored| stored.record.clone());
                    }
                    let mut stored = stored.unwrap_or_else(|| Stored::empty(&merge.key));
                    if stored.merge(merge).map_err(Fault::from)? {
                        if stored.size() > MAX_RECORD_BYTES {
                            return Err(TableError::TooLarge(index).into());
                        }
                        plan.steps.push(Step::Store(stored));
                    }
                }
                Write::Delete { key, .. } => plan.steps.push(Step::Delete(key)),
                Write::Check { .. } => {}
            }
        }
        Ok(plan)
    }
}

fn store(connection: &Connection, stored: &Stored, version: i64) -> Result<(), Fault> {
    let Record { key, expires, .. } = &stored.record;
    let mut upsert = connection.prepare_cached(
        "INSERT INTO record (tbl, partition, sort, version, expires, fields) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT DO UPDATE SET version = excluded.version, expires = excluded.expires, fields = excluded.fields",
    )?;
    upsert.execute(params![key.table.name(), key.partition, key.sort, version, expires, row::text(stored)?])?;
    Ok(())
}

fn delete(connection: &Connection, key: &Key) -> Result<(), Fault> {
    let mut delete = connection.prepare_cached("DELETE FROM record WHERE tbl = ?1 AND partition = ?2 AND sort = ?3")?;
    delete.execute(params![key.table.name(), key.partition, key.sort])?;
    Ok(())
}

fn sweep(connection: &Connection, now: i64) -> Result<usize, Fault> {
    let mut delete = connection.prepare_cached(
        "DELETE FROM record WHERE (tbl, partition, sort) IN
         (SELECT tbl, partition, sort FROM record WHERE expires <= ?1 ORDER BY expires LIMIT ?2)",
    )?;
    Ok(delete.execute(params![now, i64::try_from(SWEEP).unwrap_or(i64::MAX)])?)
}
