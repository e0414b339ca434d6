//! Opening: connections, their settings, and the schema's numbered steps.

use std::{
    fs::{File, OpenOptions},
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

/// How long a connection waits for another process.
const PATIENCE: Duration = Duration::from_secs(5);
/// "Rain": marks a file as ours.
const APPLICATION: i64 = 0x5261_696e;

/// The steps of the schema; `PRAGMA user_version` counts those done. Only ever add to the end.
const STEPS: [&str; 3] = [
    // 1: records, clustered by their key, so that a partition is read in one piece. The index serves
    // the sweep of expired ones alone.
    "CREATE TABLE record (
        tbl TEXT NOT NULL,
        partition TEXT NOT NULL,
        sort TEXT NOT NULL,
        version INTEGER NOT NULL,
        expires INTEGER,
        fields TEXT NOT NULL,
        PRIMARY KEY (tbl, partition, sort)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX record_expires ON record (expires) WHERE expires IS NOT NULL;",
    // 2: the table `identity` is for the user function alone; `claims` is for the node function alone, and who
    // is closed is for all to read.
    "UPDATE record SET tbl = 'claims' WHERE tbl = 'identity' AND partition >= 'claim#' AND partition < 'claim$';
    UPDATE record SET tbl = 'access', partition = 'tokens', sort = 'closed#' || sort
        WHERE tbl = 'identity' AND partition = 'closed';",
    // 3: every confirmed account stands in the directory of names; who has a node stands in one record of the node.
    "INSERT OR REPLACE INTO record (tbl, partition, sort, version, expires, fields)
        SELECT 'access', 'name#' || listed.sort, 'user', account.version, NULL, json_object(
            'user_id', json_extract(account.fields, '$.user_id'), 'user_name', json_extract(account.fields, '$.user_name'))
        FROM record AS listed JOIN record AS account
            ON account.tbl = 'identity' AND account.partition = 'account#' || listed.sort AND account.sort = 'credential'
        WHERE listed.tbl = 'identity' AND listed.partition = 'accounts';
    INSERT OR REPLACE INTO record (tbl, partition, sort, version, expires, fields)
        SELECT 'access', 'user#' || json_extract(fields, '$.user_id.str'), 'name', version, NULL,
            json_object('user_name', json_extract(fields, '$.user_name'))
        FROM record WHERE tbl = 'access' AND partition >= 'name#' AND partition < 'name$' AND sort = 'user';
    DELETE FROM record WHERE tbl = 'access' AND partition >= 'node#' AND partition < 'node$' AND sort >= 'user#' AND sort < 'user$';",
];

/// Why a database cannot be opened. Each message is one line.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A newer program has used it.
    #[error("the database has schema {found}, but this program knows only {known}: use a newer program")]
    NewerSchema {
        /// The schema found.
        found: i64,
        /// The newest that this program knows.
        known: i64,
    },
    /// The file is no database, or one of another program.
    #[error("{} is not a Raincloud database", .0.display())]
    Foreign(PathBuf),
    /// The file may not be read and written.
    #[error("no permission to read and write {}", .0.display())]
    Permission(PathBuf),
    /// Another process keeps the database for itself.
    #[error("{} is locked by another process", .0.display())]
    Locked(PathBuf),
    /// The file cannot be reached or made.
    #[error("cannot open {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The engine failed otherwise.
    #[error("cannot use {} as a database: {source}", path.display())]
    Engine {
        /// The file.
        path: PathBuf,
        /// What the engine said.
        source: rusqlite::Error,
    },
    /// The writer's thread did not start.
    #[error("cannot start the table's writer: {0}")]
    Thread(io::Error),
}

/// Opens the file for writing, makes it if needed and brings its schema up to date.
pub(super) fn writer(path: &Path) -> Result<Connection, OpenError> {
    create(path).map_err(|source| match source.kind() {
        io::ErrorKind::PermissionDenied => OpenError::Permission(path.to_owned()),
        _ => OpenError::Io { path: path.to_owned(), source },
    })?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let opened = Connection::open_with_flags(path, flags).map_err(Problem::Sql).and_then(|mut connection| {
        connection.busy_timeout(PATIENCE)?;
        if connection.is_readonly(rusqlite::MAIN_DB)? {
            return Err(Problem::ReadOnly);
        }
        // Before anything is changed.
        version(&mut connection)?;
        journal(&connection)?;
        prepare(&mut connection)?;
        Ok(connection)
    });
    opened.map_err(|problem| problem.of(path))
}

