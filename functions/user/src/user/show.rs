//! `GET /v1/user2` and `/v1/user` (contract `rest-1.md`, `GetUserResponse`).

use axum::Json;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use web::{Caller, Query};

/// What of it.
#[derive(Deserialize, JsonSchema)]
pub struct Filter {
    /// With the user's own data.
    custom_data: Option<bool>,
}

/// What is known of the caller.
#[derive(Serialize, JsonSchema)]
pub struct Reply {
    user_id: String,
    user_name: String,
    mfa: bool,
    locale: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    custom_data: Option<Map<String, Value>>,
}

/// The caller, from the token alone.
pub async fn get(Caller(caller): Caller, Query(filter): Query<Filter>) -> Json<Reply> {
    Json(Reply {
        user_id: caller.user_id().to_string(),
        user_name: caller.user_name().to_owned(),
        mfa: false,
        locale: "no_locale",
        custom_data: (filter.custom_data == Some(true)).then(Map::new),
    })
}
