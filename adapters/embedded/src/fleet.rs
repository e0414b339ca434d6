//! The port `Fleet` on the broker in this process.

use async_trait::async_trait;
use broker::{Broker, Message, Reason};
use bytes::Bytes;
use shared::port::{
    clock::Clock,
    fleet::{Fleet, FleetError},
};

/// The broker in this process. Its sessions end with it, so it knows of none from before its start.
pub struct BrokerFleet {
    broker: Broker,
    since: i64,
}

impl BrokerFleet {
    /// The broker, which has begun now.
    pub fn new(broker: Broker, clock: &dyn Clock) -> Self {
        Self { broker, since: clock.now_ms() }
    }
}

#[async_trait]
impl Fleet for BrokerFleet {
    async fn publish(&self, topic: String, payload: Bytes) -> Result<Option<usize>, FleetError> {
        let sessions = self.broker.publish(Message::new(topic, payload));
        tracing::trace!(sessions, "published");
        Ok(Some(sessions))
    }

    async fn disconnect(&self, client_id: &str) -> Result<(), FleetError> {
        if self.broker.disconnect(client_id, Reason::Administrative) {
            tracing::info!(client_id, "disconnected");
        }
        Ok(())
    }

    fn since(&self) -> i64 {
        self.since
    }
}

/// The broker is in another process, which reads from the database what it has to do.
pub struct Elsewhere;

#[async_trait]
impl Fleet for Elsewhere {
    async fn publish(&self, _: String, _: Bytes) -> Result<Option<usize>, FleetError> {
        Err(FleetError("nodes are not connected to this process".into()))
    }

    async fn disconnect(&self, _: &str) -> Result<(), FleetError> {
        Ok(())
    }

    fn since(&self) -> i64 {
        0
    }
}
