//! What the broker asks and tells: who may connect, what nodes may say, and where it goes.
//!
//! A certificate was checked in the handshake; it is checked again at CONNECT, where the client id must be
//! its node's. A publish is acknowledged when its event was handled, so when what it changes is on disk.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use broker::{Action, BoxFuture, Connection, Event as Happening, EventFailed, Hooks, Message, Reason, Refusal};
use shared::{
    Error,
    event::Event,
    node::{
        certificate::{self, Fingerprint},
        presence::{Change, Order},
    },
};
use tokio::time::timeout;
use web::App;

use crate::{arrival::Arrivals, topics};

/// For handling one message or event. What hangs must not hold the node's connection, and its next ones,
/// for ever.
const PATIENCE: Duration = Duration::from_secs(20);

/// Raincloud's hooks. The broker is made with them before the application, which needs the broker, can
/// be; until [`begin`](Self::begin) nobody gets in.
pub struct NodeHooks {
    app: OnceLock<App>,
    /// Makes session ids different from those of earlier runs.
    run: i64,
    arrivals: Arrivals,
}

impl NodeHooks {
    /// Hooks of a broker that starts at this moment, in ms.
    pub fn new(start: i64) -> Self {
        Self { app: OnceLock::new(), run: start, arrivals: Arrivals::default() }
    }

    /// Lets nodes in. Called once.
    pub fn begin(&self, app: App) {
        if self.app.set(app).is_err() {
            tracing::warn!("the hooks have an application already");
        }
    }

    /// The broker tells the events of a client in their order, so the time at which they are told orders
    /// them, also when the clock is set back; the number of the connection decides within a millisecond.
    fn change(&self, app: &App, connection: &Connection, ended: Option<Reason>) -> Change {
        Change {
            connected: ended.is_none(),
            taken_over: ended == Some(Reason::TakenOver),
            session: format!("{}-{}", self.run, connection.id),
            order: Order { ms: self.arrivals.moment(app.ports.clock.now_ms()), version: connection.id },
        }
    }
}

/// Is the other side the node that it says it is?
async fn admit(app: Option<&App>, connection: &Connection) -> Result<(), Refusal> {
    let app = app.ok_or(Refusal::ServerUnavailable)?;
    let peer = connection.peer.as_ref().ok_or(Refusal::NotAuthorized)?;
    let found = certificate::find(&app.ports, &Fingerprint(peer.fingerprint)).await;
    match found {
        Ok(Some(known)) if known.revoked => Err(Refusal::NotAuthorized),
        Ok(Some(known)) if known.node.as_str() == connection.client_id => Ok(()),
        Ok(Some(known)) => {
            tracing::debug!(client_id = connection.client_id, node = %known.node, "refused: the certificate is another node's");
            Err(Refusal::NotAuthorized)
        }
        Ok(None) => Err(Refusal::NotAuthorized),
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "a certificate could not be looked up");
            Err(Refusal::ServerUnavailable)
        }
    }
}

impl Hooks for NodeHooks {
    fn authenticate<'a>(&'a self, connection: &'a Connection) -> BoxFuture<'a, Result<(), Refusal>> {
        Box::pin(admit(self.app.get(), connection))
    }

    fn may_subscribe(&self, connection: &Connection, filter: &str) -> bool {
        topics::may_subscribe(&connection.client_id, filter)
    }

    fn may_publish(&self, connection: &Connection, topic: &str) -> bool {
        topics::may_publish(&connection.client_id, topic)
    }

