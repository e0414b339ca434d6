//! The access function: sharing, and groups of nodes.

pub mod group;
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
        .delete("/v1/user/nodes/sharing", sharing::revoke::nodes, "Take nodes from somebody")
        .get("/v1/user/nodes/sharing/requests", sharing::requests::nodes, "Offers of nodes that wait for an answer or were declined")
        .put(
            ["/v1/user/nodes/sharing/requests", "/v1/user/nodes/sharing"],
            sharing::change::nodes,
            "Offer nodes to somebody, or answer an offer",
        )
        .delete("/v1/user/nodes/sharing/requests", sharing::withdraw::nodes, "Take an offer back")
        .get("/v1/user/node_group", group::list::get, "The caller's groups, or one of them")
        .post("/v1/user/node_group", group::create::post, "Make a group, alone or inside of another")
        .put("/v1/user/node_group", group::change::put, "Change a group, or which nodes are in it")
        .delete("/v1/user/node_group", group::remove::delete, "Remove a group with all groups inside, or leave it")
        .get("/v1/user/node_group/node_acl", group::acl::get, "Who may do what with the Matter nodes of the caller's fabrics")
        .get("/v1/user/node_group/sharing", sharing::list_groups::get, "Who has the caller's groups")
        .delete("/v1/user/node_group/sharing", sharing::revoke::groups, "Take groups from somebody, or give them up")
        .get("/v1/user/node_group/sharing/requests", sharing::requests::groups, "Offers of groups that wait for an answer or were declined")
        .put(
            ["/v1/user/node_group/sharing/requests", "/v1/user/node_group/sharing"],
            sharing::change::groups,
            "Offer groups to somebody, or answer an offer",
        )
        .delete("/v1/user/node_group/sharing/requests", sharing::withdraw::groups, "Take an offer of groups back")
}

/// The function's router.
pub fn router(app: App) -> Router {
    routes().router(app)
}
