//! The ports on one machine.
//!
//! * [`sqlite`]: the port `Table` on one `SQLite` file;
//! * [`mailbox`]: the port `Mail` as a folder of letters; [`smtp`]: the same by SMTP;
//! * [`fleet`]: the port `Fleet` on the broker in this process;
//! * [`local`]: all of them put together with those of `builtin`, which need no engine.

pub mod fleet;
pub mod local;
pub mod mailbox;
pub mod smtp;
pub mod sqlite;
