//! What the broker asks and tells: who may connect, what nodes may say, and where it goes.
//!
//! A certificate was checked in the handshake; it is checked again at CONNECT, where the client id must be
//! its node's. A publish is acknowledged when its event was handled, so when what it changes is on disk.

use std::sync::{Arc, OnceLock};

use broker::{Action, BoxFuture, Connection, Event as Happening, EventFailed, Hooks, Message, Reason, Refusal};
use shared::{
    Error,
    event::Event,
    node::{
        certificate::{self, Fingerprint},
        presence::{Change, Order},
    },
};
use web::App;

use crate::topics;

/// Raincloud's hooks. The broker is made with them before the application, which needs the broker, can
/// be; until [`begin`](Self::begin) nobody gets in.
pub struct NodeHooks {
    app: OnceLock<App>,
    /// Makes session ids different from those of earlier runs.
    run: i64,
}

impl NodeHooks {
    /// Hooks of a broker that starts at this moment, in ms.
    pub fn new(start: i64) -> Self {
        Self { app: OnceLock::new(), run: start }
    }

    /// Lets nodes in. Called once.
    pub fn begin(&self, app: App) {
        if self.app.set(app).is_err() {
            tracing::warn!("the hooks have an application already");
        }
    }

    /// The broker tells the events of a client in their order, so the time at which they are told orders
    /// them; the number of the connection decides within a millisecond.
    fn change(&self, app: &App, connection: &Connection, ended: Option<Reason>) -> Change {
        Change {
            connected: ended.is_none(),
            taken_over: ended == Some(Reason::TakenOver),
            session: format!("{}-{}", self.run, connection.id),
            order: Order { ms: app.ports.clock.now_ms(), version: connection.id },
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
            tracing::info!(client_id = connection.client_id, node = %known.node, "refused: the certificate is another node's");
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
            client_id: connection.client_id.clone(),
            topic: message.topic.to_string(),
            payload: message.payload.clone(),
            at: app.ports.clock.now_ms(),
        };
        // Basic ingest is for the rules alone (contract `mqtt-and-node.md` §1.5).
        let handled = if message.topic.starts_with("$aws/") { Action::Swallow } else { Action::Route };
        let client_id = connection.client_id.clone();
        Box::pin(async move {
            // Nothing may be awaited before this: its write takes its place on the first poll.
            match ::node::on_event(&app, event).await {
                Ok(()) => handled,
                Err(Error::Refused(refusal)) => {
                    tracing::info!(client_id, %refusal, "a message was refused");
                    handled
                }
                Err(error) => {
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
        Box::pin(async move { ::node::on_event(&app, event).await.map_err(|error| EventFailed(Box::new(error))) })
    }
}
