//! Accounts of others.

pub mod change;
pub mod delete;
pub mod list;
pub mod make;
