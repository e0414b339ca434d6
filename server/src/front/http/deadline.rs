//! Until when a request must be answered.

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::time::{Instant, sleep_until};

/// For a whole request, from its head to the head of its answer; so also for its body.
const REQUEST: Duration = Duration::from_secs(30);
/// Bytes a second with which a large body comes at least.
const PACE: u32 = 8 * 1024;

/// The moment. Handlers find it among a request's extensions.
#[derive(Clone)]
pub(crate) struct Deadline(Arc<Mutex<Instant>>);

impl Deadline {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Instant::now() + REQUEST)))
    }

    /// So many bytes have come of a body that is welcome although it may be large. For them there is time at a modest
    /// pace; but never more than any request has, from now on.
    pub(crate) fn extend(&self, bytes: usize) {
        let time = Duration::from_secs(bytes as u64) / PACE;
        let mut until = self.0.lock();
        *until = (*until + time).min(Instant::now() + REQUEST);
    }

    /// Waits for it.
    pub(super) async fn passed(&self) {
        loop {
            let until = *self.0.lock();
            if until <= Instant::now() {
                return;
            }
            sleep_until(until).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;

    /// After how many seconds it passes while so many bytes come each second, for so many seconds.
    async fn passes(bytes: usize, seconds: u64) -> u64 {
        let (deadline, start) = (Deadline::new(), Instant::now());
        let come = async {
            for _ in 0..seconds {
                sleep(Duration::from_secs(1)).await;
                deadline.extend(bytes);
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = deadline.passed() => start.elapsed().as_secs(),
            () = come => unreachable!(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_has_time_and_what_stops_or_trickles_does_not() {
        assert_eq!(passes(0, 0).await, 30);
        assert_eq!(passes(1, 3600).await, 30, "a trickle");
        assert!((55..=65).contains(&passes(4 * 1024, 3600).await), "half the pace: twice the time");
        assert_eq!(passes(16 * 1024, 3600).await, 3630, "as long as it comes");
        assert_eq!(passes(1 << 30, 5).await, 35, "and then no longer than any");
    }
}
