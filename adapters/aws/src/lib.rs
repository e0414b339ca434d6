//! The ports in an AWS account.
//!
//! * [`client`]: what all services share: region, credentials, HTTPS;
//! * [`iot`]: the port `Fleet` on AWS IoT Core;
//! * [`ses`]: the port `Mail` on Amazon SES.

pub mod client;
pub mod iot;
pub mod ses;
