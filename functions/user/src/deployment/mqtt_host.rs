//! `GET /mqtt_host` (contract `clients.md` A1, D14): bare host names.

use axum::{Json, extract::State};
use serde_json::{Value, json};
use web::{App, Public};

/// Where nodes connect.
pub async fn get(_: Public, State(app): State<App>) -> Json<Value> {
    Json(json!({ "mqtt_host": app.settings.mqtt_host, "mqtt_cred_host": app.settings.mqtt_cred_host }))
}
