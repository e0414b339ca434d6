//! `GET /v1/admin/user2` (contract `rest-1.md`, `GetInternalUsers`): admins and super admins, or whom the query names. A page
//! may be short and yet have a next. Our own in the answer are `enabled` and `created`. Errors: 100004, 100012,
//! 101002, 101037, 105043.

use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shared::{
    Refusal,
    port::identity::Privilege,
    user::{
        administer::list::{self, Listed, MAX_PAGE, Which},
        profile::NO_LOCALE,
    },
};
use web::{Admin, App, Query, Result, extract::query::OfPage};

/// Accounts on a page if it is not said how many.
const PAGE: usize = 25;

/// Whose accounts.
#[derive(Deserialize, JsonSchema)]
pub struct Filter {
    #[serde(flatten)]
    page: OfPage,
    /// The account of this name, or all whose names begin so.
    user_name: Option<String>,
    /// Refused: accounts are found by name.
    user_id: Option<String>,
    /// Everybody's.
    all: Option<bool>,
    /// Those of admins.
    admin: Option<bool>,
    /// Those of super admins.
    superadmin: Option<bool>,
}

/// `GetInternalUsers`.
#[derive(Serialize, JsonSchema)]
pub struct Reply {
    users_list: Vec<Entry>,
    /// Only if there is another page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_id: Option<String>,
    /// On this page.
    total: usize,
}

#[derive(Serialize, JsonSchema)]
struct Entry {
    user_id: String,
    user_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    super_admin: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    admin: Option<bool>,
    mfa: bool,
    locale: String,
    /// May the user log in?
    enabled: bool,
    /// When the account was made, in seconds since the epoch.
    created: i64,
}

/// Accounts.
pub async fn get(Admin(admin): Admin, State(app): State<App>, Query(filter): Query<Filter>) -> Result<Json<Reply>> {
    if filter.user_id.is_some() {
        return Err(Refusal::InvalidRequest("accounts are found by user_name, not by user_id".to_owned()).into());
    }
    let which = match filter {
        Filter { superadmin: Some(true), .. } => Which::SuperAdmins,
        Filter { admin: Some(true), .. } => Which::Admins,
        Filter { all: Some(true), .. } | Filter { user_name: Some(_), .. } => Which::All,
        _ => Which::Internal,
    };
    let (limit, after) = filter.page.limits_or(PAGE, MAX_PAGE)?;
    let name = filter.user_name.unwrap_or_default();
    let (found, next) = list::list(&app.ports, &admin, &name, which, limit, after).await?;
    let users_list: Vec<_> = found.into_iter().map(user).collect();
    Ok(Json(Reply { total: users_list.len(), users_list, next_id: next.map(|next| next.to_string()) }))
}

fn user(Listed { account, profile }: Listed) -> Entry {
    Entry {
        user_id: account.user_id.to_string(),
        user_name: account.user_name.as_str().to_owned(),
        name: profile.name,
        super_admin: (account.privilege == Privilege::SuperAdmin).then_some(true),
        admin: (account.privilege == Privilege::Admin).then_some(true),
        mfa: false,
        locale: profile.locale.unwrap_or_else(|| NO_LOCALE.to_owned()),
        enabled: account.enabled,
        created: account.created,
    }
}
