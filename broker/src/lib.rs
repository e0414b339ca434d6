//! A thin MQTT broker to embed: MQTT 3.1.1 and 5 over any stream, with the decisions left to [`Hooks`].
//!
//! ```
//! # use std::{net::SocketAddr, sync::Arc};
//! # use broker::{Broker, Hooks, Limits, Message};
//! # async fn example(hooks: Arc<dyn Hooks>, stream: tokio::io::DuplexStream, remote: SocketAddr) {
//! let broker = Broker::new(hooks, Limits::default());
//! tokio::spawn({
//!     let broker = broker.clone();
//!     async move { broker.serve(stream, remote, None).await }
//! });
//! broker.publish(Message::new("greetings/all", "hello"));
//! # }
//! ```
//!
//! Accepting connections, TLS with its time limit, and everything about the meaning of messages belong to the embedding
//! program. Nothing is stored: sessions, queues and retained messages live in memory and end with the process.
//!
//! # Map
//!
//! | Module | Purpose |
//! |---|---|
//! | `broker` | [`Broker`]: registry of sessions and connections, routing |
//! | `hooks`, `limits`, `message`, `stats` | the public vocabulary |
//! | `connect` | from the first byte to CONNACK |
//! | `seat` | the right to act for a client id; take-over, and cleaning up after any end |
//! | `connection`, `incoming` | the loop of a connection, and what its packets ask for |
//! | `running`, `pace`, `io`, `link` | parts of a connection: running hooks, rates, buffers, being woken |
//! | `session`, `queue` | what waits for a client, connected or not |
//! | `subscriptions`, `retained`, `trie`, `topic` | who gets what |
//! | `timers`, `will` | what is due later |
//! | `wire` | one packet model for both protocol versions |
//! | `guard` | catching panics |
//!
//! # Rules it keeps
//!
//! * A publish is acknowledged after its hook has answered, in the order of arrival. A failed one is never acknowledged.
//! * A session is one object for as long as it exists. A take-over waits for the end of the connection before and then
//!   goes on with the same session, so that nothing acknowledged is lost in between.
//! * Locks are never held across an `await`, and a lock of a session is never held while another lock is taken, except
//!   that of the timers.
//! * Nothing grows without a limit; see [`Limits`].

mod broker;
mod connect;
mod connection;
mod guard;
mod hooks;
mod incoming;
mod io;
mod limits;
mod link;
mod message;
mod pace;
mod queue;
mod retained;
mod running;
mod seat;
mod session;
mod stats;
mod subscriptions;
mod timers;
mod topic;
mod trie;
mod will;
mod wire;

pub use broker::Broker;
pub use bytes::Bytes;
pub use bytestring::ByteString;
pub use futures_util::future::BoxFuture;
pub use hooks::{Action, Connection, Event, EventFailed, Failed, Hooks, Peer, Protocol, Reason, Refusal};
pub use limits::Limits;
pub use message::{Message, Properties, QoS};
pub use stats::Stats;
