//! Where the embedding program decides: who may connect, what may pass, and what happens with it.

use std::{
    any::Any,
    error::Error,
    fmt,
    net::SocketAddr,
    sync::{Arc, OnceLock},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use futures_util::future::BoxFuture;

use crate::Message;

/// Decisions and notifications of the embedding program.
///
/// A panic in any of them ends the connection it was called for, and nothing else.
pub trait Hooks: Send + Sync + 'static {
    /// Whether this client may connect; awaited before anything else happens in its name. A check made here can
    /// leave its result in [`Connection::data`].
    fn authenticate<'a>(&'a self, connection: &'a Connection) -> BoxFuture<'a, Result<(), Refusal>>;

    /// Whether the client may subscribe to this valid filter. Of a shared subscription this is the part after
    /// `$share/<group>/`. A denied filter is answered with a failure code; the connection stays.
    fn may_subscribe(&self, connection: &Connection, filter: &str) -> bool;

    /// Whether the client may publish to this valid topic; also asked for the will, at CONNECT. A denied publish ends
    /// the connection, a denied will refuses it.
    fn may_publish(&self, connection: &Connection, topic: &str) -> bool;

    /// What to do with a permitted publish; its answer precedes PUBACK or PUBREC. Also called for a will when it is due.
    ///
    /// Several of these run at the same time for one connection, at most
    /// [`Limits::receive_max`](crate::Limits::receive_max). Each is polled once as soon as its packet arrives, so work
    /// that is queued on the first poll keeps the order of the connection. Acknowledgements and routing keep
    /// that order in any case. A retransmission does not run the hook again while the first run lasts. Hooks that have
    /// started are awaited even if their connection ends.
    fn publish(&self, connection: &Arc<Connection>, message: &Message) -> BoxFuture<'static, Action>;

    /// Something happened to a client. The events of one client id come one after the other: each is awaited before the
    /// next one starts, also across a take-over. Reading from the client goes on meanwhile, for up to 64 waiting events.
    ///
    /// An error of [`Event::Connected`] refuses the connection as "server unavailable"; other errors are logged.
    fn event(&self, connection: &Arc<Connection>, event: Event) -> BoxFuture<'static, Result<(), EventFailed>>;

    /// A connection did not come about, also where the broker itself decided so; for who counts. Must not wait.
    fn failed(&self, why: Failed) {
        let _ = why;
    }
}

/// A connection as hooks see it.
pub struct Connection {
    /// Different for each connection of this broker, and increasing.
    pub id: u64,
    /// As sent by the client, or assigned if it sent none.
    pub client_id: String,
    /// The address the embedding program gave to [`serve`](crate::Broker::serve).
    pub remote: SocketAddr,
    /// What TLS proved about the other side, if it did.
    pub peer: Option<Peer>,
    /// User name of the CONNECT packet.
    pub username: Option<String>,
    /// Password of the CONNECT packet; only [`Hooks::authenticate`] sees it.
    pub password: Option<Bytes>,
    /// Protocol version of the CONNECT packet.
    pub protocol: Protocol,
    /// The keep-alive in force, never zero. The connection ends after one and a half times this without a packet.
    pub keep_alive: Duration,
    /// Whether the client asked to begin without earlier state ("clean session" in MQTT 3.1.1).
    pub clean_start: bool,
    /// When the CONNECT packet was read.
    pub connected_at: SystemTime,
    /// Room for the hooks, for instance a policy found by [`Hooks::authenticate`].
    pub data: OnceLock<Arc<dyn Any + Send + Sync>>,
}

impl fmt::Debug for Connection {
    /// Leaves out the password and the data of the hooks.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("id", &self.id)
            .field("client_id", &self.client_id)
            .field("remote", &self.remote)
            .field("protocol", &self.protocol)
            .finish_non_exhaustive()
    }
}

/// What TLS proved about the other side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// SHA-256 of the certificate in DER.
    pub fingerprint: [u8; 32],
    /// Common name of its subject.
    pub common_name: Option<String>,
}

/// Version of MQTT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// MQTT 3.1.1
    V311,
    /// MQTT 5
    V5,
}

/// Answer of [`Hooks::publish`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Acknowledge, and give the message to the subscribers.
    Route,
    /// Acknowledge only.
    Swallow,
    /// Do not acknowledge: end the connection, so that the client sends the message again.
    Fail,
}

/// What [`Hooks::event`] is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The client was authenticated and the connection before it has ended. CONNACK follows.
    Connected,
    /// A subscription is in force and its SUBACK is on the way.
    Subscribed {
        /// As the client sent it.
        filter: String,
    },
    /// A subscription was taken back by the client.
    Unsubscribed {
        /// As the client sent it.
        filter: String,
    },
    /// The connection has ended. Follows each successful `Connected`.
    Disconnected {
        /// Why.
        reason: Reason,
    },
}