    fn publish(&self, connection: &Arc<Connection>, message: &Message) -> BoxFuture<'static, Action> {
        let Some(app) = self.app.get().cloned() else { return Box::pin(async { Action::Fail }) };
        let event = Event::Message {
            client_id: Some(connection.client_id.clone()),
            topic: message.topic.to_string(),
            payload: message.payload.clone(),
            at: self.arrivals.next(connection, app.ports.clock.now_ms()),
        };
        // Basic ingest is for the rules alone (contract `mqtt-and-node.md` §1.5).
        let handled = if message.topic.starts_with("$aws/") { Action::Swallow } else { Action::Route };
        let client_id = connection.client_id.clone();
        Box::pin(async move {
            // Nothing may be awaited before this: its write takes its place on the first poll.
            match timeout(PATIENCE, ::node::on_event(&app, event)).await {
                Ok(Ok(())) => handled,
                Ok(Err(Error::Refused(refusal))) => {
                    tracing::debug!(client_id, %refusal, "a message was refused");
                    handled
                }
                Err(_) => {
                    tracing::error!(client_id, "a message was not handled in time");
                    Action::Fail
                }
                Ok(Err(error)) => {
                    tracing::error!(client_id, error = &error as &dyn std::error::Error, "a message could not be handled");
                    Action::Fail
                }
            }
        })
    }

    fn event(&self, connection: &Arc<Connection>, happening: Happening) -> BoxFuture<'static, Result<(), EventFailed>> {
        let Some(app) = self.app.get().cloned() else { return Box::pin(async { Ok(()) }) };
        let client_id = connection.client_id.clone();
        let event = match happening {
            Happening::Connected => {
                tracing::debug!(client_id, remote = %connection.remote, "connected");
                Event::Presence { client_id, change: self.change(&app, connection, None) }
            }
            Happening::Disconnected { reason } => {
                tracing::debug!(client_id, %reason, "disconnected");
                Event::Presence { client_id, change: self.change(&app, connection, Some(reason)) }
            }
            Happening::Subscribed { filter } => Event::Subscribed { client_id, filter },
            Happening::Unsubscribed { .. } => return Box::pin(async { Ok(()) }),
        };
        Box::pin(async move {
            let handled = timeout(PATIENCE, ::node::on_event(&app, event)).await;
            handled.map_err(|late| EventFailed(Box::new(late)))?.map_err(|error| EventFailed(Box::new(error)))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use broker::{Bytes, Peer, Protocol};
    use shared::{
        Ports,
        access::Grant,
        port::table::{Key, Record, TableId},
    };

    use super::*;
    use crate::test::{self, Recorder};

    struct World {
        hooks: NodeHooks,
        ports: Ports,
        table: Arc<embedded::sqlite::SqliteTable>,
        _folder: tempfile::TempDir,
    }

    impl World {
        async fn new() -> Self {
            let (ports, table, folder) = test::ports_and_table(Arc::new(Recorder::default()));
            let hooks = NodeHooks::new(7);
            hooks.begin(App::new(ports.clone()));
            for (node, mark) in [("n1", 1), ("n2", 2), ("gone", 3)] {
                certificate::register(&ports, &grant(node), &test::certificate(mark)).await.unwrap();
            }
            certificate::revoke(&ports, &grant("gone")).await.unwrap();
            Self { hooks, ports, table, _folder: folder }
        }

        async fn presence(&self) -> Record {
            self.ports.table.get(&Key::new(TableId::Nodes, "node#n1", "presence")).await.unwrap().unwrap()
        }

        async fn tell(&self, connection: &Arc<Connection>, event: Happening) {
            self.hooks.event(connection, event).await.unwrap();
        }
    }

    fn grant(node: &str) -> Grant<shared::access::role::Itself> {
        Grant::trusted_because("test", node.parse().unwrap())
    }

    fn connection(id: u64, client_id: &str, mark: Option<u8>) -> Arc<Connection> {
        Arc::new(Connection {
            id,
            client_id: client_id.to_owned(),
            remote: ([127, 0, 0, 1], 1).into(),
            peer: mark.map(|mark| Peer { fingerprint: [mark; 32], common_name: None }),
            username: None,
            password: None,
            protocol: Protocol::V311,
            keep_alive: Duration::from_mins(2),
            clean_start: true,
            connected_at: SystemTime::now(),
            data: OnceLock::new(),
        })
    }

    #[tokio::test]
    async fn a_client_is_the_node_of_its_certificate_or_nobody() {
        let world = World::new().await;
        for (client_id, mark, admitted) in [
            ("n1", Some(1), Ok(())),
            ("n2", Some(2), Ok(())),
            ("n2", Some(1), Err(Refusal::NotAuthorized)),
            ("gone", Some(3), Err(Refusal::NotAuthorized)),
            ("n1", Some(9), Err(Refusal::NotAuthorized)),
            ("n1", None, Err(Refusal::NotAuthorized)),
        ] {
            let connection = connection(1, client_id, mark);
            assert_eq!(world.hooks.authenticate(&connection).await, admitted, "{client_id} {mark:?}");
        }
        let early = NodeHooks::new(7);
        assert_eq!(early.authenticate(&connection(1, "n1", Some(1))).await, Err(Refusal::ServerUnavailable));
        let message = Message::new("node/n1/config", "{}");
        assert_eq!(early.publish(&connection(1, "n1", Some(1)), &message).await, Action::Fail);
    }

    #[tokio::test]
    async fn presence_follows_the_session_and_a_taken_over_one_says_nothing_of_the_next() {
        let world = World::new().await;
        let (first, second) = (connection(1, "n1", Some(1)), connection(2, "n1", Some(1)));
        world.tell(&first, Happening::Connected).await;
        assert_eq!(world.presence().await.bool("connected"), Some(true));
        assert_eq!(world.presence().await.str("session"), Some("7-1"));
        world.tell(&second, Happening::Connected).await;
        world.tell(&first, Happening::Disconnected { reason: Reason::TakenOver }).await;
        assert_eq!(world.presence().await.bool("connected"), Some(true));
        world.tell(&second, Happening::Disconnected { reason: Reason::ConnectionLost }).await;
        assert_eq!(world.presence().await.bool("connected"), Some(false));
        assert_eq!(world.presence().await.str("session"), Some("7-2"));
    }

    #[tokio::test]
    async fn what_is_said_on_rule_topics_goes_no_further() {
        let world = World::new().await;
        let connection = connection(1, "n1", Some(1));
        for (topic, action) in [
            ("node/n1/params/local", Action::Route),
            ("node/n1/whatever", Action::Route),
            ("$aws/rules/esp_set_params/node/n1/params/local", Action::Swallow),
            ("$aws/things/n1/streams/s1/get/cbor", Action::Swallow),
        ] {
            let message = Message::new(topic, Bytes::from_static(br#"{"Light":{"Power":true}}"#));
            assert_eq!(world.hooks.publish(&connection, &message).await, action, "{topic}");
        }
        let params = world.ports.table.get(&Key::new(TableId::Nodes, "node#n1", "params")).await.unwrap().unwrap();
        assert!(params.fields.contains_key("p/Light/Power"));
    }

    #[test]
    fn what_arrives_later_counts_as_later() {
        let arrivals = Arrivals::default();
        let (first, second) = (connection(1, "n1", None), connection(2, "n1", None));
        // Within a millisecond, then with the clock set back, then over another connection.
        assert_eq!([1000, 1000, 1000, 2000, 500, 500].map(|now| arrivals.next(&first, now)), [1000, 1001, 1002, 2000, 2001, 2002]);
        assert_eq!([500, 3000].map(|now| arrivals.next(&second, now)), [2003, 3000]);
    }

    #[tokio::test]
    async fn what_could_not_be_stored_is_not_acknowledged() {
        let world = World::new().await;
        world.table.close().await;
        let message = Message::new("node/n1/params/local", Bytes::from_static(br#"{"Light":{"Power":true}}"#));
        assert_eq!(world.hooks.publish(&connection(1, "n1", Some(1)), &message).await, Action::Fail);
        assert_eq!(world.hooks.authenticate(&connection(1, "n1", Some(1))).await, Err(Refusal::ServerUnavailable));
        assert!(world.hooks.event(&connection(1, "n1", Some(1)), Happening::Connected).await.is_err());
    }
}
