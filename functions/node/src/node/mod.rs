//! Nodes.

pub mod config;
pub mod details;
pub mod list;
pub mod presence;
pub mod proxy;
