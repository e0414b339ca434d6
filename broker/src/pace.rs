//! The rate of something on one connection, as a token bucket that is one instant: when the bucket would be full again.

use std::time::Duration;

use tokio::time::Instant;

pub(crate) struct Pace {
    full: Instant,
    interval: Duration,
    burst: Duration,
}

impl Pace {
    /// So many per second, and so many at once.
    pub(crate) fn new(rate: u32, burst: u32) -> Self {
        let interval = Duration::from_secs(1) / rate.max(1);
        Self { full: Instant::now(), interval, burst: interval * burst.max(1) }
    }

    /// Takes tokens; the one packet that is one too many is let through.
    pub(crate) fn take(&mut self, tokens: usize, now: Instant) {
        self.full = self.full.max(now) + self.interval * u32::try_from(tokens).unwrap_or(u32::MAX);
    }

    /// Until when no more may be taken, if that is not over.
    pub(crate) fn resume(&self, now: Instant) -> Option<Instant> {
        let resume = self.full.checked_sub(self.burst)?;
        (resume > now).then_some(resume)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_and_then_the_rate() {
        let mut pace = Pace::new(10, 5);
        let start = Instant::now();
        for _ in 0..5 {
            assert_eq!(pace.resume(start), None);
            pace.take(1, start);
        }
        pace.take(1, start);
        let resume = pace.resume(start).unwrap();
        assert!(resume - start <= Duration::from_millis(110), "{:?}", resume - start);
        assert_eq!(pace.resume(resume), None);
        pace.take(1, resume);
        assert_eq!(pace.resume(resume), Some(resume + Duration::from_millis(100)));
        let later = start + Duration::from_mins(1);
        for _ in 0..5 {
            assert_eq!(pace.resume(later), None);
            pace.take(1, later);
        }
    }
}
