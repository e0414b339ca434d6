//! `GET /v1/user/nodes/config?node_id=` (contract `rest-1.md`). Errors: 100009, 100010, 103002.

use axum::Json;
use serde_json::{Map, Value};
use shared::{
    access::role::Secondary,
    node::config::{self, Config},
};
use web::{Allowed, Result};

/// The config as the node reported it.
pub async fn get(allowed: Allowed<Secondary, Option<Config>>) -> Result<Json<Map<String, Value>>> {
    Ok(Json(config::show(&allowed.grant, allowed.loaded)?.as_json().clone()))
}
