//! Signing in by a browser (contract `clients.md` A2, `rest-3.md` OAuth), at the root of the host.

pub mod authorize;
pub mod callback;
pub mod discovery;
mod page;
mod refusal;
pub mod token;
pub mod user_info;
