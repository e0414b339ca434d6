//! Retained messages, bounded in number and bytes.

use std::sync::Arc;

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
}

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
            return false;
        }
        self.count += 1;
        self.bytes += routed.bytes;
        self.trie.change(&routed.message.topic, |kept| kept.0 = Some(Arc::clone(routed)));
        true
    }

    pub(crate) fn matching(&self, filter: &str) -> Vec<Arc<Routed>> {
        let mut found = Vec::new();
        self.trie.topics_matching(filter, &mut |kept| {
            found.extend(kept.0.iter().filter(|routed| !routed.expired()).cloned());
        });
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Message;

    #[test]
    fn is_bounded_and_counts_right() {
        let limits = Limits { retained_messages: 2, retained_bytes: 10, ..Limits::default() };
        let mut retained = Retained::default();
        let mut put = |topic: &'static str, payload: &'static str| {
            let stored = retained.put(&Routed::new(Message::new(topic, payload)), &limits);
            (stored, retained.count(), retained.bytes())
        };
        assert_eq!(put("a", "12"), (true, 1, 3));
        assert_eq!(put("a", "1234"), (true, 1, 5));
        assert_eq!(put("b", "12345"), (false, 1, 5));
        assert_eq!(put("b", "1234"), (true, 2, 10));
        assert_eq!(put("c", ""), (true, 2, 10));
        assert_eq!(put("a", ""), (true, 1, 5));
        assert_eq!(put("d", "1"), (true, 2, 7));
        assert_eq!(put("e", "1"), (false, 2, 7));
        assert_eq!(put("b", "too long for it"), (false, 1, 2));
    }
}
