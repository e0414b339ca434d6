//! The user's half: an app asks for a node to be mapped.

use super::{
    Gift, MAX_SECRET, NodeHalf, OUTCOME_SECONDS, UserHalf, WINDOW_SECONDS, confirm, group_field, node_half_key, request_key, user_half_key,
};
use crate::{
    Error, Ports, Refusal, Result,
    access::Caller,
    id::{NodeId, RequestId},
    port::table::{Batch, Key, Merge, Record, Value, When, Write},
};

/// Tries before the request gives up against requests of the same user for the same node.
const TRIES: usize = 3;

/// Notes the request, confirms it if the node's half is there already, and returns its id for polling.
/// A request of the same user for the same node that still waits is discarded. The gift is the node's when
/// it is the user's.
pub async fn request(ports: &Ports, caller: &Caller, node: &NodeId, secret: &str, gift: Gift) -> Result<RequestId> {
    if secret.trim().is_empty() {
        return Err(Refusal::SecretKeyBlank.into());
    }
    if secret.len() > MAX_SECRET {
        return Err(Refusal::SecretKeyTooLong.into());
    }
    let id = ports.ids.id().parse().map_err(|_| Error::Corrupt("generated id"))?;
    let half = UserHalf { user: caller.user_id().clone(), request: id, secret: secret.to_owned(), gift };
    let key = user_half_key(&half.user, node);
    for _ in 0..TRIES {
        let before = ports.table.get(&key).await?;
        match ports.table.write(note(ports, node, &half, before.as_ref())?).await {
            Err(error) if error.is_conflict() => continue,
            done => done?,
        };
        if let Some(report) = ports.table.get(&node_half_key(node)).await?.as_ref().and_then(NodeHalf::read) {
            confirm::confirm(ports, node, &half, &report).await?;
        }
        return Ok(half.request);
    }
    Err(Refusal::TooManyTries.into())
}

fn note(ports: &Ports, node: &NodeId, half: &UserHalf, before: Option<&Record>) -> Result<Batch> {
    let deadline = ports.clock.now() + WINDOW_SECONDS;
    let put = |key: Key, fields: Vec<(&str, Value)>, expires: i64, when: When| Write::Put {
        key,
        fields: fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        expires: Some(expires),
        when,
    };
    let request = vec![("node", node.as_str().into()), ("status", "requested".into()), ("deadline", deadline.into())];
    let mut own = vec![("request", half.request.as_str().into()), ("secret", half.secret.as_str().into())];
    own.extend(group_field(half.gift.group.as_ref()));
    if !half.gift.details.is_empty() {
        own.push(("gift", Value::Json(half.gift.details.to_json()?)));
    }
    let unchanged = before.map_or(When::Absent, |record| When::Version(record.version));
    let mut writes = vec![
        put(request_key(&half.user, &half.request), request, deadline + OUTCOME_SECONDS, When::Absent),
        put(user_half_key(&half.user, node), own, deadline, unchanged),
    ];
    if let Some(old) = before.and_then(|record| UserHalf::read(&half.user, record)) {
        let discarded = Merge::new(request_key(&half.user, &old.request)).set("status", "discarded").when(When::Present);
        writes.push(Write::Merge(discarded));
    }
    Ok(Batch::new(writes)?)
}
