//! The node's own limit on how much it publishes.

use std::time::Duration;

use tokio::time::Instant;

const START: u64 = 100;
const CAP: u64 = 1024;
const EVERY: Duration = Duration::from_secs(5);

/// How many messages may still be published: 100 at boot, one more every 5 seconds, never more than 1,024.
#[derive(Debug)]
pub(super) struct Budget {
    left: u64,
    counted: Instant,
}

impl Budget {
    /// The budget of a node that boots now.
    pub(super) fn new(now: Instant) -> Self {
        Self { left: START, counted: now }
    }

    /// Pays for one message, if there is anything left to pay with.
    pub(super) fn pay(&mut self, now: Instant) -> bool {
        while self.counted + EVERY <= now {
            self.counted += EVERY;
            self.left = CAP.min(self.left + 1);
        }
        let enough = self.left > 0;
        self.left = self.left.saturating_sub(1);
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spend(budget: &mut Budget, now: Instant) -> u64 {
        let mut spent = 0;
        while budget.pay(now) {
            spent += 1;
        }
        spent
    }

    #[test]
    fn starts_with_a_hundred_and_earns_one_every_five_seconds() {
        let boot = Instant::now();
        let mut budget = Budget::new(boot);
        assert_eq!(spend(&mut budget, boot), 100);
        assert_eq!(spend(&mut budget, boot + Duration::from_millis(4999)), 0);
        assert_eq!(spend(&mut budget, boot + Duration::from_secs(5)), 1);
        assert_eq!(spend(&mut budget, boot + Duration::from_secs(24)), 3);
    }

    #[test]
    fn never_holds_more_than_the_cap() {
        let boot = Instant::now();
        let mut budget = Budget::new(boot);
        assert_eq!(spend(&mut budget, boot + Duration::from_secs(100_000)), 1024);
    }
}
