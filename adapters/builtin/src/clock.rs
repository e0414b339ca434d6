//! The ports `Clock` and `Ids` from the operating system.

use std::time::{SystemTime, UNIX_EPOCH};

use ring::rand::{SecureRandom as _, SystemRandom};
use shared::port::clock::{Clock, Ids};

/// The time of the system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_ms(&self) -> i64 {
        let millis = |span: std::time::Duration| i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => millis(since),
            Err(before) => -millis(before.duration()),
        }
    }
}

/// Ids from the system's random bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct RandomIds;

/// A panic rather than an id that can be guessed: what asked for it fails, and nothing else.
fn fill(bytes: &mut [u8]) {
    assert!(SystemRandom::new().fill(bytes).is_ok(), "the system gave no random bytes");
}

impl Ids for RandomIds {
    fn id(&self) -> String {
        const SYMBOLS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        const LENGTH: usize = 22;
        let mut id = String::with_capacity(LENGTH);
        let mut bytes = [0; 32];
        while id.len() < LENGTH {
            fill(&mut bytes);
            // 248 is the last multiple of 62: what lies above would favour the first symbols.
            let fair = bytes.iter().filter(|byte| **byte < 248).take(LENGTH - id.len());
            id.extend(fair.map(|byte| char::from(SYMBOLS[usize::from(*byte) % SYMBOLS.len()])));
        }
        id
    }

    fn code(&self) -> String {
        const CODES: u32 = 1_000_000;
        let mut bytes = [0; 4];
        loop {
            fill(&mut bytes);
            let number = u32::from_le_bytes(bytes);
            if number < u32::MAX / CODES * CODES {
                return format!("{:06}", number % CODES);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashSet};

    use super::*;

    #[test]
    fn ids_have_22_symbols_each_equally_likely() {
        let ids: Vec<String> = (0..2_000).map(|_| RandomIds.id()).collect();
        assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len());
        assert!(ids.iter().all(|id| id.len() == 22 && id.bytes().all(|byte| byte.is_ascii_alphanumeric())));
        let mut counts = BTreeMap::new();
        for symbol in ids.iter().flat_map(|id| id.chars()) {
            *counts.entry(symbol).or_insert(0) += 1;
        }
        // 710 of each are expected, with a standard deviation of 26.
        assert_eq!(counts.len(), 62);
        assert!(counts.values().all(|count| (500..920).contains(count)), "{counts:?}");
    }

    #[test]
    fn codes_have_six_digits() {
        let codes: Vec<String> = (0..1_000).map(|_| RandomIds.code()).collect();
        assert!(codes.iter().all(|code| code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit())));
        let firsts: HashSet<_> = codes.iter().map(|code| code.as_bytes()[0]).collect();
        assert_eq!(firsts.len(), 10);
    }

    #[test]
    fn the_clock_runs() {
        assert!(SystemClock.now_ms() > 1_700_000_000_000);
        assert!((SystemClock.now() - SystemClock.now_ms() / 1000).abs() <= 1);
    }
}
