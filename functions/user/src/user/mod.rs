//! Accounts and sessions.

pub mod change_password;
pub mod custom_data;
pub mod delete;
pub mod forgot_password;
pub mod guest;
pub mod log_in;
pub mod log_out;
pub mod public_profile;
pub mod show;
pub mod sign_up;
pub mod update;