/// Opens a file that must be there, and leaves its schema as it is.
pub(super) fn existing(path: &Path) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let opened = Connection::open_with_flags(path, flags).map_err(Problem::Sql).and_then(|connection| {
        connection.busy_timeout(PATIENCE)?;
        connection.pragma_update(None, "trusted_schema", false)?;
        Ok(connection)
    });
    opened.map_err(|problem| problem.of(path))
}

/// Opens a connection that only reads, of a database that [`writer`] has opened.
pub(super) fn reader(path: &Path) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let opened = Connection::open_with_flags(path, flags).map_err(Problem::Sql).and_then(|connection| {
        connection.busy_timeout(PATIENCE)?;
        connection.pragma_update(None, "trusted_schema", false)?;
        Ok(connection)
    });
    opened.map_err(|problem| problem.of(path))
}

/// A database in memory.
pub(super) fn memory() -> Result<Connection, OpenError> {
    let opened = Connection::open_in_memory().map_err(Problem::Sql).and_then(|mut connection| {
        prepare(&mut connection)?;
        Ok(connection)
    });
    opened.map_err(|problem| problem.of(Path::new(":memory:")))
}

/// Makes the file if there is none, for its owner alone, since it holds secrets; the log beside it inherits
/// that. The name itself is brought to disk too. Was there none?
pub(super) fn create(path: &Path) -> io::Result<bool> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(file) => file.sync_all()?,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
        Err(error) => return Err(error),
    }
    if cfg!(unix) {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
    }
    Ok(true)
}

/// What may go wrong on the way.
#[derive(Debug)]
pub(super) enum Problem {
    Newer(i64),
    Foreign,
    ReadOnly,
    Sql(rusqlite::Error),
}

impl From<rusqlite::Error> for Problem {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl Problem {
    pub(super) fn of(self, path: &Path) -> OpenError {
        let path = path.to_owned();
        match self {
            Self::Newer(found) => OpenError::NewerSchema { found, known: known() },
            Self::Foreign => OpenError::Foreign(path),
            Self::ReadOnly => OpenError::Permission(path),
            Self::Sql(source) => match source.sqlite_error_code() {
                Some(ErrorCode::NotADatabase) => OpenError::Foreign(path),
                Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => OpenError::Locked(path),
                Some(ErrorCode::PermissionDenied | ErrorCode::ReadOnly) => OpenError::Permission(path),
                _ => OpenError::Engine { path, source },
            },
        }
    }
}

/// The newest schema that this program knows.
pub fn known() -> i64 {
    i64::try_from(STEPS.len()).unwrap_or(i64::MAX)
}

/// The schema that the file has; 0 for a new one.
pub(super) fn version(connection: &mut Connection) -> Result<i64, Problem> {
    // One transaction: another process may be taking the steps at this very moment.
    let seen = connection.transaction()?;
    let number = |sql: &str| seen.query_row(sql, (), |row| row.get::<_, i64>(0));
    let found = number("PRAGMA user_version")?;
    let ours = match number("PRAGMA application_id")? {
        APPLICATION => true,
        0 => found == 0 && number("SELECT count(*) FROM sqlite_schema")? == 0,
        _ => false,
    };
    match found {
        _ if !ours => Err(Problem::Foreign),
        found if found > known() => Err(Problem::Newer(found)),
        found => Ok(found),
    }
}

/// Turns on the write-ahead log. While another process does that too, the engine says "busy" at once.
fn journal(connection: &Connection) -> Result<(), Problem> {
    let mut left = 50;
    let mode = loop {
        match connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0)) {
            Err(error) if left > 0 && error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => left -= 1,
            outcome => break outcome?,
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    if mode != "wal" {
        tracing::warn!(mode, "this file system takes no write-ahead log: writing and reading will wait for each other");
    }
    Ok(())
}

/// Makes the settings of a writing connection and takes the steps that are missing.
fn prepare(connection: &mut Connection) -> Result<(), Problem> {
    connection.pragma_update(None, "synchronous", "FULL")?;
    // Matters on macOS, where an ordinary sync stops at the drive's cache.
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cache_size", -16 * 1024)?;
    connection.pragma_update(None, "journal_size_limit", 64 * 1024 * 1024)?;
    if version(connection)? == known() {
        return Ok(());
    }
    let change = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found: i64 = change.query_row("PRAGMA user_version", (), |row| row.get(0))?;
    for (number, step) in (1..).zip(STEPS) {
        if number > found {
            change.execute_batch(step)?;
            change.pragma_update(None, "user_version", number)?;
        }
    }
    change.pragma_update(None, "application_id", APPLICATION)?;
    change.commit()?;
    Ok(())
}
