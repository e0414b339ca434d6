//! `POST /claim/initiate` (contract `mqtt-and-node.md` §3, `node-claim-superadmin.md` §1). With a token:
//! `{node_id}`; without: `{auth_id, challenge}`, which only a chip that has the secret registered for it can
//! answer. Errors: 100006, 100012, 101019.

use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shared::{
    Refusal,
    claim::{Mac, Platform, initiate, proof},
};
use web::{App, Body, Claimant, Result};

/// Both are needed.
#[derive(Deserialize, JsonSchema)]
pub struct Request {
    mac_addr: Option<String>,
    platform: Option<String>,
}

/// Goes through an app to the chip in one packet, so it is short.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Reply {
    /// With a token.
    Node {
        /// The node's id.
        node_id: String,
    },
    /// Without.
    Challenge {
        /// Which challenge it is.
        auth_id: String,
        /// The challenge.
        challenge: String,
    },
}

/// Begins a claim.
pub async fn post(claimant: Claimant, State(app): State<App>, Body(request): Body<Request>) -> Result<Json<Reply>> {
    if let Claimant::Anybody(attempt) = &claimant {
        attempt.take()?;
    }
    let mac: Mac = request.mac_addr.as_deref().ok_or(Refusal::InvalidMac)?.parse()?;
    let platform: Platform = request.platform.as_deref().ok_or(Refusal::InvalidPlatform)?.parse()?;
    Ok(Json(match claimant {
        Claimant::User(caller) => Reply::Node { node_id: initiate::initiate(&app.ports, &caller, &mac, platform).await?.to_string() },
        Claimant::Anybody(_) => {
            let challenge = proof::begin(&app.ports, &mac, platform).await?;
            Reply::Challenge { auth_id: challenge.id.to_string(), challenge: challenge.text }
        }
    }))
}
