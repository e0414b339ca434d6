//! Accounts and sessions.

pub mod log_in;
pub mod log_out;
pub mod show;
pub mod sign_up;
