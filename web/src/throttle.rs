//! How often an address may try what can be guessed.

use std::{
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
};

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

/// Addresses remembered before those that are back at their full quota are dropped.
const REMEMBERED: usize = 10_000;

/// A limit for each address; in memory, so for one process.
pub struct Throttle(DefaultKeyedRateLimiter<IpAddr>);

impl Throttle {
    /// So many tries a minute, and as many at once.
    pub fn per_minute(tries: NonZeroU32) -> Self {
        Self(RateLimiter::keyed(Quota::per_minute(tries)))
    }

    /// Takes one of the address's tries, if it has any left. A client owns its whole IPv6 /64, so that
    /// counts as one address.
    pub fn admits(&self, address: IpAddr) -> bool {
        if self.0.len() > REMEMBERED {
            self.0.retain_recent();
        }
        let address = match address.to_canonical() {
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
            address @ IpAddr::V4(_) => address,
        };
        self.0.check_key(&address).is_ok()
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
