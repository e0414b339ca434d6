//! Arrival times: what a node reports later must count as later, also within a millisecond and when the
//! machine's clock is set back. Within one connection each message arrives at least a millisecond after
//! the one before, and a new connection begins no earlier than what arrived before it.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use broker::Connection;

/// The newest arrival of this process, ms since the epoch.
#[derive(Debug, Default)]
pub struct Arrivals(AtomicI64);

impl Arrivals {
    /// The arrival of a message that came over the connection now.
    pub fn next(&self, connection: &Connection, now: i64) -> i64 {
        let begin = || Arc::new(AtomicI64::new(self.0.load(Ordering::Relaxed))) as Arc<_>;
        let Some(last) = connection.data.get_or_init(begin).downcast_ref::<AtomicI64>() else { return now };
        let after = |last: i64| now.max(last + 1);
        let at = last.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(after(last))).map_or(now, after);
        self.0.fetch_max(at, Ordering::Relaxed);
        at
    }

    /// This moment, no earlier than any before.
    pub fn moment(&self, now: i64) -> i64 {
        self.0.fetch_max(now, Ordering::Relaxed).max(now)
    }
}
