//! The user function: accounts and sessions, and what clients ask of the deployment itself.

pub mod deployment;
pub mod user;

use axum::Router;
use web::{App, Routes};

/// Every route, the old names of a path beside the new (contract `clients.md` D6).
pub fn routes() -> Routes {
    Routes::new()
        .get("/apiversions", deployment::versions::get, "The versions of the API")
        .get("/mqtt_host", deployment::mqtt_host::get, "Where nodes connect")
        .get("/healthz", deployment::health::alive, "Whether the process answers")
        .get("/readyz", deployment::health::ready, "Whether storage answers too")
        .post(["/v1/user2", "/v1/user"], user::sign_up::post, "Make an account, or confirm it")
        .get(["/v1/user2", "/v1/user"], user::show::get, "What is known of the caller")
        .post(["/v1/login2", "/v1/login"], user::log_in::post, "Begin a session, or extend it")
        .post(["/v1/logout2", "/v1/logout"], user::log_out::post, "End this session, or all")
}

/// The function's router.
pub fn router(app: App) -> Router {
    routes().router(app)
}
