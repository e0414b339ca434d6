//! `DELETE /v1/admin/user2?user_name=` (contract `rest-1.md`): `request=true` has a code sent to the caller,
//! `verification_code` deletes the account with it; a guest's is deleted at once. Errors: 100004, 101001, 101002, 101037,
//! 101053, 119005 to 119007, 119015 to 119017.

use axum::extract::State;
use schemars::JsonSchema;
use serde::Deserialize;
use shared::{
    Refusal,
    user::{
        administer::delete::{self, Asked},
        name::UserName,
    },
};
use web::{Admin, App, Query, Result, reply::Success};

/// Whose account, and which step.
#[derive(Deserialize, JsonSchema)]
pub struct Step {
    /// Whose.
    user_name: Option<String>,
    /// Have a code sent.
    request: Option<bool>,
    /// The code that was sent: the account is deleted.
    verification_code: Option<String>,
}

/// Asks for the deletion, or confirms it.
pub async fn delete(Admin(admin): Admin, State(app): State<App>, Query(step): Query<Step>) -> Result<Success> {
    let name: UserName = step.user_name.unwrap_or_default().parse()?;
    let asked = match (step.verification_code, step.request) {
        (Some(code), _) => {
            delete::confirm(&app.ports, &admin, &name, &code).await?;
            Asked::Deleted
        }
        (None, Some(true)) => delete::request(&app.ports, &admin, &name).await?,
        _ => return Err(Refusal::DeletionCodeMissing.into()),
    };
    Ok(Success::new(match asked {
        Asked::Sent => "User deletion was requested; a verification code was sent to you",
        Asked::Deleted => "User deleted successfully",
    }))
}
