//! Mapping.

pub mod change;
pub mod clear;
pub mod history;
pub mod initiate;
pub mod poll;
pub mod verify;
