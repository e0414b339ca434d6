//! The node function: nodes and their params for users, claiming, and all that nodes send.

pub mod claim;
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
        .get("/v1/user/nodes", node::list::get)
        .put("/v1/user/nodes", node::details::put)
        .delete("/v1/user/nodes", node::details::delete)
        .delete("/v1/user/nodes/{node_id}", mapping::clear::delete)
        .get("/v1/user/nodes/history", mapping::history::get)
        .get("/v1/user/nodes/config", node::config::get)
        .get("/v1/user/nodes/status", node::presence::get)
        .get("/v1/user/nodes/params", params::show::get)
        .put("/v1/user/nodes/params", params::set::put)
        .get("/v1/user/nodes/mapping", mapping::poll::get)
        .put("/v1/user/nodes/mapping", mapping::change::put)
        .post("/v1/user/nodes/mapping/initiate", mapping::initiate::post)
        .post("/v1/user/nodes/mapping/verify", mapping::verify::post)
        .post("/v1/user/nodes/{node_id}/proxy/{action}", node::proxy::post)
        .post("/claim/initiate", claim::initiate::post)
        .post("/claim/verify", claim::verify::post)
}

/// The function's router.
pub fn router(app: App) -> Router {
    routes().router(app)
}
