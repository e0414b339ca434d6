//! `GET` and `PUT /v1/user/custom_data` (contract `rest-1.md`, `rest-4-schemas.md`; `clients.md` A2): an object
//! `{key: {value, perms?}}` without a wrapper. What is put is merged in; `{key: null}` takes a key away, `null`
//! everything. Errors: 100006, 100036.

use axum::{Json, extract::State};
use serde_json::{Map, Value};
use shared::user::custom_data;
use web::{App, Body, Caller, Result, reply::Success};

/// The caller's data; `{}` without any.
pub async fn get(Caller(caller): Caller, State(app): State<App>) -> Result<Json<Map<String, Value>>> {
    Ok(Json(custom_data::show(&app.ports, &caller).await?))
}

/// Merges data in.
pub async fn put(Caller(caller): Caller, State(app): State<App>, Body(changes): Body<Option<Map<String, Value>>>) -> Result<Success> {
    custom_data::change(&app.ports, &caller, changes).await?;
    Ok(Success::new("User custom data updated successfully"))
}
