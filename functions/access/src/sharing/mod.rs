//! Sharing of nodes and of groups.

pub mod change;
pub mod list;
pub mod list_groups;
pub mod requests;
pub mod revoke;
pub mod withdraw;
