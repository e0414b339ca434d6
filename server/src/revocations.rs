//! Ends the connections of nodes whose certificate was revoked, also by another process such as
//! `raincloud admin node revoke`.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use shared::{Ports, node::certificate, port::table::Cursor};

/// How often the revocations are read.
const EVERY: Duration = Duration::from_secs(1);
/// How often, and how far back, they are read again: a node may have been let in just before its
/// revocation and taken its place only after it, and clocks of two processes may differ a little.
const AGAIN_EVERY: Duration = Duration::from_secs(15);
const AGAIN_FROM: Duration = Duration::from_mins(1);

/// Runs until it is dropped.
pub async fn watch(ports: Ports) {
    let mut watch = Watch::default();
    let mut tick = tokio::time::interval(EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        if let Err(error) = watch.look(&ports, Instant::now()).await {
            tracing::error!(error = &error as &dyn std::error::Error, "revocations could not be read");
        }
    }
}

#[derive(Default)]
struct Watch {
    /// How far it has read.
    seen: Option<Cursor>,
    /// How far it had read then, oldest first.
    earlier: VecDeque<(Instant, Option<Cursor>)>,
}

impl Watch {
    async fn look(&mut self, ports: &Ports, now: Instant) -> shared::Result<()> {
        let due = self.earlier.back().is_none_or(|(at, _)| now.duration_since(*at) >= AGAIN_EVERY);
        if due {
            while self.earlier.get(1).is_some_and(|(at, _)| now.duration_since(*at) >= AGAIN_FROM) {
                self.earlier.pop_front();
            }
            if let Some((_, from)) = self.earlier.front() {
                read(ports, from.clone()).await?;
            }
            self.earlier.push_back((now, self.seen.clone()));
        }
        self.seen = read(ports, self.seen.clone()).await?;
        Ok(())
    }
}

/// Reads to the end.
async fn read(ports: &Ports, mut after: Option<Cursor>) -> shared::Result<Option<Cursor>> {
    loop {
        let reached = certificate::end_revoked(ports, after.clone()).await?;
        if reached == after {
            return Ok(after);
        }
        after = reached;
    }
}
