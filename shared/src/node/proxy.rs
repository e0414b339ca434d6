//! What a node without a network says through a phone: the node signs it, any user of the node's brings it
//! (contract `mqtt-and-node.md` §4.5, `rest-3.md`). The signature is over the text's very bytes.
//!
//! A message counts from the moment that the node put into it, to the second, so that one that is brought
//! late, or for a second time, never undoes a newer one. 1 get, and what the message costs by MQTT.

use std::str::FromStr;

use data_encoding::HEXLOWER_PERMISSIVE;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    certificate,
    config::{self, Config},
};
use crate::{
    Error, Ports, Refusal, Result,
    access::{
        Grant,
        role::{Itself, Secondary},
    },
    params::report::{self, Kind},
    port::table::TableError,
};

/// Seconds for which a message may be on its way.
const MAX_AGE: i64 = 300;
/// Seconds by which its clock may be ahead.
const MAX_AHEAD: i64 = 5;

/// Which message it stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// `config`.
    Config,
    /// `params/local`.
    Params,
    /// `params/local/init`.
    InitParams,
}

impl FromStr for Action {
    type Err = Refusal;

    fn from_str(text: &str) -> std::result::Result<Self, Refusal> {
        match text {
            "config" => Ok(Self::Config),
            "params" => Ok(Self::Params),
            "initparams" => Ok(Self::InitParams),
            _ => Err(Refusal::UnknownAction),
        }
    }
}

#[derive(Deserialize)]
struct Payload<'a> {
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    timestamp: Option<i64>,
}

/// Does what the message says, as if the node had sent it.
///
/// Refusals: [`Refusal::InvalidSignature`], [`Refusal::WrongSignature`], [`Refusal::TimestampMissing`],
/// [`Refusal::StaleTimestamp`], [`Refusal::DataMissing`], [`Refusal::InvalidBody`].
pub async fn bring(ports: &Ports, user: &Grant<Secondary>, action: Action, payload: &str, signature: &str) -> Result<()> {
    let signature = HEXLOWER_PERMISSIVE.decode(signature.as_bytes()).map_err(|_| Refusal::InvalidSignature)?;
    let node = Grant::trusted_because("the node signed what a user brings", user.node().clone());
    let key = certificate::of(ports, &node).await?.and_then(|registration| registration.public_key());
    if !key.is_some_and(|key| key.verify(payload.as_bytes(), &signature)) {
        return Err(Refusal::WrongSignature.into());
    }
    let Payload { data, timestamp } = serde_json::from_str(payload).map_err(|_| strange("it is no JSON object with data and timestamp"))?;
    let timestamp = timestamp.ok_or(Refusal::TimestampMissing)?;
    let now = ports.clock.now();
    if !(now - MAX_AGE..=now + MAX_AHEAD).contains(&timestamp) {
        return Err(Refusal::StaleTimestamp.into());
    }
    let data = data.ok_or(Refusal::DataMissing)?.get().as_bytes();
    // The end of that second, so that of two messages in it the later to come counts if it came within it.
    let at = (timestamp * 1000 + 999).min(ports.clock.now_ms());
    match act(ports, &node, action, data, at).await {
        Err(Error::Table(TableError::TooLarge(_)) | Error::Batch(_)) => Err(strange("the data is too large").into()),
        done => done,
    }
}

async fn act(ports: &Ports, node: &Grant<Itself>, action: Action, data: &[u8], at: i64) -> Result<()> {
    match action {
        Action::Config => {
            let config = Config::parse(node.node(), data).ok_or_else(|| strange("the data is no config of this node"))?;
            config::report(ports, node, &config, at).await
        }
        Action::Params | Action::InitParams => {
            let values = report::parse(data).ok_or_else(|| strange("the data is no object of devices"))?;
            let kind = if action == Action::Params { Kind::Changed } else { Kind::Init };
            report::report(ports, node, kind, &values, at).await
        }
    }
}

fn strange(why: &str) -> Refusal {
    Refusal::InvalidBody(why.to_owned())
}
