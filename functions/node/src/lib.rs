//! The node function: nodes and their params for users, claiming, and all that nodes send.

pub mod admin;
pub mod claim;
pub mod command;
pub mod event;
pub mod mapping;
pub mod node;
pub mod params;
pub mod trigger;

use axum::Router;
use shared::port::table::TableId;
use web::{App, Routes};

pub use event::on_event;

/// The tables that the function uses. Its template lets it use no other.
pub const TABLES: &[TableId] = &[TableId::Users, TableId::Nodes, TableId::Access, TableId::Claims];

/// Every route.
pub fn routes() -> Routes {
    Routes::new()
        .get("/v1/user/nodes", node::list::get, "The caller's nodes")
        .put("/v1/user/nodes", node::details::put, "Change a node's tags, metadata or administrators' access")
        .delete("/v1/user/nodes", node::details::delete, "Take tags from a node")
        .delete("/v1/user/nodes/{node_id}", mapping::clear::delete, "Take a node from everybody")
        .get("/v1/user/nodes/history", mapping::history::get, "The nodes that the caller has and had")
        .get("/v1/user/nodes/config", node::config::get, "What a node says it is")
        .get("/v1/user/nodes/status", node::presence::get, "Whether a node is online")
        .get("/v1/user/nodes/params", params::show::get, "The params as the node reported them")
        .put("/v1/user/nodes/params", params::set::put, "Set params of one node, or of several")
        .get("/v1/user/nodes/mapping", mapping::poll::get, "What became of a mapping request")
        .put("/v1/user/nodes/mapping", mapping::change::put, "Map a node to the caller, or give it up")
        .post("/v1/user/nodes/mapping/initiate", mapping::initiate::post, "Ask for a challenge for a node to sign")
        .post("/v1/user/nodes/mapping/verify", mapping::verify::post, "Map the node that signed the challenge to the caller")
        .post("/v1/user/nodes/{node_id}/proxy/{action}", node::proxy::post, "Bring what a node without a network has signed")
        .get("/v1/user/nodes/cmd", command::list::get, "What became of commands")
        .post("/v1/user/nodes/cmd", command::ask::post, "Ask nodes to do something")
        .delete("/v1/user/nodes/cmd", command::cancel::delete, "Cancel commands")
        .get("/v1/admin/nodes/cmd", command::list::get_as_admin, "What became of administrators' commands")
        .post("/v1/admin/nodes/cmd", command::ask::post_as_admin, "Ask any nodes to do something")
        .get("/v1/admin/nodes", admin::list::get, "All nodes of the cloud, or one")
        .post("/v1/admin/nodes", admin::add::post, "Have a certificate issued to a new node")
        .put("/v1/admin/nodes", admin::change::put, "Revoke the certificates of nodes")
        .post("/claim/initiate", claim::initiate::post, "Begin a claim")
        .post("/claim/verify", claim::verify::post, "Have a certificate issued to a node")
}

/// The function's router.
pub fn router(app: App) -> Router {
    routes().router(app)
}
