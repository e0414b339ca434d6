//! `GET /.well-known/openid-configuration` and `/.well-known/jwks.json` (OpenID Connect Discovery): what
//! others need to know to let users sign in here.

use axum::{Json, extract::State};
use http::StatusCode;
use serde_json::{Map, Value, json};
use shared::Error;
use web::{
    App, Failure, Public, Result,
    openapi::{Operation, Output},
};

/// There is no issuer that others could name.
pub struct NoIssuer;

impl axum::response::IntoResponse for NoIssuer {
    fn into_response(self) -> axum::response::Response {
        Failure::new(StatusCode::NOT_FOUND, 100_012, "this deployment has no public URL (setting public-url)").into_response()
    }
}

impl Output for NoIssuer {
    fn describe(operation: &mut Operation) {
        operation.refuse(StatusCode::NOT_FOUND);
    }
}

/// What is supported, and nothing else. Without a public URL there is no issuer that others could name.
pub async fn get(_: Public, State(app): State<App>) -> std::result::Result<Json<Map<String, Value>>, NoIssuer> {
    let url = app.ports.rules.oauth.public_url.as_ref().ok_or(NoIssuer)?;
    let known = json!({
        "issuer": url.as_str(),
        "authorization_endpoint": url.at("/oauth2/authorize"),
        "token_endpoint": url.at("/oauth2/token"),
        "userinfo_endpoint": url.at("/oauth2/userinfo"),
        "jwks_uri": url.at("/.well-known/jwks.json"),
        "scopes_supported": ["openid", "email"],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
        "code_challenge_methods_supported": ["S256"],
        "claims_supported": ["sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "email", "email_verified", "custom:user_id"],
        "claims_parameter_supported": false,
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
    });
    Ok(Json(known.as_object().cloned().unwrap_or_default()))
}

/// The keys that check our tokens.
pub async fn keys(_: Public, State(app): State<App>) -> Result<Json<Value>> {
    Ok(Json(app.ports.identity.public_keys().await.map_err(Error::from)?))
}
