//! Counters.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::Limits;

/// A look at what a broker holds and has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Connections now, those still before their CONNECT included.
    pub connections: usize,
    /// Sessions now, connected or not.
    pub sessions: usize,
    /// Sessions now that wait for their client.
    pub offline_sessions: usize,
    /// Subscriptions now.
    pub subscriptions: usize,
    /// Retained messages now.
    pub retained: usize,
    /// Bytes of retained messages now.
    pub retained_bytes: usize,
    /// Bytes waiting in the queues of all sessions now.
    pub queued_bytes: usize,
    /// Connections accepted so far: those that got a CONNACK with success.
    pub accepted: u64,
    /// Connections refused so far: over a limit, by a hook, or for a CONNECT that is not one.
    pub refused: u64,
    /// PUBLISH packets received so far.
    pub messages_in: u64,
    /// PUBLISH packets sent so far.
    pub messages_out: u64,
    /// Messages that were not delivered to a session, or not retained, for lack of room.
    pub messages_dropped: u64,
    /// Bytes received so far.
    pub bytes_in: u64,
    /// Bytes sent so far.
    pub bytes_out: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) offline: AtomicUsize,
    pub(crate) queued_bytes: AtomicUsize,
    pub(crate) accepted: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) messages_in: AtomicU64,
    pub(crate) messages_out: AtomicU64,
    pub(crate) messages_dropped: AtomicU64,
    pub(crate) bytes_in: AtomicU64,
    pub(crate) bytes_out: AtomicU64,
}

/// Adds one.
pub(crate) fn count(counter: &AtomicU64) {
    add(counter, 1);
}

pub(crate) fn add(counter: &AtomicU64, n: usize) {
    counter.fetch_add(n as u64, Ordering::Relaxed);
}

/// What all parts of a broker need to know.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    pub(crate) limits: Limits,
    pub(crate) counters: Counters,
}
