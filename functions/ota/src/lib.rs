//! The ota function. Firmware updates: nothing of it is here yet but the function's health.

pub mod health;

use axum::Router;
use shared::port::table::TableId;
use web::{App, Routes};

/// The tables that the function uses. Its template lets it use no other.
pub const TABLES: &[TableId] = &[];

/// Every route.
pub fn routes() -> Routes {
    Routes::new().get("/ota/healthz", health::get, "Whether the function answers")
}

/// The function's router.
pub fn router(app: App) -> Router {
    routes().router(app)
}
