//! The broker as its clients and its embedding program see it.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests fail like tests")]

mod bounds;
mod client;
mod hooks;
mod limits;
mod messages;
mod server;
mod sessions;
mod shutdown;
mod takeover;
mod v5;
mod wills;
