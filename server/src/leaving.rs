//! Forgets accounts whose deletion was interrupted, and guests whose time has passed.

use std::time::Duration;

use shared::{Ports, user::delete};
use tokio::time::MissedTickBehavior;

const EVERY: Duration = Duration::from_mins(10);

/// Runs until it is dropped; looks at once, and now and then.
pub(crate) async fn watch(ports: Ports) {
    let mut tick = tokio::time::interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        match delete::finish(&ports).await {
            Ok(0) => {}
            Ok(accounts) => tracing::info!(accounts, "accounts that had left were forgotten"),
            Err(error) => tracing::error!(error = &error as &dyn std::error::Error, "accounts that leave could not be forgotten"),
        }
    }
}
