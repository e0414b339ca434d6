//! Retained messages, bounded in number and bytes.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use crate::{
    Limits,
    message::Routed,
    trie::{Trie, Vacant},
};

#[derive(Default)]
struct Kept(Option<Arc<Routed>>);

impl Vacant for Kept {
    fn vacant(&self) -> bool {
        self.0.is_none()
    }
}

#[derive(Default)]
pub(crate) struct Retained {
    trie: Trie<Kept>,
    count: usize,
    bytes: usize,
    /// When it was last said that there is no room.
    warned: Option<Instant>,
}

/// So often it is said, at most, that there is no room.
const WARN_EVERY: Duration = Duration::from_mins(10);

impl Retained {
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Keeps this message in place of the one of its topic, or removes that one if the payload is empty. Says whether
    /// there was room; without room for the new one the old one is removed as well, as it is no longer true.
    pub(crate) fn put(&mut self, routed: &Arc<Routed>, limits: &Limits) -> bool {
        let old = self.trie.change(&routed.message.topic, |kept| kept.0.take());
        if let Some(old) = old {
            self.count -= 1;
            self.bytes -= old.bytes;
        }
        if routed.message.payload.is_empty() {
            return true;
        }
        if self.count >= limits.retained_messages || self.bytes + routed.bytes > limits.retained_bytes {
            if self.warn(Instant::now()) {
                tracing::warn!(topic = %routed.message.topic, count = self.count, bytes = self.bytes, "no room to retain a message");
            }
            return false;
        }
        self.count += 1;
        self.bytes += routed.bytes;
        self.trie.change(&routed.message.topic, |kept| kept.0 = Some(Arc::clone(routed)));
        true
    }

    /// Whether to say now that there is no room.
    fn warn(&mut self, now: Instant) -> bool {
        let due = self.warned.is_none_or(|warned| now >= warned + WARN_EVERY);
        if due {
            self.warned = Some(now);
        }
        due
    }

    /// Those that match; none if they are more than `room`.
    pub(crate) fn matching(&self, filter: &str, room: usize) -> Option<Vec<Arc<Routed>>> {
        let (mut found, mut fits) = (Vec::new(), true);
        self.trie.topics_matching(filter, &mut |kept| {
            let Some(routed) = kept.0.as_ref().filter(|routed| fits && !routed.expired()) else {
                return;
            };
            fits = found.len() < room;
            if fits {
                found.push(Arc::clone(routed));
            }
        });
        fits.then_some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Message;

    /// What a message weighs without content.
    const EMPTY: usize = 256;

    #[test]
    fn is_bounded_and_counts_right() {
        let limits = Limits { retained_messages: 2, retained_bytes: 2 * EMPTY + 10, ..Limits::default() };
        let mut retained = Retained::default();
        let mut put = |topic: &'static str, payload: &str| {
            let stored = retained.put(&Routed::new(Message::new(topic, payload.to_owned())), &limits);
            (stored, retained.count(), retained.bytes())
        };
        assert_eq!(put("a", "12"), (true, 1, EMPTY + 3));
        assert_eq!(put("a", "1234"), (true, 1, EMPTY + 5));
        assert_eq!(put("b", "12345"), (false, 1, EMPTY + 5));
        assert_eq!(put("b", "1234"), (true, 2, 2 * EMPTY + 10));
        assert_eq!(put("c", ""), (true, 2, 2 * EMPTY + 10));
        assert_eq!(put("a", ""), (true, 1, EMPTY + 5));
        assert_eq!(put("d", "1"), (true, 2, 2 * EMPTY + 7));
        assert_eq!(put("e", "1"), (false, 2, 2 * EMPTY + 7));
        assert_eq!(put("b", &"x".repeat(300)), (false, 1, EMPTY + 2));
    }

    #[test]
    fn says_rarely_that_there_is_no_room() {
        let mut retained = Retained::default();
        let start = Instant::now();
        assert!(retained.warn(start));
        assert!(!retained.warn(start + WARN_EVERY / 2));
        assert!(retained.warn(start + WARN_EVERY));
        assert!(!retained.warn(start + WARN_EVERY));
    }

    #[test]
    fn finds_no_more_than_there_is_room_for() {
        let mut retained = Retained::default();
        for topic in ["a/1", "a/2", "b"] {
            retained.put(&Routed::new(Message::new(topic, "x")), &Limits::default());
        }
        let found = |filter, room| retained.matching(filter, room).map(|found| found.len());
        assert_eq!((found("#", 3), found("#", 2), found("a/+", 2), found("c", 0)), (Some(3), None, Some(2), Some(0)));
    }
}
