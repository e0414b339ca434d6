//! `/oauth2/userinfo` (OpenID Connect Core §5.3): whose access token it is.

use axum::Json;
use schemars::JsonSchema;
use serde::Serialize;
use web::Caller;

/// The claims of OpenID Connect, and the contract's name of the user's id.
#[derive(Serialize, JsonSchema)]
pub struct Reply {
    sub: String,
    #[serde(rename = "custom:user_id")]
    user_id: String,
    email: String,
    email_verified: bool,
}

/// The caller, from the token alone.
pub async fn get(Caller(caller): Caller) -> Json<Reply> {
    let id = caller.user_id().to_string();
    Json(Reply { sub: id.clone(), user_id: id, email: caller.user_name().as_str().to_owned(), email_verified: true })
}
