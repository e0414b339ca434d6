//! The user function: accounts and sessions, and what clients ask of the deployment itself.

pub mod admin;
pub mod deployment;
pub mod event;
pub mod oauth;
pub mod trigger;
pub mod user;

use axum::Router;
use shared::port::table::TableId;
use web::{App, Routes, routes::Old};

pub use event::{Event, on_event};

/// The tables that the function uses. Its template lets it use no other.
pub const TABLES: &[TableId] = &[TableId::Users, TableId::Nodes, TableId::Access, TableId::Identity];

/// Every route, the old names of a path beside the new (contract `clients.md` D6).
pub fn routes() -> Routes {
    Routes::new()
        .get("/apiversions", deployment::versions::get, "The versions of the API")
        .get("/mqtt_host", deployment::mqtt_host::get, "Where nodes connect")
        .get("/healthz", deployment::health::alive, "Whether the process answers")
        .get("/readyz", deployment::health::ready, "Whether storage answers too")
        .post(["/v1/user2", "/v1/user"], user::sign_up::post, "Make an account, or confirm it")
        .get(["/v1/user2", "/v1/user"], user::show::get, "What is known of the caller")
        .put(["/v1/user2", "/v1/user"], user::update::put, "Change the caller's name, locale or tags")
        .delete(["/v1/user2", "/v1/user"], user::delete::delete, "Ask for the account's deletion, or confirm it")
        .post("/v1/user/guest", user::guest::begin, "Make a guest")
        .post("/v1/user/guest/conversion/initiate", user::guest::initiate, "Have a code sent that makes a guest a regular user")
        .post("/v1/user/guest/conversion/verify", user::guest::verify, "Make a guest a regular user")
        .get("/v1/user/custom_data", user::custom_data::get, "The caller's own data")
        .put("/v1/user/custom_data", user::custom_data::put, "Merge into the caller's own data")
        .get("/v1/user/public_profile", user::public_profile::get, "What a user lets every user see")
        .put("/v1/user/public_profile", user::public_profile::put, "Change what every user sees of the caller")
        .post(["/v1/login2", "/v1/login"], user::log_in::post, "Begin a session, or extend it")
        .post("/v1/logout2", user::log_out::post, "End this session, or all")
        .post(Old("/v1/logout"), user::log_out::post_old, "End this session, or all; without an access token that of the refresh token")
        .put(["/v1/forgotpassword2", "/v1/forgotpassword"], user::forgot_password::put, "Have a code sent, or set a new password with it")
        .put(["/v1/password2", "/v1/password"], user::change_password::put, "Change the password")
        .get("/login", oauth::authorize::login, "The login page of a command line that listens on a port")
        .get("/authorize", oauth::authorize::get, "The login page of a client, or on to an identity provider")
        .get("/oauth2/authorize", oauth::authorize::get, "The login page of a client, or on to an identity provider")
        .post("/authorize", oauth::authorize::post, "The login page's form")
        .post("/oauth2/authorize", oauth::authorize::post, "The login page's form")
        .get("/oauth2/idpresponse", oauth::callback::get, "Where an identity provider sends browsers back")
        .post("/oauth2/idpresponse", oauth::callback::post, "The same by a form")
        .post("/token", oauth::token::post, "Tokens for a code or a refresh token")
        .post("/oauth2/token", oauth::token::post, "Tokens for a code or a refresh token")
        .get("/oauth2/userinfo", oauth::user_info::get, "Whose access token it is")
        .post("/oauth2/userinfo", oauth::user_info::get, "Whose access token it is")
        .get("/.well-known/openid-configuration", oauth::discovery::get, "What others need to know to let users sign in here")
        .get("/.well-known/jwks.json", oauth::discovery::keys, "The keys that check tokens")
        .get("/v1/admin/user2", admin::list::get, "Find accounts")
        .post("/v1/admin/user2", admin::make::post, "Make an account for somebody")
        .put("/v1/admin/user2", admin::change::put, "Change what an account may do, or disable it")
        .delete("/v1/admin/user2", admin::delete::delete, "Ask for the deletion of somebody's account, or confirm it")
}

/// The function's router.
pub fn router(app: App) -> Router {
    routes().router(app)
}
