//! `GET /mqtt_host` (contract `clients.md` A1, D14): bare host names.

use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::Serialize;
use shared::Error;
use web::{App, Public, Result};

/// Names without a port, which clients add.
#[derive(Serialize, JsonSchema)]
pub struct Reply {
    mqtt_host: String,
    /// Of the credential endpoint. Always told, because claiming by the command line writes an image that refers to
    /// it; nothing answers there yet.
    mqtt_cred_host: String,
}

/// Where nodes connect.
pub async fn get(_: Public, State(app): State<App>) -> Result<Json<Reply>> {
    let mqtt_host = app.ports.fleet.host().await.map_err(Error::from)?;
    Ok(Json(Reply { mqtt_cred_host: mqtt_host.clone(), mqtt_host }))
}
