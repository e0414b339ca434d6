//! `POST /claim/verify` (contract `mqtt-and-node.md` §3, `node-claim-superadmin.md` §1): a certificate for a
//! request. `node_policies` asks for rights that nothing here gives, and is passed over. Errors: 100006,
//! 100012, 101019.

use std::net::IpAddr;

use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shared::{
    Error, Refusal,
    claim::{csr::Csr, proof, verify},
};
use web::{App, Body, Claimant, Query, Result};

/// The query, all of it optional.
#[derive(Deserialize, JsonSchema)]
pub struct For {
    /// A certificate for Matter: there is none.
    matter: Option<bool>,
}

/// With a token `csr` alone is needed, without one also the answer to the challenge.
#[derive(Deserialize, JsonSchema)]
pub struct Request {
    csr: Option<String>,
    auth_id: Option<String>,
    challenge_response: Option<String>,
    send_mqtt_host: Option<bool>,
}

/// What a chip stores. Firmware reads at most 3,071 bytes of it, and of JSON's escapes `\n` alone.
#[derive(Serialize, JsonSchema)]
pub struct Reply {
    certificate: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    mqtt_host: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mqtt_cred_host: Option<String>,
}

/// Ends a claim.
pub async fn post(
    claimant: Claimant,
    State(app): State<App>,
    Query(wanted): Query<For>,
    Body(request): Body<Request>,
) -> Result<Json<Reply>> {
    if let Claimant::Anybody(attempt) = &claimant {
        attempt.take()?;
    }
    if wanted.matter == Some(true) {
        return Err(Refusal::NoMatter.into());
    }
    let csr: Csr = request.csr.as_deref().ok_or(Refusal::InvalidCsr("there is none"))?.parse()?;
    let (certificate, told) = match claimant {
        Claimant::User(caller) => (verify::verify(&app.ports, &caller, &csr).await?, request.send_mqtt_host == Some(true)),
        Claimant::Anybody(_) => {
            let id = request.auth_id.and_then(|id| id.parse().ok()).ok_or(Refusal::WrongProof)?;
            let response = request.challenge_response.unwrap_or_default();
            (proof::finish(&app.ports, &id, &response, &csr).await?, true)
        }
    };
    // What a node is told it keeps for ever, before what its firmware was built with: never a name that means
    // itself to it.
    let own = |name: &str| name == "localhost" || name.parse().is_ok_and(|address: IpAddr| address.is_loopback());
    let host = if told { Some(app.ports.fleet.host().await.map_err(Error::from)?) } else { None };
    let mqtt_host = host.filter(|name| !own(name));
    Ok(Json(Reply { certificate, mqtt_cred_host: mqtt_host.clone(), mqtt_host }))
}
