//! Mapping.

pub mod change;
pub mod initiate;
pub mod poll;
pub mod verify;
