//! The user function: accounts and sessions, and what clients ask of the deployment itself.

pub mod deployment;
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
        .post("/v1/login2", user::log_in::post)
        .post("/v1/login", user::log_in::post)
        .post("/v1/logout2", user::log_out::post)
        .post("/v1/logout", user::log_out::post)
}

/// The function's router.
pub fn router(app: App) -> Router {
    routes().router(app)
}
