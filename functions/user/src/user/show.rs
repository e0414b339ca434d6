//! `GET /v1/user2` and `/v1/user` (contract `rest-1.md`, `GetUserResponse`).

use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use shared::{
    port::identity::Privilege,
    user::profile::{self, NO_LOCALE},
};
use web::{App, Caller, Query, Result};

/// What of it.
#[derive(Deserialize, JsonSchema)]
pub struct Filter {
    /// With the user's own data.
    custom_data: Option<bool>,
}

/// What is known of the caller.
#[derive(Serialize, JsonSchema)]
#[expect(clippy::struct_excessive_bools, reason = "the contract's shape")]
pub struct Reply {
    user_id: String,
    user_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "is_false")]
    super_admin: bool,
    #[serde(skip_serializing_if = "is_false")]
    admin: bool,
    mfa: bool,
    locale: String,
    tags: Vec<String>,
    #[serde(skip_serializing_if = "is_false")]
    is_guest_user: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    admin_tags: Option<[&'static str; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_on: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    custom_data: Option<Map<String, Value>>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's shape")]
fn is_false(truth: &bool) -> bool {
    !truth
}

/// The caller.
pub async fn get(Caller(caller): Caller, State(app): State<App>, Query(filter): Query<Filter>) -> Result<Json<Reply>> {
    let shown = profile::show(&app.ports, &caller).await?;
    let guest = caller.user_name().is_guest();
    Ok(Json(Reply {
        user_id: caller.user_id().to_string(),
        user_name: caller.user_name().as_str().to_owned(),
        name: shown.profile.name,
        super_admin: caller.privilege() == Privilege::SuperAdmin,
        admin: caller.privilege() == Privilege::Admin,
        mfa: false,
        locale: shown.profile.locale.unwrap_or_else(|| NO_LOCALE.to_owned()),
        tags: shown.profile.tags,
        is_guest_user: guest,
        admin_tags: guest.then_some(["guest_user:true"]),
        expires_on: shown.expires_on,
        custom_data: (filter.custom_data == Some(true)).then_some(shown.custom_data),
    }))
}
