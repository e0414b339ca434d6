//! Mapping.

pub mod change;
pub mod clear;
pub mod history;
pub mod poll;
