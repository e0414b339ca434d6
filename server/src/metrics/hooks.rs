//! Counts what the broker asks and tells.

use std::{sync::Arc, time::Instant};

use broker::{Action, BoxFuture, Connection, Event, EventFailed, Failed, Hooks, Message, Refusal};

use super::{Metrics, count, seconds, snake, suffix};

/// Hooks that are counted.
pub struct Measured<H> {
    /// The hooks.
    pub inner: Arc<H>,
    /// Where it is counted.
    pub metrics: Arc<Metrics>,
}

impl<H: Hooks> Hooks for Measured<H> {
    fn authenticate<'a>(&'a self, connection: &'a Connection) -> BoxFuture<'a, Result<(), Refusal>> {
        self.inner.authenticate(connection)
    }

    fn may_subscribe(&self, connection: &Connection, filter: &str) -> bool {
        self.inner.may_subscribe(connection, filter)
    }

    fn may_publish(&self, connection: &Connection, topic: &str) -> bool {
        let may = self.inner.may_publish(connection, topic);
        if !may {
            count(&self.metrics.messages_in, [("suffix", "other"), ("outcome", "forbidden")]);
        }
        may
    }

    fn publish(&self, connection: &Arc<Connection>, message: &Message) -> BoxFuture<'static, Action> {
        let (metrics, suffix, began) = (Arc::clone(&self.metrics), suffix(&message.topic), Instant::now());
        let handled = self.inner.publish(connection, message);
        // Polling this polls what is inside, so its place is that of the first poll here too.
        Box::pin(async move {
            let action = handled.await;
            metrics.message_ack_seconds.observe(seconds(began));
            let outcome = if action == Action::Fail { "failed" } else { "handled" };
            count(&metrics.messages_in, [("suffix", suffix), ("outcome", outcome)]);
            action
        })
    }

    fn event(&self, connection: &Arc<Connection>, event: Event) -> BoxFuture<'static, Result<(), EventFailed>> {
        let metrics = Arc::clone(&self.metrics);
        let name = match &event {
            Event::Connected => "connected",
            Event::Subscribed { .. } => "subscribed",
            Event::Unsubscribed { .. } => "unsubscribed",
            Event::Disconnected { reason } => {
                metrics.mqtt_disconnected.get_or_create(&[("reason", snake(reason))]).inc();
                "disconnected"
            }
        };
        let handled = self.inner.event(connection, event);
        Box::pin(async move {
            let handled = handled.await;
            count(&metrics.node_events, [("event", name), ("outcome", if handled.is_ok() { "handled" } else { "failed" })]);
            handled
        })
    }

    fn failed(&self, why: Failed) {
        let reason = match &why {
            Failed::Refused(refusal) => snake(refusal),
            Failed::Ended(reason) => snake(reason),
        };
        self.metrics.mqtt_refused.get_or_create(&[("reason", reason)]).inc();
        self.inner.failed(why);
    }
}
