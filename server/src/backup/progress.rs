//! How far a long work is, for a person at a terminal; and whether it is still wanted.

use std::{
    io::{self, IsTerminal as _, Write as _},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use crate::say;

/// How often it is told.
const EVERY: Duration = Duration::from_millis(500);

/// Tells it on standard error, if that is a terminal.
pub(super) struct Progress {
    what: &'static str,
    told: Instant,
    any: bool,
    terminal: bool,
    stop: Arc<AtomicBool>,
}

impl Progress {
    /// Nothing is done yet. Who sets `stop` wants it no more.
    pub(super) fn new(stop: Arc<AtomicBool>) -> Self {
        Self { what: "", told: Instant::now(), any: false, terminal: io::stderr().is_terminal(), stop }
    }

    /// Tells nobody.
    #[cfg(test)]
    pub(super) fn silent() -> Self {
        let mut silent = Self::new(Arc::default());
        silent.terminal = false;
        silent
    }

    /// What is done from now on, such as `copying the database`.
    pub(super) fn begin(&mut self, what: &'static str) {
        self.what = what;
    }

    /// So many bytes of so many are done.
    pub(super) fn tell(&mut self, done: u64, all: u64) {
        if !self.terminal || self.told.elapsed() < EVERY {
            return;
        }
        let percent = (done.saturating_mul(100)).checked_div(all).unwrap_or(100).min(100);
        let line = format!("{}: {} of {} ({percent} %)", self.what, say::size(done), say::size(all));
        let _ = write!(io::stderr().lock(), "\r{line:<70}");
        (self.told, self.any) = (Instant::now(), true);
    }

    /// Is it still wanted?
    pub(super) fn wanted(&self) -> bool {
        !self.stop.load(Ordering::Relaxed)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.any {
            let _ = write!(io::stderr().lock(), "\r{:<70}\r", "");
        }
    }
}
