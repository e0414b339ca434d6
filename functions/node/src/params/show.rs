//! `GET /v1/user/nodes/params?node_id=` (contract `rest-1.md`): what the node reported, without params
//! that have no property `read`. Errors: 100009, 100010, 102006.

use axum::Json;
use shared::{
    access::role::Secondary,
    node::config::Config,
    params::{self, Params, Values},
};
use web::{Allowed, Result};

/// The params as the node reported them.
pub async fn get(allowed: Allowed<Secondary, (Option<Config>, Params)>) -> Result<Json<Values>> {
    let (config, params) = allowed.loaded;
    Ok(Json(params::show(&allowed.grant, config.as_ref(), &params)?))
}
