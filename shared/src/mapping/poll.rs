//! What became of a mapping request.

use super::request_key;
use crate::{Error, Ports, Refusal, Result, access::Caller, id::RequestId, port::table::Record};

/// The contract's words (`rest-4-schemas.md`, `AddUserNodeMappingRequestStatus`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Waits for the node.
    Requested,
    /// The node is the user's.
    Confirmed,
    /// The node said nothing in time.
    TimedOut,
    /// The user asked again for the same node.
    Discarded,
}

impl Status {
    /// The contract's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Confirmed => "confirmed",
            Self::TimedOut => "timedout",
            Self::Discarded => "discarded",
        }
    }

    /// Of a request's record, at this time.
    pub(super) fn read(record: &Record, now: i64) -> Result<Self> {
        match (record.str("status"), record.int("deadline")) {
            (Some("requested"), Some(deadline)) if deadline <= now => Ok(Self::TimedOut),
            (Some("requested"), Some(_)) => Ok(Self::Requested),
            (Some("confirmed"), _) => Ok(Self::Confirmed),
            (Some("discarded"), _) => Ok(Self::Discarded),
            _ => Err(Error::Corrupt("mapping request")),
        }
    }
}

/// The state of the caller's own request. 1 get.
pub async fn poll(ports: &Ports, caller: &Caller, request: &RequestId) -> Result<Status> {
    let record = ports.table.get(&request_key(caller.user_id(), request)).await?.ok_or(Refusal::NoMappingRequest)?;
    Status::read(&record, ports.clock.now())
}
