//! What others hold of a running connection: a way to wake it and to end it.

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::Reason;

#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) id: u64,
    /// The connection has something to do.
    pub(crate) wake: Notify,
    ended: Mutex<Option<Reason>>,
}

impl Link {
    pub(crate) fn new(id: u64) -> Self {
        Self { id, wake: Notify::new(), ended: Mutex::new(None) }
    }

    /// Asks the connection to end; the first reason counts.
    pub(crate) fn end(&self, reason: Reason) {
        self.ended.lock().get_or_insert(reason);
        self.wake.notify_one();
    }

    /// The reason it was asked to end with.
    pub(crate) fn ended(&self) -> Option<Reason> {
        *self.ended.lock()
    }

    pub(crate) async fn until_ended(&self) -> Reason {
        loop {
            if let Some(reason) = self.ended() {
                return reason;
            }
            self.wake.notified().await;
        }
    }
}
