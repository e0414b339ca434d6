//! `POST /v1/user/nodes/cmd`, `POST /v1/admin/nodes/cmd` (contract `clients.md` A10, `CmdResponsePostRequest`): asks up to 25 nodes
//! to do something. 200 if all of them are online; else 207 with what is to be said of the others. That a node is offline is no
//! refusal: it gets the command if it comes back in time. If no node takes it, the first one's refusal is the answer. Errors:
//! 100006, 100010, 126003, 131102 to 131107, 131111, 131113 to 131115.

use std::collections::HashSet;

use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared::{
    Refusal,
    command::ask::{self, Asked, Done, MAX_NODES, Order},
    id::NodeId,
};
use web::{
    Admin, App, Body, Caller, Failure, Result,
    reply::{Either, Multi},
};

/// `CmdResponsePostRequest`.
#[derive(Deserialize, JsonSchema)]
pub struct Request {
    /// 1 to 25, all different.
    node_ids: Option<Vec<String>>,
    /// The command's number, 0 to 65535.
    cmd: Option<i64>,
    /// JSON, or JSON in a string; with `is_base64` any bytes as base64. At most 64 KB.
    data: Option<Value>,
    is_base64: Option<bool>,
    /// Seconds for which the nodes may take to answer: 1 to 2592000, 30 if it is not said; -1: for ever.
    timeout: Option<i64>,
    /// The nodes' open commands of the same number end.
    r#override: Option<bool>,
}

impl Request {
    fn read(self) -> Result<(Vec<NodeId>, Order)> {
        let ids = self.node_ids.filter(|ids| !ids.is_empty()).ok_or(Refusal::CommandNodesMissing)?;
        if ids.len() > MAX_NODES {
            return Err(Refusal::TooManyCommandNodes.into());
        }
        if ids.iter().collect::<HashSet<_>>().len() < ids.len() {
            return Err(Refusal::CommandNodeTwice.into());
        }
        let nodes = ids.iter().map(|id| id.parse()).collect::<std::result::Result<_, _>>().map_err(|_| Refusal::InvalidCommandNode)?;
        let (base64, overrides) = (self.is_base64.unwrap_or_default(), self.r#override.unwrap_or_default());
        Ok((nodes, Order::new(self.cmd, self.data, base64, self.timeout, overrides)?))
    }
}

/// `CmdResponsePostResponse`: all nodes have it.
#[derive(Serialize, JsonSchema)]
pub struct Reply {
    /// For asking what became of it.
    request_id: String,
    #[schemars(extend("const" = "success"))]
    status: &'static str,
}

/// `MultiErrorCommandRespAPIResponse`: there is something to be said of some nodes.
#[derive(Serialize, JsonSchema)]
pub struct PartialReply {
    /// For asking what became of it at the nodes that take it.
    request_id: String,
    responses: Vec<OfNodes>,
}

#[derive(Serialize, JsonSchema)]
struct OfNodes {
    node_ids: Vec<String>,
    response: Told,
}

/// `success` with 131112: the nodes are offline, and get the command later. `failure`: they don't get it.
#[derive(PartialEq, Serialize, JsonSchema)]
struct Told {
    status: &'static str,
    error_code: u32,
    description: String,
}

impl Told {
    fn new(status: &'static str, why: &Failure) -> Self {
        Self { status, error_code: why.code(), description: why.description().to_owned() }
    }
}

type Answer = Either<Json<Reply>, Multi<PartialReply>>;

/// As a user.
pub async fn post(Caller(caller): Caller, State(app): State<App>, Body(request): Body<Request>) -> Result<Answer> {
    let (nodes, order) = request.read()?;
    reply(&nodes, ask::ask(&app.ports, &caller, nodes.clone(), &order).await?)
}

/// As somebody who administers.
pub async fn post_as_admin(Admin(admin): Admin, State(app): State<App>, Body(request): Body<Request>) -> Result<Answer> {
    let (nodes, order) = request.read()?;
    reply(&nodes, ask::ask_as_admin(&app.ports, &admin, nodes.clone(), &order).await?)
}

fn reply(nodes: &[NodeId], Asked { request, done }: Asked) -> Result<Answer> {
    let taken = request.is_some();
    let mut responses: Vec<OfNodes> = Vec::new();
    for (node, done) in nodes.iter().zip(done) {
        let response = match done {
            Ok(Done::Sent) => continue,
            Ok(Done::Waits) => Told::new("success", &Refusal::NodeOffline.into()),
            Err(error) if !taken => return Err(error.into()),
            Err(error) => Told::new("failure", &error.into()),
        };
        match responses.iter_mut().find(|other| other.response == response) {
            Some(other) => other.node_ids.push(node.to_string()),
            None => responses.push(OfNodes { node_ids: vec![node.to_string()], response }),
        }
    }
    let request_id = request.map(|id| id.to_string()).unwrap_or_default();
    Ok(if responses.is_empty() {
        Either::One(Json(Reply { request_id, status: "success" }))
    } else {
        Either::Other(Multi(PartialReply { request_id, responses }))
    })
}
