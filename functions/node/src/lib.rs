//! The node function: nodes and their params for users, and all that nodes send.

pub mod event;
pub mod mapping;
pub mod node;
pub mod params;
pub mod trigger;

use axum::Router;
use web::{App, Routes};

pub use event::on_event;

/// Every route.
pub fn routes() -> Routes {
    Routes::new()
        .get("/v1/user/nodes", node::list::get, "The caller's nodes")
        .get("/v1/user/nodes/config", node::config::get, "What a node says it is")
        .get("/v1/user/nodes/status", node::presence::get, "Whether a node is online")
        .get("/v1/user/nodes/params", params::show::get, "The params as the node reported them")
        .put("/v1/user/nodes/params", params::set::put, "Set params of one node, or of several")
        .get("/v1/user/nodes/mapping", mapping::poll::get, "What became of a mapping request")
        .put("/v1/user/nodes/mapping", mapping::change::put, "Map a node to the caller, or give it up")
}

/// The function's router.
pub fn router(app: App) -> Router {
    routes().router(app)
}
