//! `GET /mqtt_host` (contract `clients.md` A1, D14): bare host names.

use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::Serialize;
use web::{App, Public};

/// Names without a port.
#[derive(Serialize, JsonSchema)]
pub struct Reply {
    mqtt_host: String,
    mqtt_cred_host: String,
}

/// Where nodes connect.
pub async fn get(_: Public, State(app): State<App>) -> Json<Reply> {
    let settings = &app.settings;
    Json(Reply { mqtt_host: settings.mqtt_host.clone(), mqtt_cred_host: settings.mqtt_cred_host.clone() })
}
