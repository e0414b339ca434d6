//! `POST /v1/admin/nodes`, our own: a node that a super admin makes from afar. The key stays where it was made; the request for
//! a certificate names the node by an id that is new. Errors: 100004, 100006, 100012.

use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shared::{Error, Refusal, claim::csr::Csr, node::administer};
use web::{App, Body, Result, SuperAdmin, reply::Created};

/// What is asked for.
#[derive(Deserialize, JsonSchema)]
pub struct Request {
    /// A request for a certificate in PEM, whose subject is exactly `CN=<node id>`. The id must be known to nobody: take
    /// 22 random letters and digits.
    csr: Option<String>,
}

/// The node.
#[derive(Serialize, JsonSchema)]
pub struct Reply {
    node_id: String,
    /// In PEM.
    certificate: String,
    /// Where it connects.
    mqtt_host: String,
}

/// Adds a node.
pub async fn post(SuperAdmin(admin): SuperAdmin, State(app): State<App>, Body(request): Body<Request>) -> Result<Created<Reply>> {
    let csr: Csr = request.csr.as_deref().ok_or(Refusal::InvalidCsr("there is none"))?.parse()?;
    let certificate = administer::add(&app.ports, &admin, &csr).await?;
    let mqtt_host = app.ports.fleet.host().await.map_err(Error::from)?;
    Ok(Created(Reply { node_id: csr.node.to_string(), certificate, mqtt_host }))
}
