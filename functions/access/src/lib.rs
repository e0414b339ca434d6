//! The access function: sharing of nodes.

pub mod health;
pub mod sharing;

use axum::Router;
use shared::port::table::TableId;
use web::{App, Routes};

/// The tables that the function uses. Its template lets it use no other.
pub const TABLES: &[TableId] = &[TableId::Users, TableId::Nodes, TableId::Access];

/// Every route.
pub fn routes() -> Routes {
    Routes::new()
        .get("/access/healthz", health::get, "Whether the function answers")
        .get("/v1/user/nodes/sharing", sharing::list::get, "Who has the caller's nodes")
        .delete("/v1/user/nodes/sharing", sharing::revoke::delete, "Take nodes from somebody")
        .get("/v1/user/nodes/sharing/requests", sharing::requests::get, "Offers of nodes that wait for an answer or were declined")
        .put(
            ["/v1/user/nodes/sharing/requests", "/v1/user/nodes/sharing"],
            sharing::change::put,
            "Offer nodes to somebody, or answer an offer",
        )
        .delete("/v1/user/nodes/sharing/requests", sharing::withdraw::delete, "Take an offer back")
}

/// The function's router.
pub fn router(app: App) -> Router {
    routes().router(app)
}
