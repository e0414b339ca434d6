//! Mapping.

pub mod change;
pub mod poll;
