//! `/oauth2/userinfo` (OpenID Connect Core §5.3): whose access token it is.

use axum::Json;
use serde_json::{Value, json};
use web::Caller;

/// The caller, from the token alone.
pub async fn get(Caller(caller): Caller) -> Json<Value> {
    let id = caller.user_id().as_str();
    Json(json!({ "sub": id, "custom:user_id": id, "email": caller.user_name().as_str(), "email_verified": true }))
}
