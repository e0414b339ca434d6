//! `PUT /v1/user/nodes/params` (contract `clients.md` A3, D12): with `node_id` in the query the body is
//! one node's params and the answer an object; without, the body is a list of 1 to 25
//! `{node_id, payload}` and the answer a list, 207, an entry for each. Errors: 100006, 100010, 100012,
//! 103002.

use std::collections::{BTreeMap, HashSet};

use axum::extract::State;
use schemars::{JsonSchema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared::{
    Refusal,
    id::NodeId,
    params::set::{self, Done, MAX_NODES},
};
use web::{
    App, Body, Caller, Failure, Query, Result,
    error::FailureBody,
    extract::query::OfNode,
    reply::{Either, MultiStatus, Success},
};

/// Values by device and param of the node in the query, or a list.
#[derive(Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Request(#[schemars(schema_with = "forms")] Value);

fn forms(generator: &mut SchemaGenerator) -> schemars::Schema {
    let one = generator.subschema_for::<BTreeMap<String, set::Wanted>>();
    let several = generator.subschema_for::<Vec<Entry>>();
    schemars::json_schema!({ "anyOf": [one, several] })
}

#[derive(Deserialize, JsonSchema)]
struct Entry {
    node_id: String,
    payload: Value,
}

/// What became of one of several nodes.
#[derive(Serialize, JsonSchema)]
pub struct Outcome {
    node_id: String,
    #[serde(flatten)]
    body: OutcomeBody,
}

#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
enum OutcomeBody {
    Success(Success),
    Failure(FailureBody),
}

impl Outcome {
    /// What is said of one node.
    pub fn new(node_id: String, done: shared::Result<Success>) -> Self {
        let body = match done {
            Ok(success) => OutcomeBody::Success(success),
            Err(error) => OutcomeBody::Failure(Failure::from(error).into_body()),
        };
        Self { node_id, body }
    }
}

/// Sets params.
pub async fn put(
    Caller(caller): Caller,
    State(app): State<App>,
    Query(of): Query<OfNode>,
    Body(Request(body)): Body<Request>,
) -> Result<Either<Success, MultiStatus<Outcome>>> {
    if let Some(node) = of.id()? {
        let done = set::set(&app.ports, &caller, vec![(node, set::wanted(body)?)]).await?;
        let done = done.into_iter().next().unwrap_or(Err(Refusal::NotYourNode.into()))?;
        return Ok(Either::One(Success::new(describe(done))));
    }
    let entries = entries(body)?;
    let ids: Vec<_> = entries.iter().map(|entry| entry.node_id.clone()).collect();
    let parsed: Vec<_> = entries.into_iter().map(parse).collect();
    let wanted: Vec<_> = parsed.iter().flatten().cloned().collect();
    let mut done = set::set(&app.ports, &caller, wanted).await?.into_iter();
    let outcomes = ids.into_iter().zip(parsed).map(|(node_id, parsed)| {
        let done = parsed.and_then(|_| done.next().unwrap_or(Err(Refusal::NotYourNode.into())));
        Outcome::new(node_id, done.map(|done| Success::new(describe(done))))
    });
    Ok(Either::Other(MultiStatus(outcomes.collect())))
}

fn entries(body: Value) -> Result<Vec<Entry>> {
    let shape = |why: &str| Refusal::InvalidBody(why.to_owned());
    let entries: Vec<Entry> =
        serde_json::from_value(body).map_err(|_| shape("a list of node_id and payload is needed, or node_id in the query"))?;
    if !(1..=MAX_NODES).contains(&entries.len()) {
        return Err(shape("1 to 25 nodes can be set at once").into());
    }
    let different: HashSet<_> = entries.iter().map(|entry| &entry.node_id).collect();
    if different.len() < entries.len() {
        return Err(shape("a node stands in the list twice").into());
    }
    Ok(entries)
}

fn parse(Entry { node_id, payload }: Entry) -> shared::Result<(NodeId, set::Wanted)> {
    Ok((node_id.parse().map_err(|_| Refusal::NotYourNode)?, set::wanted(payload)?))
}

fn describe(done: Done) -> String {
    match done {
        Done::Sent => "Params sent to the node".to_owned(),
        Done::Kept(seconds) => format!("The node is offline; it gets the params if it comes back within {seconds} s"),
        Done::Offline => "The node is offline; the params were not kept".to_owned(),
    }
}
