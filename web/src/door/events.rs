//! The door of what calls a function by itself: rules, schedules, whoever deployed it; and the queue of what
//! could not be handled, when it is handed over once more.
//!
//! A message of that queue is what the function was called with, in the envelope of an on-failure destination, or
//! what a rule says that could not call the function at all. A batch is answered with those that failed again.

use lambda_http::{LambdaEvent, lambda_runtime, service_fn};
use serde::Deserialize;
use serde_json::{Value, json};

use super::metrics::Metrics;

pub use lambda_http::Error;

/// What a function is called with.
#[derive(Clone, Debug, PartialEq)]
pub struct Trigger {
    /// All of it.
    pub payload: Value,
    /// When a rule put it into the queue, ms since the epoch, if it comes from there and says no time itself.
    pub queued_at: Option<i64>,
}

#[derive(Deserialize)]
struct Batch {
    #[serde(rename = "Records")]
    records: Vec<Message>,
}

#[derive(Deserialize)]
struct Message {
    #[serde(rename = "messageId")]
    id: String,
    body: String,
    attributes: Attributes,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Attributes {
    sent_timestamp: String,
}

/// Handles what comes until Lambda ends the process. An error goes back to the caller, so that it tries again or
/// the queue keeps it.
pub async fn run(handle: impl AsyncFn(Trigger) -> Result<(), Error>) -> Result<(), Error> {
    lambda_http::tracing::init_default_subscriber();
    let metrics = Metrics::from_env();
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Value>| answer(&handle, &metrics, event.payload).await)).await
}

async fn answer(handle: &impl AsyncFn(Trigger) -> Result<(), Error>, metrics: &Metrics, payload: Value) -> Result<Value, Error> {
    let Ok(Batch { records }) = Batch::deserialize(&payload) else {
        let handled = handle(Trigger { payload, queued_at: None }).await;
        metrics.events(handled.is_ok().into(), handled.is_err().into());
        return handled.map(|()| Value::Null);
    };
    let all = records.len();
    let mut failures = Vec::new();
    for message in records {
        let handled = match message.trigger() {
            Ok(trigger) => handle(trigger).await,
            Err(error) => Err(error.into()),
        };
        if let Err(error) = handled {
            tracing::error!(%error, message = message.id, "a message of the queue failed again");
            failures.push(json!({ "itemIdentifier": message.id }));
        }
    }
    metrics.events(all - failures.len(), failures.len());
    Ok(json!({ "batchItemFailures": failures }))
}

impl Message {
    fn trigger(&self) -> serde_json::Result<Trigger> {
        let mut body: Value = serde_json::from_str(&self.body)?;
        match body.get_mut("requestPayload") {
            Some(payload) => Ok(Trigger { payload: payload.take(), queued_at: None }),
            None => Ok(Trigger { payload: body, queued_at: self.attributes.sent_timestamp.parse().ok() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use futures_util::FutureExt as _;

    use super::*;

    fn message(id: &str, body: &str) -> Value {
        json!({ "messageId": id, "body": body, "attributes": { "SentTimestamp": "1790000000123" }, "eventSource": "aws:sqs" })
    }

    #[test]
    fn what_is_no_batch_is_handed_over_as_it_is() {
        for payload in [json!({ "invite": "a@x.io" }), json!({ "Records": [{ "Sns": {} }] }), Value::Null] {
            let handle = async |trigger: Trigger| {
                assert_eq!(trigger, Trigger { payload: payload.clone(), queued_at: None });
                Ok(())
            };
            assert_eq!(answer(&handle, &Metrics::from_env(), payload.clone()).now_or_never().unwrap().unwrap(), Value::Null);
            let fails = async |_| Err("no".into());
            assert!(answer(&fails, &Metrics::from_env(), payload.clone()).now_or_never().unwrap().is_err());
        }
    }

    #[test]
    fn a_batch_is_answered_with_what_failed_again() {
        let envelope = json!({ "requestContext": { "condition": "RetriesExhausted" }, "requestPayload": { "n": 1 } }).to_string();
        let records = [message("a", &envelope), message("b", r#"{"n":2}"#), message("c", "no JSON"), message("d", r#"{"n":3}"#)];
        let seen = RefCell::new(Vec::new());
        let handle = async |Trigger { payload, queued_at }: Trigger| {
            seen.borrow_mut().push((payload["n"].as_i64(), queued_at));
            if payload["n"] == 2 { Err("no".into()) } else { Ok(()) }
        };
        let told = answer(&handle, &Metrics::from_env(), json!({ "Records": records })).now_or_never().unwrap().unwrap();
        assert_eq!(told, json!({ "batchItemFailures": [{ "itemIdentifier": "b" }, { "itemIdentifier": "c" }] }));
        let queued = Some(1_790_000_000_123);
        assert_eq!(seen.into_inner(), [(Some(1), None), (Some(2), queued), (Some(3), queued)]);
    }
}
