//! Messages waiting for one session, bounded in number and bytes.

use std::{
    collections::VecDeque,
    num::NonZeroU32,
    sync::{Arc, atomic::Ordering},
};

use crate::{QoS, message::Routed, stats::Shared};

/// A message for one session.
#[derive(Clone, Debug)]
pub(crate) struct Delivery {
    pub(crate) routed: Arc<Routed>,
    pub(crate) qos: QoS,
    pub(crate) retain: bool,
    /// Identifiers of the subscriptions it is sent for.
    pub(crate) ids: Box<[NonZeroU32]>,
}

#[derive(Debug)]
pub(crate) struct Queue {
    shared: Arc<Shared>,
    /// With whether it counts towards the limits.
    waiting: VecDeque<(Delivery, bool)>,
    counted: usize,
    /// Of the messages that count, those taken out and not yet freed included.
    bytes: usize,
}

impl Queue {
    pub(crate) fn new(shared: &Arc<Shared>) -> Self {
        Self { shared: Arc::clone(shared), waiting: VecDeque::new(), counted: 0, bytes: 0 }
    }

    pub(crate) fn fits(&self, delivery: &Delivery) -> bool {
        let limits = &self.shared.limits;
        let more = delivery.routed.bytes;
        self.fits_own(delivery)
            && (self.bytes + more <= limits.queued_bytes_share
                || self.shared.counters.queued_bytes.load(Ordering::Relaxed) + more <= limits.queued_bytes_total)
    }

    /// Whether the limits of this queue alone permit it.
    pub(crate) fn fits_own(&self, delivery: &Delivery) -> bool {
        let limits = &self.shared.limits;
        self.counted < limits.queued_messages && self.bytes + delivery.routed.bytes <= limits.queued_bytes
    }

    pub(crate) fn push(&mut self, delivery: Delivery) {
        self.counted += 1;
        self.bytes += delivery.routed.bytes;
        self.shared.counters.queued_bytes.fetch_add(delivery.routed.bytes, Ordering::Relaxed);
        self.waiting.push_back((delivery, true));
    }

    /// How many retained messages may be added.
    pub(crate) fn retained_room(&self) -> usize {
        let most = self.shared.limits.retained_messages.saturating_mul(2);
        most.saturating_sub(self.waiting.len() - self.counted)
    }

    /// Adds retained messages, which are stored anyway and so have a limit of their own.
    pub(crate) fn push_retained(&mut self, deliveries: Vec<Delivery>) {
        self.waiting.extend(deliveries.into_iter().map(|delivery| (delivery, false)));
    }

    /// Takes the first message out. Its bytes, second, count until they are given to [`free`](Self::free).
    pub(crate) fn pop(&mut self) -> Option<(Delivery, usize)> {
        let (delivery, counts) = self.waiting.pop_front()?;
        if self.waiting.is_empty() {
            self.waiting = VecDeque::new();
        }
        self.counted -= usize::from(counts);
        let bytes = if counts { delivery.routed.bytes } else { 0 };
        Some((delivery, bytes))
    }

    /// Stops counting bytes of messages that were taken out.
    pub(crate) fn free(&mut self, bytes: usize) {
        self.bytes -= bytes;
        self.shared.counters.queued_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Removes the first message; says whether there was one.
    pub(crate) fn drop_first(&mut self) -> bool {
        let Some((_, bytes)) = self.pop() else {
            return false;
        };
        self.free(bytes);
        true
    }

    /// The message `pop` would give.
    pub(crate) fn first(&self) -> Option<&Delivery> {
        self.waiting.front().map(|(delivery, _)| delivery)
    }

    /// Removes all messages with `QoS` 0; says how many.
    pub(crate) fn drop_qos0(&mut self) -> usize {
        let before = self.waiting.len();
        for (delivery, counts) in std::mem::take(&mut self.waiting) {
            if delivery.qos == QoS::AtMostOnce {
                self.counted -= usize::from(counts);
                self.free(if counts { delivery.routed.bytes } else { 0 });
            } else {
                self.waiting.push_back((delivery, counts));
            }
        }
        before - self.waiting.len()
    }

    pub(crate) fn clear(&mut self) {
        self.waiting = VecDeque::new();
        self.counted = 0;
        self.free(self.bytes);
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        self.clear();
    }
}
