//! The access function: groups of nodes.

pub mod group;
pub mod health;

use axum::Router;
use shared::port::table::TableId;
use web::{App, Routes};

/// The tables that the function uses. Its template lets it use no other.
pub const TABLES: &[TableId] = &[TableId::Nodes, TableId::Access];

/// Every route.
pub fn routes() -> Routes {
    Routes::new()
        .get("/access/healthz", health::get, "Whether the function answers")
        .get("/v1/user/node_group", group::list::get, "The caller's groups, or one of them")
        .post("/v1/user/node_group", group::create::post, "Make a group, alone or inside of another")
        .put("/v1/user/node_group", group::change::put, "Change a group, or which nodes are in it")
        .delete("/v1/user/node_group", group::remove::delete, "Remove a group with all groups inside")
}

/// The function's router.
pub fn router(app: App) -> Router {
    routes().router(app)
}
