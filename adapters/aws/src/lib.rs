//! The ports in an AWS account.
//!
//! * [`client`]: what all services share: region, credentials, HTTPS.

pub mod client;
