//! What a client left to be published when its connection fails.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use crate::{Action, Connection, Message, broker::Inner, guard::caught};

pub(crate) struct Will {
    pub(crate) message: Message,
    pub(crate) delay: Duration,
    /// The connection it was left by, for the hook.
    pub(crate) connection: Arc<Connection>,
    pub(crate) broker: Weak<Inner>,
}

impl Will {
    /// Asks the hook and routes.
    pub(crate) async fn publish(self, broker: &Inner) {
        let Self { message, connection, .. } = self;
        let hooks = Arc::clone(&broker.hooks);
        let for_hook = message.clone();
        let hook_connection = Arc::clone(&connection);
        let action = caught(async move { hooks.publish(&hook_connection, &for_hook).await }).await;
        match action {
            Some(Action::Route) => {
                broker.route(message, Some(&connection.client_id));
            }
            Some(Action::Swallow) => {}
            Some(Action::Fail) | None => {
                tracing::warn!(client_id = connection.client_id, "the will was not taken");
            }
        }
    }
}
