//! A copy of the database as it is at one moment, also while a server works with it: the copy reads beside
//! the writer, as any reader does, and nobody waits for it.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{
    Connection, OpenFlags,
    backup::{Backup, StepResult},
};

use super::open::{self, OpenError, Problem};

/// Pages that are copied at a time: some megabytes.
const STEP: i32 = 1024;
/// For how many times of [`PAUSE`] a locked database is waited for.
const TRIES: u32 = 250;
const PAUSE: Duration = Duration::from_millis(20);

/// Why there is no copy, or no good one. One line.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// There is no database, or not one of ours.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The engine finds it damaged.
    #[error("the database {} is damaged: {}", .0.display(), .1)]
    Damaged(PathBuf, String),
    /// The copy can't be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The copy.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Whoever is told how far it is wanted no more.
    #[error("stopped")]
    Stopped,
}

/// Copies the database `from` into the new file `to`, for its owner alone, brings it to disk and checks it.
/// `told` hears after each step how many pages of how many are copied, and says whether to go on. Returns
/// the copy's schema. What is left of a copy that failed is removed.
pub fn snapshot(from: &Path, to: &Path, told: &mut dyn FnMut(u64, u64) -> bool) -> Result<i64, SnapshotError> {
    let mut source = open::existing(from)?;
    if open::version(&mut source).map_err(|problem| problem.of(from))? == 0 {
        return Err(OpenError::Foreign(from.to_owned()).into());
    }
    let unwritten = |source| SnapshotError::Write { path: to.to_owned(), source };
    if !open::create(to).map_err(unwritten)? {
        return Err(unwritten(io::ErrorKind::AlreadyExists.into()));
    }
    let copied = copy(&source, from, to, told).and_then(|()| {
        let synced = File::open(to).and_then(|file| file.sync_all());
        synced.map_err(unwritten)?;
        check(to)
    });
    // A part of a copy is of no use.
    copied.inspect_err(|_| drop(fs::remove_file(to)))
}

fn copy(source: &Connection, from: &Path, to: &Path, told: &mut dyn FnMut(u64, u64) -> bool) -> Result<(), SnapshotError> {
    let of = |path: &Path, error: rusqlite::Error| SnapshotError::Open(Problem::Sql(error).of(path));
    // With a transaction of its own the whole copy is of one moment, however long it takes.
    let moment = source.unchecked_transaction().map_err(|error| of(from, error))?;
    moment.query_row("SELECT count(*) FROM sqlite_schema", (), |_| Ok(())).map_err(|error| of(from, error))?;
    let mut target = open::existing(to)?;
    target.pragma_update(None, "synchronous", "OFF").map_err(|error| of(to, error))?;
    let backup = Backup::new(source, &mut target).map_err(|error| of(to, error))?;
    let mut waited = 0;
    loop {
        match backup.step(STEP).map_err(|error| of(to, error))? {
            StepResult::Done => break,
            StepResult::More => {
                let progress = backup.progress();
                let pages = |count: i32| u64::try_from(count).unwrap_or_default();
                if !told(pages(progress.pagecount - progress.remaining), pages(progress.pagecount)) {
                    return Err(SnapshotError::Stopped);
                }
            }
            _ if waited < TRIES => {
                waited += 1;
                std::thread::sleep(PAUSE);
            }
            _ => return Err(OpenError::Locked(from.to_owned()).into()),
        }
    }
    drop(backup);
    // The copy is one file, without a log beside it.
    let mode = target.pragma_update_and_check(None, "journal_mode", "DELETE", |row| row.get::<_, String>(0));
    mode.map_err(|error| of(to, error))?;
    Ok(())
}

/// Holds a database file, which nobody works with, against its own rules, and returns its schema: it is ours,
/// of a schema that this program knows, and whole. Reads all of it.
pub fn check(path: &Path) -> Result<i64, SnapshotError> {
    let sql = |error: rusqlite::Error| SnapshotError::Open(Problem::Sql(error).of(path));
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(sql)?;
    connection.pragma_update(None, "trusted_schema", false).map_err(sql)?;
    let schema = open::version(&mut connection).map_err(|problem| problem.of(path))?;
    if schema == 0 {
        return Err(OpenError::Foreign(path.to_owned()).into());
    }
    let found: String = connection.query_row("PRAGMA integrity_check(1)", (), |row| row.get(0)).map_err(sql)?;
    if found == "ok" { Ok(schema) } else { Err(SnapshotError::Damaged(path.to_owned(), found.replace('\n', " "))) }
}
