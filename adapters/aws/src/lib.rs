//! The ports in an AWS account.
//!
//! * [`client`]: what all services share: region, credentials, HTTPS;
//! * [`dynamodb`]: the port `Table` on `DynamoDB`;
//! * [`iot`]: the port `Fleet` on AWS IoT Core;
//! * [`ses`]: the port `Mail` on Amazon SES;
//! * [`env`]: all of them for a function, by its environment.

pub mod client;
pub mod dynamodb;
pub mod env;
pub mod iot;
pub mod ses;
