//! How often an address may try what can be guessed.

use std::{
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    time::{Duration, Instant},
};

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use parking_lot::Mutex;

/// Addresses remembered before those that are back at their full quota are dropped.
const REMEMBERED: usize = 10_000;
const TIDY_EVERY: Duration = Duration::from_secs(1);

/// A limit for each address; in memory, so for one process.
pub struct Throttle {
    limiter: DefaultKeyedRateLimiter<IpAddr>,
    tidied: Mutex<Instant>,
}

impl Throttle {
    /// So many tries a minute, and as many at once.
    pub fn per_minute(tries: NonZeroU32) -> Self {
        Self { limiter: RateLimiter::keyed(Quota::per_minute(tries)), tidied: Mutex::new(Instant::now()) }
    }

    /// Takes one of the address's tries, if it has any left. A client owns its whole IPv6 /64, so that
    /// counts as one address.
    pub fn admits(&self, address: IpAddr) -> bool {
        self.tidy();
        let address = match address.to_canonical() {
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
            address @ IpAddr::V4(_) => address,
        };
        self.limiter.check_key(&address).is_ok()
    }

    /// Forgets addresses that are back at their full quota; not for every try, since it looks at all.
    fn tidy(&self) {
        if self.limiter.len() > REMEMBERED
            && let Some(mut tidied) = self.tidied.try_lock()
            && tidied.elapsed() >= TIDY_EVERY
        {
            self.limiter.retain_recent();
            *tidied = Instant::now();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_only_so_many_tries() {
        let throttle = Throttle::per_minute(NonZeroU32::new(2).unwrap());
        let tries = |address: &str| throttle.admits(address.parse().unwrap());
        assert_eq!(["10.0.0.1", "10.0.0.1", "10.0.0.1", "::ffff:10.0.0.1", "10.0.0.2"].map(tries), [true, true, false, false, true]);
        assert_eq!(["fd00::1", "fd00::2", "fd00::3", "fd00:0:0:1::1"].map(tries), [true, true, false, true]);
    }
}
