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
    host: String,
    since: i64,
}

impl BrokerFleet {
    /// The broker, which has begun now; nodes find it under this name.
    pub fn new(broker: Broker, host: String, clock: &dyn Clock) -> Self {
        Self { broker, host, since: clock.now_ms() }
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

    // Records say which certificates are good: they are read in each handshake and again at each CONNECT.
    async fn register(&self, _: &str, _: &[u8]) -> Result<(), FleetError> {
        Ok(())
    }

    async fn revoke(&self, _: &str, _: &str) -> Result<(), FleetError> {
        Ok(())
    }

    async fn host(&self) -> Result<String, FleetError> {
        Ok(self.host.clone())
    }

    fn since(&self) -> i64 {
        self.since
    }
}

const AWAY: &str = "nodes are not connected to this process";

/// The broker is in another process, which reads from the database what it has to do.
pub struct Elsewhere;

#[async_trait]
impl Fleet for Elsewhere {
    async fn publish(&self, _: String, _: Bytes) -> Result<Option<usize>, FleetError> {
        Err(FleetError(AWAY.into()))
    }

    async fn disconnect(&self, _: &str) -> Result<(), FleetError> {
        Ok(())
    }

    // Records say which certificates are good: they are read in each handshake and again at each CONNECT.
    async fn register(&self, _: &str, _: &[u8]) -> Result<(), FleetError> {
        Ok(())
    }

    async fn revoke(&self, _: &str, _: &str) -> Result<(), FleetError> {
        Ok(())
    }

    async fn host(&self) -> Result<String, FleetError> {
        Err(FleetError(AWAY.into()))
    }

    fn since(&self) -> i64 {
        0
    }
}
