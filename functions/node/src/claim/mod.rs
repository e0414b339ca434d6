//! Claiming.

pub mod initiate;
pub mod verify;
