//! The number of files that the process may have open: each connection is one.

#[cfg(unix)]
pub use unix::raise;

/// Files beside the connections.
#[cfg(unix)]
const OTHERS: u64 = 256;

#[cfg(unix)]
mod unix {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    use super::OTHERS;

    /// Asks the system for as many files as these connections need, and says so if it allows fewer.
    /// Returns for how many connections there is room.
    pub fn raise(connections: u64) -> u64 {
        let wanted = connections + OTHERS;
        let before = getrlimit(Resource::Nofile);
        let now = match before.maximum {
            Some(maximum) => wanted.max(before.current.unwrap_or(u64::MAX)).min(maximum),
            None => wanted.max(before.current.unwrap_or(u64::MAX)),
        };
        if before.current.is_some_and(|current| current < now) {
            let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(now), maximum: before.maximum });
            if let Err(error) = raised {
                tracing::warn!(%error, "the limit of open files can't be raised");
            }
        }
        let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        if limit < wanted {
            tracing::warn!(
                limit,
                wanted,
                "the system allows fewer open files than --max-nodes and --max-http need: fewer nodes can connect"
            );
        }
        limit.saturating_sub(OTHERS).min(connections)
    }
}

/// There is no such limit here.
#[cfg(not(unix))]
pub fn raise(connections: u64) -> u64 {
    connections
}
