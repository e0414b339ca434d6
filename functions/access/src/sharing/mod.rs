//! Sharing of nodes.

pub mod change;
pub mod list;
pub mod requests;
pub mod revoke;
pub mod withdraw;
