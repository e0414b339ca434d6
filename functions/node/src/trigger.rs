//! What AWS IoT hands to the `events` function, as events of the domain. A sample of each stands in
//! `events/` at the root of the repository.
//!
//! * A topic rule: `SELECT encode(*, 'base64') AS payload, topic() AS topic, clientid() AS client,
//!   timestamp() AS ts`, so that the very bytes arrive.
//! * Lifecycle events: `$aws/events/presence/…` and `$aws/events/subscriptions/subscribed/…`.
//! * What a rule says of either, from the queue, if it could not call the function: with the very bytes, but without
//!   the time. That of the queue is a little later.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;
use serde_json::Value;
use shared::{
    event::Event,
    node::presence::{Change, Order},
};

/// The trigger is none that this function knows.
#[derive(Debug, thiserror::Error)]
pub enum UnknownTrigger {
    /// It has another form.
    #[error("unknown trigger: {0}")]
    Form(#[from] serde_json::Error),
    /// The payload is no base64.
    #[error("the payload is not base64: {0}")]
    Payload(#[from] base64::DecodeError),
    /// A rule's failure that does not come from the queue.
    #[error("nobody says when the message came")]
    Time,
}

/// Where AWS IoT itself publishes, and nobody else may.
const LIFECYCLE: &str = "$aws/events/";

#[derive(Deserialize)]
#[serde(untagged)]
enum Trigger {
    Rule {
        payload: String,
        topic: String,
        client: String,
        ts: i64,
    },
    #[serde(rename_all = "camelCase")]
    Failed {
        base64_original_payload: String,
        topic: String,
        client_id: String,
    },
    #[serde(rename_all = "camelCase")]
    Subscription {
        client_id: String,
        topics: Vec<String>,
        event_type: Subscribed,
    },
    #[serde(rename_all = "camelCase")]
    Presence {
        client_id: String,
        timestamp: i64,
        event_type: Connection,
        session_identifier: String,
        version_number: u64,
        disconnect_reason: Option<String>,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Subscribed {
    Subscribed,
}

#[derive(Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Connection {
    Connected,
    Disconnected,
}

/// AWS IoT says `n/a` of whoever is no MQTT client: of itself, where it publishes a will.
fn named(client: String) -> Option<String> {
    (!client.eq_ignore_ascii_case("n/a")).then_some(client)
}

/// The events of a trigger: one, or one for each topic that was subscribed. What comes from the queue came
/// to it at this time, ms since the epoch.
pub fn parse(trigger: Value, queued_at: Option<i64>) -> Result<Vec<Event>, UnknownTrigger> {
    Ok(match serde_json::from_value(trigger)? {
        Trigger::Failed { base64_original_payload, topic, client_id } => {
            let payload = STANDARD.decode(base64_original_payload)?;
            if topic.starts_with(LIFECYCLE) {
                return parse(serde_json::from_slice(&payload)?, None);
            }
            vec![Event::Message { client_id: named(client_id), topic, payload: payload.into(), at: queued_at.ok_or(UnknownTrigger::Time)? }]
        }
        Trigger::Rule { payload, topic, client, ts } => {
            vec![Event::Message { client_id: named(client), topic, payload: STANDARD.decode(payload)?.into(), at: ts }]
        }
        Trigger::Subscription { client_id, topics, event_type: Subscribed::Subscribed } => {
            topics.into_iter().map(|filter| Event::Subscribed { client_id: client_id.clone(), filter }).collect()
        }
        Trigger::Presence { client_id, timestamp, event_type, session_identifier, version_number, disconnect_reason } => {
            let change = Change {
                connected: event_type == Connection::Connected,
                taken_over: disconnect_reason.as_deref() == Some("DUPLICATE_CLIENTID"),
                session: session_identifier,
                order: Order { ms: timestamp, version: version_number },
            };
            vec![Event::Presence { client_id, change }]
        }
    })
}
