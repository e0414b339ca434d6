//! What the `events` function is called with, as events of the domain. A sample of each stands in `events/` at
//! the root of the repository.
//!
//! * Whoever deployed the cloud: `{"invite": "<e-mail address>"}`;
//! * a schedule: EventBridge's `Scheduled Event`.

use serde::Deserialize;
use serde_json::Value;
use shared::Refusal;

use crate::Event;

/// The trigger is none that this function knows.
#[derive(Debug, thiserror::Error)]
pub enum UnknownTrigger {
    /// It has another form.
    #[error("unknown trigger: {0}")]
    Form(#[from] serde_json::Error),
    /// The address is none.
    #[error("{0}")]
    Address(#[from] Refusal),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Trigger {
    Invite {
        invite: String,
    },
    Schedule {
        #[serde(rename = "detail-type")]
        kind: Scheduled,
    },
}

#[derive(Deserialize)]
enum Scheduled {
    #[serde(rename = "Scheduled Event")]
    Event,
}

/// The event of a trigger.
pub fn parse(trigger: Value) -> Result<Event, UnknownTrigger> {
    Ok(match serde_json::from_value(trigger)? {
        Trigger::Invite { invite } => Event::Invite(invite.parse()?),
        Trigger::Schedule { kind: Scheduled::Event } => Event::Tick,
    })
}
