//! Says a thing that may happen thousands of times a second at most once a second.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Instant,
};

/// Lets one of many through each second, and counts the others.
pub struct Seldom {
    start: Instant,
    /// The second, counted from the start and from 1, in which something was last let through.
    last: AtomicU64,
    silent: AtomicU64,
}

impl Seldom {
    /// Nothing has happened yet.
    pub fn new() -> Self {
        Self { start: Instant::now(), last: AtomicU64::new(0), silent: AtomicU64::new(0) }
    }

    /// It happened: `Some(n)` if it is to be said, with the number of times that were not since the last.
    pub fn happened(&self) -> Option<u64> {
        self.at(self.start.elapsed().as_secs() + 1)
    }

    fn at(&self, second: u64) -> Option<u64> {
        let last = self.last.load(Ordering::Relaxed);
        if second > last && self.last.compare_exchange(last, second, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            return Some(self.silent.swap(0, Ordering::Relaxed));
        }
        self.silent.fetch_add(1, Ordering::Relaxed);
        None
    }
}

impl Default for Seldom {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_a_second_is_said_and_the_rest_counted() {
        let seldom = Seldom::new();
        assert_eq!([1, 1, 1, 2, 5, 5].map(|second| seldom.at(second)), [Some(0), None, None, Some(2), Some(0), None]);
    }
}
