//! What happens on the nodes' side, as both doors report it: IoT Core's rules, or the hooks of the
//! broker in this process. Delivered at least once and perhaps late, so every handler is idempotent.

use bytes::Bytes;

use crate::node::presence::Change;

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// A client published.
    Message {
        /// The MQTT client id, matched with the client's certificate. None where AWS IoT names nobody, as for a
        /// will: what is published then was allowed on its topic, whose node it is.
        client_id: Option<String>,
        /// The whole topic, with or without `$aws/rules/<rule>/`.
        topic: String,
        /// The very bytes.
        payload: Bytes,
        /// Arrival, ms since the epoch.
        at: i64,
    },
    /// A client connected or disconnected.
    Presence {
        /// The MQTT client id.
        client_id: String,
        /// What changed.
        change: Change,
    },
    /// A client's subscription has begun.
    Subscribed {
        /// The MQTT client id.
        client_id: String,
        /// The topic filter.
        filter: String,
    },
}
