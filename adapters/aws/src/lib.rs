//! The ports in an AWS account.
//!
//! * [`client`]: what all services share: region, credentials, HTTPS;
//! * [`dynamodb`]: the port `Table` on `DynamoDB`.

pub mod client;
pub mod dynamodb;
