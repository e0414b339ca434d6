//! Reading: the connections for it, and the three questions.

use std::sync::Arc;

use parking_lot::RwLock;
use rusqlite::{Connection, OptionalExtension as _, ToSql, params};
use shared::port::table::{Cursor, Direction, Key, MAX_PAGE_BYTES, Page, Query, Range, Record, Stored};
use tokio::{sync::Semaphore, task};

use super::{Fault, SharedConnection, row};

/// The connections for reading.
pub(super) struct Readers {
    /// None after the end.
    connections: RwLock<Vec<SharedConnection>>,
    /// As many as there are connections, so that no more threads than those wait for one.
    permits: Arc<Semaphore>,
}

impl Readers {
    pub(super) fn new(connections: Vec<SharedConnection>) -> Self {
        let permits = Arc::new(Semaphore::new(connections.len()));
        Self { connections: RwLock::new(connections), permits }
    }

    /// Runs a question on a thread that may block.
    pub(super) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        question: impl FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|_| Fault::Closed)?;
        let readers = Arc::clone(self);
        let answer = task::spawn_blocking(move || {
            let answer = readers.read_now(question);
            drop(permit);
            answer
        });
        answer.await.unwrap_or(Err(Fault::Reader))
    }

    /// Runs a question on this thread, on a connection that is free, else on the first to become so.
    pub(super) fn read_now<T>(&self, question: impl FnOnce(&Connection) -> Result<T, Fault>) -> Result<T, Fault> {
        let connections = self.connections.read();
        let free = connections.iter().find_map(|connection| connection.try_lock());
        let connection = free.or_else(|| connections.first().map(|first| first.lock()));
        question(&*connection.ok_or(Fault::Closed)?)
    }

    /// Closes the connections when their questions are answered. Later ones fail.
    pub(super) fn close(&self) {
        self.permits.close();
        self.connections.write().clear();
    }
}

/// The record with what only the engine sees, unless it is absent or expired.
pub(super) fn stored(connection: &Connection, key: &Key, now: i64) -> Result<Option<Stored>, Fault> {
    let mut select = connection.prepare_cached(
        "SELECT version, expires, fields FROM record
         WHERE tbl = ?1 AND partition = ?2 AND sort = ?3 AND (expires IS NULL OR expires > ?4)",
    )?;
    let found = select.query_row(params![key.table.name(), key.partition, key.sort, now], |row| {
        let fields = row.get_ref(2)?.as_str()?;
        Ok(row::parse(key.clone(), row.get(0)?, row.get(1)?, fields))
    });
    found.optional()?.transpose()
}

/// One record.
pub(super) fn record(connection: &Connection, key: &Key, now: i64) -> Result<Option<Record>, Fault> {
    Ok(stored(connection, key, now)?.map(|stored| stored.record))
}

/// Records in the order of the keys, all of the same moment.
pub(super) fn records(connection: &Connection, keys: &[Key], now: i64) -> Result<Vec<Option<Record>>, Fault> {
    let moment = connection.unchecked_transaction()?;
    keys.iter().map(|key| record(&moment, key, now)).collect()
}

/// A page of a partition.
pub(super) fn page(connection: &Connection, query: &Query, now: i64) -> Result<Page, Fault> {
    let span = Span::of(query);
    let (table, limit) = (query.table.name(), query.limit.max(1));
    // One more, to know whether anything is left.
    let most = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
    let mut values: Vec<&dyn ToSql> = vec![&table, &query.partition, &now, &most, &span.low];
    values.extend(span.high.iter().map(|high| high as &dyn ToSql));

    let mut select = connection.prepare_cached(&span.sql())?;
    let mut rows = select.query(values.as_slice())?;
    let mut page = Page::default();
    let mut bytes = 0;
    while let Some(row) = rows.next()? {
        let key = Key::new(query.table, query.partition.clone(), row.get::<_, String>(0)?);
        let fields = row.get_ref(3)?.as_str().map_err(rusqlite::Error::from)?;
        let record = row::parse(key, row.get(1)?, row.get(2)?, fields)?.record;
        bytes += record.size();
        if page.records.len() == limit || (!page.records.is_empty() && bytes > MAX_PAGE_BYTES) {
            page.next = page.records.last().map(|last| Cursor::at(last.key.sort.clone()));
            break;
        }
        page.records.push(record);
    }
    Ok(page)
}

/// The sort keys that a query is about, its cursor taken into account.
struct Span {
    low: String,
    low_excluded: bool,
    /// Without, up to the partition's end.
    high: Option<String>,
    high_excluded: bool,
    back: bool,
}

impl Span {
    fn of(query: &Query) -> Self {
        let back = query.direction == Direction::Back;
        let (low, high, high_excluded) = match &query.range {
            Range::Prefix(prefix) => (prefix.clone(), successor(prefix), true),
            Range::Between(low, high) => (low.clone(), Some(high.clone()), false),
        };
        let mut span = Self { low, low_excluded: false, high, high_excluded, back };
        // A cursor can only narrow the span.
        if let Some(after) = query.after.as_ref().map(Cursor::sort) {
            if back && span.high.as_deref().is_none_or(|high| after <= high) {
                (span.high, span.high_excluded) = (Some(after.to_owned()), true);
            } else if !back && after >= span.low.as_str() {
                (span.low, span.low_excluded) = (after.to_owned(), true);
            }
        }
        span
    }

    fn sql(&self) -> String {
        let low = if self.low_excluded { "AND sort > ?5" } else { "AND sort >= ?5" };
        let high = match (&self.high, self.high_excluded) {
            (None, _) => "",
            (Some(_), true) => "AND sort < ?6",
            (Some(_), false) => "AND sort <= ?6",
        };
        let order = if self.back { "DESC" } else { "ASC" };
        format!(
            "SELECT sort, version, expires, fields FROM record
             WHERE tbl = ?1 AND partition = ?2 AND (expires IS NULL OR expires > ?3) {low} {high}
             ORDER BY sort {order} LIMIT ?4"
        )
    }
}

/// The least text that is greater than every text with this prefix; `None` if there is none.
fn successor(prefix: &str) -> Option<String> {
    let mut chars: Vec<char> = prefix.chars().collect();
    while let Some(last) = chars.pop() {
        // The range skips the surrogates, as UTF-8 does.
        if let Some(next) = (last..=char::MAX).nth(1) {
            chars.push(next);
            return Some(chars.into_iter().collect());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::successor;

    #[test]
    fn a_prefix_ends_before_its_successor() {
        let cases = [
            ("", None),
            ("a", Some("b")),
            ("aé", Some("aê")),
            ("a\u{7f}", Some("a\u{80}")),
            ("a\u{d7ff}", Some("a\u{e000}")),
            ("a\u{10ffff}", Some("b")),
            ("\u{10ffff}\u{10ffff}", None),
        ];
        for (prefix, expected) in cases {
            assert_eq!(successor(prefix).as_deref(), expected, "{prefix:?}");
        }
    }
}
