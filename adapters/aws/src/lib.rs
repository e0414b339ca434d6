//! The ports in an AWS account.
//!
//! * [`client`]: what all services share: region, credentials, HTTPS;
//! * [`dynamodb`]: the port `Table` on `DynamoDB`;
//! * [`iot`]: the port `Fleet` on AWS IoT Core;
//! * [`s3`]: the port `Blobs` on Amazon S3;
//! * [`ses`]: the port `Mail` on Amazon SES;
//! * [`sns`]: the port `Events` on Amazon SNS;
//! * [`mod@env`]: all of them for a function, by its environment.

pub mod client;
pub mod dynamodb;
pub mod env;
pub mod iot;
pub mod s3;
pub mod ses;
pub mod sns;
