//! How a node asks whether there is a new firmware: after a boot, and again if nobody acknowledges that.

use std::time::Duration;

use super::super::dialect::Writer;
use super::{Agent, Due, Setup, cut};

/// The buffer of the device, which cuts what is longer.
const LONGEST_FETCH: usize = 149;
const FETCH_DELAY: Duration = Duration::from_secs(5);
const FETCH_PATIENCE: Duration = Duration::from_mins(1);
const FETCH_BACKOFF_SECONDS: [u64; 5] = [30, 60, 120, 240, 480];

impl Agent {
    pub(super) fn fetch_soon(&mut self) {
        self.after(FETCH_DELAY, Due::Fetch(0));
    }

    /// Asks whether there is a new firmware.
    pub(super) fn fetch(&mut self, attempt: usize) {
        let Setup { node_id, fw_version, .. } = &self.setup;
        let message = Writer::object().text("node_id", node_id).text("fw_version", fw_version).end();
        self.fetched = self.publish("otafetch", cut(message, LONGEST_FETCH));
        match self.fetched {
            Some(_) => self.after(FETCH_PATIENCE, Due::Unfetched(attempt)),
            None => self.fetch_later(attempt),
        }
    }

    /// The patience with an attempt is over.
    pub(super) fn unfetched(&mut self, attempt: usize) {
        if self.fetched.take().is_some() {
            self.fetch_later(attempt);
        }
    }

    fn fetch_later(&mut self, attempt: usize) {
        let seconds = FETCH_BACKOFF_SECONDS.get(attempt).or(FETCH_BACKOFF_SECONDS.last()).copied().unwrap_or_default();
        self.after(Duration::from_secs(seconds), Due::Fetch(attempt + 1));
    }
}
