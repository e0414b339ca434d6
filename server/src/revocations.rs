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
    /// How far it had read the time before. It goes on from there, because two revocations of one
    /// millisecond order by their nodes' ids, not by which was written first.
    before: Option<Cursor>,
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
        let from = std::mem::replace(&mut self.before, self.seen.clone());
        self.seen = read(ports, from).await?;
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use shared::access::Grant;

    use super::*;
    use crate::test::{self, Recorder};

    async fn revoke(ports: &Ports, node: &str, mark: u8) {
        let grant = Grant::trusted_because("test", node.parse().unwrap());
        certificate::register(ports, &grant, &test::certificate(mark)).await.unwrap();
        // As another process does it, which has no connections.
        let elsewhere = Ports { fleet: Arc::new(Recorder::default()), ..ports.clone() };
        certificate::revoke(&elsewhere, &grant).await.unwrap();
    }

    #[tokio::test]
    async fn each_revocation_is_carried_out_at_once_and_once_more_later() {
        let recorder = Arc::new(Recorder::default());
        let (ports, _folder) = test::ports(Arc::clone(&recorder) as _);
        let mut watch = Watch::default();
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        revoke(&ports, "old", 1).await;
        watch.look(&ports, at(0)).await.unwrap();
        assert_eq!(recorder.take(), ["old"]);
        // Perhaps in the same millisecond, and before the other one in the order of ids.
        revoke(&ports, "n1", 2).await;
        watch.look(&ports, at(1)).await.unwrap();
        assert!(recorder.take().contains(&"n1".to_owned()));
        watch.look(&ports, at(2)).await.unwrap();
        recorder.take();
        let mut again = Vec::new();
        for second in 3..200 {
            watch.look(&ports, at(second)).await.unwrap();
            again.extend(recorder.take().into_iter().map(|node| (second, node)));
        }
        let times = |wanted: &str| again.iter().filter(|(_, node)| node == wanted).map(|(second, _)| *second).collect::<Vec<_>>();
        assert_eq!(times("n1").first(), Some(&15));
        assert!(times("n1").last().is_some_and(|last| *last <= 95), "{again:?}");
        assert!(watch.earlier.len() <= 7);
    }
}
