//! The second step of a mapping by challenge: the node's signature, brought by the app. The node is mapped at
//! once.

use data_encoding::HEXLOWER_PERMISSIVE;

use super::{
    Gift,
    confirm::{self, Handover, Outcome},
    group_of,
    initiate::BY_CHALLENGE,
    poll::Status,
    request_key,
};
use crate::{
    Ports, Refusal, Result,
    access::{Caller, Grant},
    id::{GroupId, NodeId, RequestId},
    node::certificate::{self, Registration},
    port::table::{Batch, Key, Merge, Record, When, Write},
};

/// Answers to one challenge.
const TRIES: i64 = 5;

/// Maps the node to the caller if it signed the challenge of the caller's request, and gives it what the caller
/// brings. A challenge maps once.
/// 1 write, 3 gets, 1 batch.
///
/// Refusals: [`Refusal::NoMappingRequest`], [`Refusal::MappingTimedOut`], [`Refusal::AlreadyMapped`],
/// [`Refusal::MappingEnded`], [`Refusal::NoSuchNode`], [`Refusal::WrongResponse`].
pub async fn verify(ports: &Ports, caller: &Caller, request: &RequestId, node: &NodeId, response: &str, mut gift: Gift) -> Result<()> {
    let key = request_key(caller.user_id(), request);
    let (challenge, group) = take_try(ports, &key).await?;
    gift.group = gift.group.or(group);
    let itself = Grant::trusted_because("whether the node signed is what is checked", node.clone());
    let registration = certificate::of(ports, &itself).await?.ok_or(Refusal::NoSuchNode)?;
    let signature = HEXLOWER_PERMISSIVE.decode(response.as_bytes()).map_err(|_| Refusal::WrongResponse)?;
    if !registration.public_key().is_some_and(|key| key.verify(challenge.as_bytes(), &signature)) {
        return Err(Refusal::WrongResponse.into());
    }
    let proof = vec![
        Write::Merge(Merge::new(key.clone()).set("status", "confirmed").when(waits())),
        // Not revoked meanwhile, and the key is still the node's.
        Write::Check { key: Registration::key(node), when: When::Version(registration.version) },
    ];
    match confirm::hand_over(ports, &Handover { node, user: caller.user_id(), reset: false, gift: &gift, proof }).await? {
        Outcome::Done => Ok(()),
        Outcome::ProofGone => {
            let request = ports.table.get(&key).await?.ok_or(Refusal::NoMappingRequest)?;
            waiting(ports, &request)?;
            Err(Refusal::WrongResponse.into())
        }
    }
}

fn waits() -> When {
    When::FieldEq("status".to_owned(), "requested".into())
}

/// The challenge, if it waits for an answer, and the group for the node. The try is counted before the answer is looked at;
/// one too many ends the request.
async fn take_try(ports: &Ports, key: &Key) -> Result<(String, Option<GroupId>)> {
    let by_challenge = When::FieldEq("by".to_owned(), BY_CHALLENGE.into());
    let count = Merge::new(key.clone()).add("tries", 1).when(by_challenge);
    let request = match ports.table.write(Batch::of(Write::Merge(count))?).await {
        Err(error) if error.is_conflict() => return Err(Refusal::NoMappingRequest.into()),
        before => before?.ok_or(Refusal::NoMappingRequest)?,
    };
    let challenge = waiting(ports, &request)?;
    if request.int("tries").is_none_or(|tries| tries >= TRIES) {
        let end = Merge::new(key.clone()).set("status", "discarded").when(waits());
        match ports.table.write(Batch::of(Write::Merge(end))?).await {
            Err(error) if error.is_conflict() => {}
            ended => drop(ended?),
        }
        return Err(Refusal::MappingEnded.into());
    }
    Ok((challenge.to_owned(), group_of(&request)))
}

/// The challenge of a request that takes an answer.
fn waiting<'a>(ports: &Ports, request: &'a Record) -> Result<&'a str> {
    match (Status::read(request, ports.clock.now())?, request.str("challenge")) {
        (Status::Requested, Some(challenge)) => Ok(challenge),
        (Status::Confirmed, _) => Err(Refusal::AlreadyMapped.into()),
        (Status::TimedOut, _) => Err(Refusal::MappingTimedOut.into()),
        (Status::Requested | Status::Discarded, _) => Err(Refusal::MappingEnded.into()),
    }
}
