//! Params.

pub mod set;
pub mod show;
