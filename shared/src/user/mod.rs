//! Accounts, as the domain sees them; what keeps and proves them is the port
//! [`Identity`](crate::port::identity::Identity).

pub mod log_in;
pub mod log_out;
pub mod name;
pub mod sign_up;
