//! One task for all that is due later: the expiry of sessions and delayed wills.

use std::{
    collections::BTreeMap,
    sync::{Arc, Weak},
};

use parking_lot::Mutex;
use tokio::{sync::Notify, time::Instant};

use crate::{broker::Inner, session::Session};

/// Names an entry, and orders entries by time.
pub(crate) type Key = (Instant, u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    Expiry,
    Will,
}

#[derive(Default)]
pub(crate) struct Timers {
    entries: Mutex<Entries>,
    /// The first entry has changed, or the broker is gone.
    changed: Notify,
}

#[derive(Default)]
struct Entries {
    by_time: BTreeMap<Key, (Due, Arc<Session>)>,
    last: u64,
    running: bool,
    stopped: bool,
}

impl Timers {
    pub(crate) fn set(&self, at: Instant, due: Due, session: &Arc<Session>) -> Key {
        let mut entries = self.entries.lock();
        entries.last += 1;
        let key = (at, entries.last);
        entries.by_time.insert(key, (due, Arc::clone(session)));
        if entries.by_time.first_key_value().is_some_and(|(first, _)| *first == key) {
            self.changed.notify_one();
        }
        key
    }

    pub(crate) fn cancel(&self, key: Option<Key>) {
        if let Some(key) = key {
            self.entries.lock().by_time.remove(&key);
        }
    }

    /// The session that expires first after so many others.
    pub(crate) fn next_expiry(&self, after: usize) -> Option<Arc<Session>> {
        let entries = self.entries.lock();
        let mut expiries = entries.by_time.values().filter(|(due, _)| *due == Due::Expiry);
        expiries.nth(after).map(|(_, session)| Arc::clone(session))
    }

    /// Starts the task, once.
    pub(crate) fn run(self: &Arc<Self>, broker: &Arc<Inner>) {
        let mut entries = self.entries.lock();
        if !std::mem::replace(&mut entries.running, true) {
            tokio::spawn(Arc::clone(self).keep_time(Arc::downgrade(broker)));
        }
    }

    /// Ends the task and forgets all entries.
    pub(crate) fn stop(&self) {
        let mut entries = self.entries.lock();
        entries.stopped = true;
        entries.by_time.clear();
        self.changed.notify_one();
    }

    async fn keep_time(self: Arc<Self>, broker: Weak<Inner>) {
        loop {
            let first = {
                let entries = self.entries.lock();
                if entries.stopped {
                    return;
                }
                entries.by_time.first_key_value().map(|((at, _), _)| *at)
            };
            match first {
                Some(at) if at <= Instant::now() => {
                    let entry = self.entries.lock().by_time.pop_first();
                    let (Some((key, (due, session))), Some(broker)) = (entry, broker.upgrade()) else {
                        continue;
                    };
                    // The one that was due may have been cancelled just now; then this is the one after it.
                    if key.0 > Instant::now() {
                        self.entries.lock().by_time.insert(key, (due, session));
                        continue;
                    }
                    match due {
                        Due::Expiry => _ = broker.expire(&session, Some(key)),
                        Due::Will => broker.will_due(&session, key),
                    }
                }
                Some(at) => tokio::select! {
                    () = tokio::time::sleep_until(at) => {}
                    () = self.changed.notified() => {}
                },
                None => self.changed.notified().await,
            }
        }
    }
}