/// Why a connection did not come about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failed {
    /// It was refused.
    Refused(Refusal),
    /// It ended before it was decided.
    Ended(Reason),
}

/// Why [`Hooks::event`] could not do its work.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct EventFailed(pub Box<dyn Error + Send + Sync>);

/// Why a connection is refused; becomes the code of CONNACK.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The client identifier is not acceptable (3.1.1: 2, 5: 0x85).
    #[error("client identifier not acceptable")]
    BadClientId,
    /// User name or password are wrong (4, 0x86).
    #[error("bad user name or password")]
    BadCredentials,
    /// The client may not connect, or not with this will (5, 0x87).
    #[error("not authorized")]
    NotAuthorized,
    /// Try again later (3, 0x88).
    #[error("server unavailable")]
    ServerUnavailable,
    /// The server has too much to do (3, 0x89).
    #[error("server busy")]
    ServerBusy,
    /// The client was banned (5, 0x8A).
    #[error("banned")]
    Banned,
    /// The protocol version is not spoken here (1, 0x84).
    #[error("protocol version not supported")]
    UnsupportedProtocol,
    /// Extended authentication is not spoken here (5, 0x8C).
    #[error("bad authentication method")]
    BadAuthenticationMethod,
    /// The topic of the will is not valid (5, 0x90).
    #[error("topic of the will not valid")]
    TopicInvalid,
    /// The `QoS` of the will is higher than [`Limits::max_qos`](crate::Limits::max_qos) (5, 0x9B).
    #[error("QoS of the will not supported")]
    QosNotSupported,
    /// The will is to be retained, but nothing is: [`Limits::retained_messages`](crate::Limits::retained_messages) is 0
    /// (0x9A; MQTT 5 only).
    #[error("retaining the will not supported")]
    RetainNotSupported,
    /// The CONNECT packet contradicts itself (5, 0x82).
    #[error("protocol error")]
    ProtocolError,
}

/// Why a connection ended. For MQTT 5 clients those which are not the client's own doing become a DISCONNECT packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// The client said DISCONNECT.
    #[error("client disconnected")]
    ClientDisconnected,
    /// The client said DISCONNECT and asked for its will (MQTT 5).
    #[error("client disconnected with will")]
    ClientDisconnectedWithWill,
    /// The stream ended without a DISCONNECT.
    #[error("connection lost")]
    ConnectionLost,
    /// No packet within one and a half times the keep-alive (0x8D).
    #[error("keep-alive timeout")]
    KeepAliveTimeout,
    /// Another connection with the same client id came (0x8E).
    #[error("taken over")]
    TakenOver,
    /// The broker shuts down (0x8B).
    #[error("server shutting down")]
    ServerShutdown,
    /// [`Broker::disconnect`](crate::Broker::disconnect) was told so (0x98).
    #[error("administrative action")]
    Administrative,
    /// A publish that is not permitted, or a right that was withdrawn (0x87).
    #[error("not authorized")]
    NotAuthorized,
    /// [`Hooks::publish`] answered [`Action::Fail`] (0x83).
    #[error("publish failed")]
    PublishFailed,
    /// A hook or the broker itself panicked (0x80).
    #[error("internal error")]
    Internal,
    /// A packet that cannot be read (0x81).
    #[error("malformed packet")]
    MalformedPacket,
    /// A packet against the rules (0x82).
    #[error("protocol error")]
    ProtocolError,
    /// A packet over [`Limits::packet_bytes`](crate::Limits::packet_bytes), or with more user properties or filters
    /// than [`Limits`](crate::Limits) permit (0x95).
    #[error("packet too large")]
    PacketTooLarge,
    /// A topic name that is not valid or over the limits (0x90).
    #[error("topic name not valid")]
    TopicInvalid,
    /// A topic alias that is unknown or over the limit (0x94).
    #[error("topic alias not valid")]
    TopicAliasInvalid,
    /// Too many `QoS` 2 publishes without a PUBREL (0x93).
    #[error("receive maximum exceeded")]
    ReceiveMaximumExceeded,
    /// A publish over [`Limits::max_qos`](crate::Limits::max_qos) (0x9B).
    #[error("QoS not supported")]
    QosNotSupported,
    /// A publish to retain, although [`Limits::retained_messages`](crate::Limits::retained_messages) is 0 (0x9A; MQTT 5 only).
    #[error("retain not supported")]
    RetainNotSupported,
    /// The client reads too slowly, or not at all, or subscribes to more retained messages than may wait for it (0x97).
    #[error("too slow")]
    TooSlow,
}

impl Reason {
    /// Whether the client ended the connection in an orderly way and so without its will.
    pub(crate) fn drops_will(self) -> bool {
        self == Self::ClientDisconnected
    }
}
