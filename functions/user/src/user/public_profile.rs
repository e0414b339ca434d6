//! `GET` and `PUT /v1/user/public_profile` (contract `rest-3.md`, `rest-4-schemas.md`): what a user lets every
//! user see. What is put is merged in; `{"profile": null}` takes everything away. Errors: 100006, 100036,
//! 101025.

use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use shared::{Refusal, user::public_profile};
use web::{App, Body, Caller, Query, Result, reply::Success};

/// `GetPublicProfileResponse`.
#[derive(Serialize, JsonSchema)]
pub struct Reply {
    user_name: String,
    profile: Map<String, Value>,
}

/// Whose.
#[derive(Deserialize, JsonSchema)]
pub struct Of {
    /// The caller's own without it.
    user_name: Option<String>,
}

/// `PutPublicProfileRequest`.
#[derive(Deserialize, JsonSchema)]
pub struct Request {
    /// What is merged in; `null` takes everything away.
    #[serde(default, deserialize_with = "present")]
    #[schemars(!default)]
    #[expect(clippy::option_option, reason = "absent is not `null`")]
    profile: Option<Option<Map<String, Value>>>,
}

#[expect(clippy::option_option, reason = "absent is not `null`")]
fn present<'de, D: Deserializer<'de>>(from: D) -> std::result::Result<Option<Option<Map<String, Value>>>, D::Error> {
    Deserialize::deserialize(from).map(Some)
}

/// The profile of the user of `user_name`, or the caller's.
pub async fn get(Caller(caller): Caller, State(app): State<App>, Query(of): Query<Of>) -> Result<Json<Reply>> {
    let of = of.user_name.as_deref().map(str::parse).transpose()?;
    let (name, profile) = public_profile::show(&app.ports, &caller, of.as_ref()).await?;
    Ok(Json(Reply { user_name: name.as_str().to_owned(), profile }))
}

/// Changes the caller's own.
pub async fn put(Caller(caller): Caller, State(app): State<App>, Body(request): Body<Request>) -> Result<Success> {
    let changes = request.profile.ok_or_else(|| Refusal::InvalidBody("profile is missing".to_owned()))?;
    public_profile::change(&app.ports, &caller, changes).await?;
    Ok(Success::new("Public profile updated successfully"))
}
