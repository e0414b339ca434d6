//! `PUT /v1/user2` and `/v1/user` (contract `rest-1.md`): name, locale and tags. What needs SMS (phone number,
//! MFA) is refused. Errors: 101012, 101037, 101045, 101047, 101053, 101066, 101067, 112048.

use axum::extract::State;
use schemars::JsonSchema;
use serde::Deserialize;
use shared::{
    Refusal,
    user::profile::{self, TagChange},
};
use web::{App, Body, Caller, Result, reply::Success};

/// One of the contract's forms; a name and a locale may stand together.
#[derive(Deserialize, JsonSchema)]
pub struct Request {
    name: Option<String>,
    locale: Option<String>,
    operation: Option<String>,
    tags: Option<Vec<String>>,
    phone_number: Option<String>,
    verification_code: Option<String>,
    mfa: Option<bool>,
    tags_verification_code: Option<String>,
}

/// Changes what the caller says of themselves.
pub async fn put(Caller(caller): Caller, State(app): State<App>, Body(request): Body<Request>) -> Result<Success> {
    refuse_what_needs_sms(&request)?;
    match request {
        Request { operation: Some(operation), tags, .. } => {
            let change = match operation.as_str() {
                "add" => TagChange::Add,
                "remove" => TagChange::Remove,
                _ => return Err(Refusal::InvalidTagOperation.into()),
            };
            let tags = tags.ok_or(Refusal::InvalidUserTags)?;
            profile::change_tags(&app.ports, &caller, change, &tags).await?;
        }
        Request { name: None, locale: None, .. } => return Err(Refusal::NothingToUpdate.into()),
        Request { name, locale, .. } => profile::set(&app.ports, &caller, name.as_deref(), locale.as_deref()).await?,
    }
    Ok(Success::new("User updated successfully"))
}

fn refuse_what_needs_sms(request: &Request) -> std::result::Result<(), Refusal> {
    match request {
        Request { phone_number: Some(_), .. } => Err(Refusal::NoPhoneNumbers),
        Request { verification_code: Some(_), .. } | Request { mfa: Some(_), .. } => Err(Refusal::NoPhoneAdded),
        // Tags that wait for a code are an administrator's; there are none.
        Request { tags_verification_code: Some(_), .. } => Err(Refusal::WrongCode),
        _ => Ok(()),
    }
}
