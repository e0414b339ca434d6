//! The publish rate of one connection, as a token bucket that is one instant: when the bucket would be full again.

use std::time::Duration;

use tokio::time::Instant;

use crate::Limits;

pub(crate) struct Pace {
    full: Instant,
    interval: Duration,
    burst: Duration,
}

impl Pace {
    pub(crate) fn new(limits: &Limits) -> Self {
        let interval = Duration::from_secs(1) / limits.publish_rate.max(1);
        Self { full: Instant::now(), interval, burst: interval * limits.publish_burst.max(1) }
    }

    /// Takes a token; the one publish that is one too many is let through.
    pub(crate) fn take(&mut self, now: Instant) {
        self.full = self.full.max(now) + self.interval;
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
        let mut pace = Pace::new(&Limits { publish_rate: 10, publish_burst: 5, ..Limits::default() });
        let start = Instant::now();
        for _ in 0..5 {
            assert_eq!(pace.resume(start), None);
            pace.take(start);
        }
        pace.take(start);
        let resume = pace.resume(start).unwrap();
        assert!(resume - start <= Duration::from_millis(110), "{:?}", resume - start);
        assert_eq!(pace.resume(resume), None);
        pace.take(resume);
        assert_eq!(pace.resume(resume), Some(resume + Duration::from_millis(100)));
        let later = start + Duration::from_mins(1);
        for _ in 0..5 {
            assert_eq!(pace.resume(later), None);
            pace.take(later);
        }
    }
}
