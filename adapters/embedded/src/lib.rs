//! The ports on one machine.
//!
//! * [`sqlite`]: the port `Table` on one `SQLite` file;
//! * [`mailbox`]: the port `Mail` as a folder of letters; [`smtp`]: the same by SMTP;
//! * [`fleet`]: the port `Fleet` on the broker in this process.

pub mod fleet;
pub mod mailbox;
pub mod smtp;
pub mod sqlite;
