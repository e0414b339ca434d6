//! What one client may use. Every limit is enforced; none of them is "unlimited".

use std::time::Duration;

use crate::QoS;

/// The limits of a [`Broker`](crate::Broker). [`Limits::default`] suits small devices.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections at one time, those still before their CONNECT included. Further ones are closed at once, without
    /// an answer. Default 20 000.
    pub connections: usize,
    /// Time from the start of [`serve`](crate::Broker::serve) to a complete CONNECT packet. Default 10 s.
    pub connect_timeout: Duration,
    /// How long a connection waits for the end of the one it takes over, running hooks included, before it is
    /// refused as "server unavailable". Default 30 s.
    pub takeover_timeout: Duration,
    /// Longest client identifier in bytes. Default 256.
    pub client_id_bytes: usize,
    /// Largest packet a client may send, in bytes after the fixed header; announced to MQTT 5 clients.
    /// Default 128 KiB + 4 KiB.
    pub packet_bytes: u32,
    /// Largest CONNECT packet, will included, in bytes after the fixed header; no more than `packet_bytes` in any case.
    /// Default 16 KiB.
    pub connect_bytes: u32,
    /// User properties of one packet or will (MQTT 5). Default 32.
    pub user_properties: usize,
    /// Highest `QoS` of publishes, wills and granted subscriptions. Default [`QoS::ExactlyOnce`].
    pub max_qos: QoS,
    /// Subscriptions of one session, and filters of one packet. Default 50.
    pub subscriptions: usize,
    /// Longest topic name or filter in bytes. Default 512.
    pub topic_bytes: usize,
    /// Most levels (parts between slashes) of a topic name or filter. Default 16.
    pub topic_levels: usize,
    /// Publishes per second and connection in the long run. Faster clients are slowed by not reading from them;
    /// nothing is dropped. At least 1. Default 100.
    pub publish_rate: u32,
    /// Publishes a connection may send at once before `publish_rate` binds. At least 1. Default 500.
    pub publish_burst: u32,
    /// Filters to subscribe or unsubscribe, pings, and acknowledgements of nothing, per second and connection in the
    /// long run; treated like `publish_rate`. At least 1. Default 50.
    pub control_rate: u32,
    /// Of those, what a connection may send at once before `control_rate` binds. At least 1. Default 200.
    pub control_burst: u32,
    /// Publishes of one connection whose hook runs at the same time; also the Receive Maximum announced to MQTT 5
    /// clients and the most `QoS` 2 publishes without a PUBREL. At least 1. Default 32.
    pub receive_max: u16,
    /// `QoS` 1 and 2 messages sent to one client and not yet acknowledged (an MQTT 5 client may ask for fewer).
    /// At least 1. Default 100.
    pub in_flight: u16,
    /// Messages waiting for one client. An offline session keeps the newest. A connected client drops `QoS` 0 first; if
    /// that does not help it is disconnected as too slow. Retained messages sent on SUBSCRIBE are counted apart, up to
    /// twice `retained_messages`. Default 1 000.
    pub queued_messages: usize,
    /// Bytes (topic, payload, properties and 256 for each message) waiting for one client or sent to it and not yet
    /// acknowledged; treated like `queued_messages`. Default 1 MiB.
    pub queued_bytes: usize,
    /// Bytes waiting for all clients together. At this limit no session takes more than its `queued_bytes_share`: an
    /// offline one keeps the newest, a connected one drops what is new, and is not disconnected for it.
    /// Default 256 MiB.
    pub queued_bytes_total: usize,
    /// Bytes that may wait for one client even if `queued_bytes_total` is reached. Default 16 KiB.
    pub queued_bytes_share: usize,
    /// Sessions kept for clients that are not connected. Over it, the session nearest its expiry is given up.
    /// Default 10 000.
    pub offline_sessions: usize,
    /// Life of an MQTT 3.1.1 session with "clean session 0" after its connection ended. Default 1 h.
    pub session_expiry: Duration,
    /// Longest life an MQTT 5 client may ask for. Default 1 h.
    pub session_expiry_max: Duration,
    /// Retained messages in all. Further topics are not retained. With 0 nothing ever is: MQTT 5 clients are told so and
    /// may not try, for others the message is just routed. Default 10 000.
    pub retained_messages: usize,
    /// Bytes of all retained messages, counted like `queued_bytes`. Default 16 MiB.
    pub retained_bytes: usize,
    /// Longest keep-alive. A client that asks for more, or for 0 ("never"), gets this; enforced at one and a half
    /// times. Default 1 200 s.
    pub keep_alive_max: Duration,
    /// A client that takes no byte for so long, while there is something to send, is disconnected. Default 30 s.
    pub write_stall: Duration,
    /// Topic aliases per connection and direction (MQTT 5). Default 16.
    pub topic_aliases: u16,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 20_000,
            connect_timeout: Duration::from_secs(10),
            takeover_timeout: Duration::from_secs(30),
            client_id_bytes: 256,
            packet_bytes: 132 * 1024,
            connect_bytes: 16 * 1024,
            user_properties: 32,
            max_qos: QoS::ExactlyOnce,
            subscriptions: 50,
            topic_bytes: 512,
            topic_levels: 16,
            publish_rate: 100,
            publish_burst: 500,
            control_rate: 50,
            control_burst: 200,
            receive_max: 32,
            in_flight: 100,
            queued_messages: 1_000,
            queued_bytes: 1024 * 1024,
            queued_bytes_total: 256 * 1024 * 1024,
            queued_bytes_share: 16 * 1024,
            offline_sessions: 10_000,
            session_expiry: Duration::from_hours(1),
            session_expiry_max: Duration::from_hours(1),
            retained_messages: 10_000,
            retained_bytes: 16 * 1024 * 1024,
            keep_alive_max: Duration::from_mins(20),
            write_stall: Duration::from_secs(30),
            topic_aliases: 16,
        }
    }
}
