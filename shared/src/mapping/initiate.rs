//! The first step of a mapping by challenge: the challenge (contract `mqtt-and-node.md` §4.3).

use super::{OUTCOME_SECONDS, group_field, request_key};
use crate::{
    Error, Ports, Refusal, Result,
    access::Caller,
    id::{GroupId, RequestId},
    port::table::{Batch, Value, When, Write},
};

/// Seconds for which a challenge waits if the app does not say.
pub const DEFAULT_SECONDS: i64 = 360;
/// Seconds for which any challenge waits at most, also one that is to wait for ever: what nobody answers is
/// not kept for ever.
pub const MAX_SECONDS: i64 = 7 * 86_400;
/// What tells these requests from those by secret.
pub(super) const BY_CHALLENGE: &str = "challenge";
/// 100 years: what the contract lets an app say.
const MAX_ASKED: i64 = 100 * 366 * 86_400;

/// What the node is to sign.
#[derive(Clone, Debug)]
pub struct Challenge {
    /// Which request it is.
    pub request: RequestId,
    /// ASCII letters and digits.
    pub text: String,
}

/// A challenge for whichever node the caller has in hand, which may come into a group then. 1 write.
///
/// Refusal: [`Refusal::InvalidTimeout`].
pub async fn initiate(ports: &Ports, caller: &Caller, timeout: Option<i64>, group: Option<GroupId>) -> Result<Challenge> {
    let seconds = match timeout.unwrap_or(DEFAULT_SECONDS) {
        0 => MAX_SECONDS,
        asked @ 1..=MAX_ASKED => asked.min(MAX_SECONDS),
        _ => return Err(Refusal::InvalidTimeout.into()),
    };
    let request: RequestId = ports.ids.id().parse().map_err(|_| Error::Corrupt("generated id"))?;
    let text = ports.ids.id() + &ports.ids.id();
    let deadline = ports.clock.now() + seconds;
    let fields = [
        ("by", Value::from(BY_CHALLENGE)),
        ("challenge", text.as_str().into()),
        ("tries", 0.into()),
        ("status", "requested".into()),
        ("deadline", deadline.into()),
    ];
    let put = Write::Put {
        key: request_key(caller.user_id(), &request),
        fields: fields.into_iter().chain(group_field(group.as_ref())).map(|(name, value)| (name.to_owned(), value)).collect(),
        expires: Some(deadline + OUTCOME_SECONDS),
        when: When::Absent,
    };
    ports.table.write(Batch::of(put)?).await?;
    Ok(Challenge { request, text })
}
