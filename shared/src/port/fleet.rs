//! The port `Fleet`: IoT Core or the broker in this process. It moves bytes on topics and knows no
//! rules of nodes.

use async_trait::async_trait;
use bytes::Bytes;

/// The fleet could not be reached; worth a retry.
#[derive(Debug, thiserror::Error)]
#[error("the MQTT broker did not do it: {0}")]
pub struct FleetError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Reaches nodes. Who is connected is read from presence records, not asked here.
#[async_trait]
pub trait Fleet: Send + Sync + 'static {
    /// Publishes with `QoS` 1 and retain 0 (contract `mqtt-and-node.md` §1.3). Returns when the broker has
    /// taken the message, not when a client has; with the number of clients that it is for, where the
    /// broker tells.
    async fn publish(&self, topic: String, payload: Bytes) -> Result<Option<usize>, FleetError>;

    /// Ends the client's connection, if it has one.
    async fn disconnect(&self, client_id: &str) -> Result<(), FleetError>;

    /// The certificate, in DER, opens connections under this client id from now on; again and again the same.
    /// A broker that goes by our records has nothing to do.
    async fn register(&self, client_id: &str, certificate: &[u8]) -> Result<(), FleetError>;

    /// The certificate with this fingerprint, in small hexadecimal digits, opens no connection any more; again
    /// and again the same, and of one that never did too. A broker that goes by our records has nothing to do.
    async fn revoke(&self, client_id: &str, fingerprint: &str) -> Result<(), FleetError>;

    /// The bare name of the host where nodes connect.
    async fn host(&self) -> Result<String, FleetError>;

    /// Sessions that began before this moment (ms since the epoch) are known to be gone: the start of
    /// a broker that lives in this process, 0 for one that outlives it.
    fn since(&self) -> i64;
}
