//! `POST /v1/admin/user2` (contract `rest-1.md`): an account for somebody, who gets a letter with its random password.
//! Errors: 100004, 100006, 101001, 101002, 101006, 101037, 101053, 101087, 129039.

use axum::extract::State;
use schemars::JsonSchema;
use serde::Deserialize;
use shared::{
    Refusal,
    port::identity::Privilege,
    user::{administer::make, name::UserName},
};
use web::{
    Admin, App, Body, Result,
    reply::{Created, created},
};

/// `CreateUserAdminRequest`; a super admin is more than an admin.
#[derive(Deserialize, JsonSchema)]
pub struct Request {
    user_name: Option<String>,
    admin: Option<bool>,
    super_admin: Option<bool>,
    /// Refused unless empty.
    roles: Option<Vec<String>>,
}

/// Makes the account.
pub async fn post(Admin(admin): Admin, State(app): State<App>, Body(request): Body<Request>) -> Result<Created> {
    if request.roles.is_some_and(|roles| !roles.is_empty()) {
        return Err(Refusal::NoRoles.into());
    }
    let privilege = match (request.super_admin, request.admin) {
        (Some(true), _) => Privilege::SuperAdmin,
        (_, Some(true)) => Privilege::Admin,
        _ => Privilege::None,
    };
    let name: UserName = request.user_name.unwrap_or_default().parse()?;
    make::invite(&app.ports, &admin, &name, privilege).await?;
    Ok(created("The account was made, and its password sent to the user"))
}
