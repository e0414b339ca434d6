//! `PUT /v1/admin/user2` (contract `rest-1.md`): what an account may do; and our own, `enabled`: whether its user may log in.
//! There are neither roles nor tags of administrators. Errors: 100004, 100006, 100012, 101001, 101002, 101025, 101037,
//! 101053, 101080 to 101084, 101087, 129039.

use axum::extract::State;
use schemars::JsonSchema;
use serde::Deserialize;
use shared::{
    Refusal,
    user::{
        administer::change::{self, Change},
        name::UserName,
    },
};
use web::{Admin, App, Body, Result, reply::Success};

/// One of `admin`, `super_admin` and `enabled`.
#[derive(Deserialize, JsonSchema)]
pub struct Request {
    user_name: Option<String>,
    /// `true` also makes an admin of a super admin.
    admin: Option<bool>,
    super_admin: Option<bool>,
    /// `false` ends the user's sessions, and there are no new ones until it is `true` again.
    enabled: Option<bool>,
    /// Refused unless empty.
    tags: Option<Vec<String>>,
    /// Refused unless empty.
    roles: Option<Vec<String>>,
}

/// Changes the account.
pub async fn put(Admin(admin): Admin, State(app): State<App>, Body(request): Body<Request>) -> Result<Success> {
    let some = |list: &Option<Vec<String>>| list.as_ref().is_some_and(|list| !list.is_empty());
    if some(&request.roles) {
        return Err(Refusal::NoRoles.into());
    }
    if some(&request.tags) {
        return Err(Refusal::InvalidRequest("this deployment keeps no tags of administrators for users".to_owned()).into());
    }
    let name: UserName = request.user_name.unwrap_or_default().parse()?;
    match (request.admin, request.super_admin, request.enabled) {
        (Some(admin_or_not), None, None) => change::privilege(&app.ports, &admin, &name, Change::Admin(admin_or_not)).await?,
        (None, Some(super_or_not), None) => change::privilege(&app.ports, &admin, &name, Change::SuperAdmin(super_or_not)).await?,
        (None, None, Some(enabled)) => change::enabled(&app.ports, &admin, &name, enabled).await?,
        (_, _, Some(_)) => return Err(Refusal::InvalidRequest("enabled can't be given with admin or super_admin".to_owned()).into()),
        _ => return Err(Refusal::PrivilegeMissing.into()),
    }
    Ok(Success::new("User updated successfully"))
}
