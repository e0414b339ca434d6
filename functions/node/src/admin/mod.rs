//! All nodes of the cloud.

pub mod add;
pub mod change;
pub mod list;
