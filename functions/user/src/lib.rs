//! The user function: accounts and sessions, and what clients ask of the deployment itself.

pub mod deployment;
pub mod oauth;
pub mod user;

use axum::Router;
use web::{App, Routes};

/// Every route, the old names of a path beside the new (contract `clients.md` D6).
pub fn routes() -> Routes {
    Routes::new()
        .get("/apiversions", deployment::versions::get)
        .get("/mqtt_host", deployment::mqtt_host::get)
        .get("/healthz", deployment::health::alive)
        .get("/readyz", deployment::health::ready)
        .post("/v1/user2", user::sign_up::post)
        .post("/v1/user", user::sign_up::post)
        .get("/v1/user2", user::show::get)
        .get("/v1/user", user::show::get)
        .put("/v1/user2", user::update::put)
        .put("/v1/user", user::update::put)
        .delete("/v1/user2", user::delete::delete)
        .delete("/v1/user", user::delete::delete)
        .post("/v1/user/guest", user::guest::begin)
        .post("/v1/user/guest/conversion/initiate", user::guest::initiate)
        .post("/v1/user/guest/conversion/verify", user::guest::verify)
        .get("/v1/user/custom_data", user::custom_data::get)
        .put("/v1/user/custom_data", user::custom_data::put)
        .get("/v1/user/public_profile", user::public_profile::get)
        .put("/v1/user/public_profile", user::public_profile::put)
        .post("/v1/login2", user::log_in::post)
        .post("/v1/login", user::log_in::post)
        .post("/v1/logout2", user::log_out::post)
        .post("/v1/logout", user::log_out::post_old)
        .put("/v1/forgotpassword2", user::forgot_password::put)
        .put("/v1/forgotpassword", user::forgot_password::put)
        .put("/v1/password2", user::change_password::put)
        .put("/v1/password", user::change_password::put)
        .get("/login", oauth::authorize::login)
        .get("/authorize", oauth::authorize::get)
        .post("/authorize", oauth::authorize::post)
        .get("/oauth2/authorize", oauth::authorize::get)
        .post("/oauth2/authorize", oauth::authorize::post)
        .get("/oauth2/idpresponse", oauth::callback::get)
        .post("/oauth2/idpresponse", oauth::callback::post)
        .post("/token", oauth::token::post)
        .post("/oauth2/token", oauth::token::post)
        .get("/oauth2/userinfo", oauth::user_info::get)
        .post("/oauth2/userinfo", oauth::user_info::get)
        .get("/.well-known/openid-configuration", oauth::discovery::get)
        .get("/.well-known/jwks.json", oauth::discovery::keys)
}

/// The function's router.
pub fn router(app: App) -> Router {
    routes().router(app)
}
