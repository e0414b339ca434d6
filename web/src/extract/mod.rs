//! What handlers read from a request.

pub mod body;
pub mod form;
pub mod gate;
pub mod ip;
pub mod query;
