//! Nodes.

pub mod config;
pub mod list;
pub mod presence;
pub mod proxy;
