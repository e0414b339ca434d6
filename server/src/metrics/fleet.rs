//! Counts what is sent to nodes.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use shared::port::fleet::{Fleet, FleetError};

use super::{Metrics, count, suffix};

/// A fleet whose messages are counted.
pub struct Measured {
    /// The fleet.
    pub inner: Arc<dyn Fleet>,
    /// Where it is counted.
    pub metrics: Arc<Metrics>,
}

#[async_trait]
impl Fleet for Measured {
    async fn publish(&self, topic: String, payload: Bytes) -> Result<Option<usize>, FleetError> {
        let suffix = suffix(&topic);
        let published = self.inner.publish(topic, payload).await;
        let outcome = match &published {
            Ok(Some(0)) => "nobody",
            Ok(_) => "sent",
            Err(_) => "failed",
        };
        count(&self.metrics.messages_out, [("suffix", suffix), ("outcome", outcome)]);
        published
    }

    async fn disconnect(&self, client_id: &str) -> Result<(), FleetError> {
        self.inner.disconnect(client_id).await
    }

    async fn register(&self, client_id: &str, certificate: &[u8]) -> Result<(), FleetError> {
        self.inner.register(client_id, certificate).await
    }

    async fn revoke(&self, client_id: &str, fingerprint: &str) -> Result<(), FleetError> {
        self.inner.revoke(client_id, fingerprint).await
    }

    async fn host(&self) -> Result<String, FleetError> {
        self.inner.host().await
    }

    fn since(&self) -> i64 {
        self.inner.since()
    }
}
