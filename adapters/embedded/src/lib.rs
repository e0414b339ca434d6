//! The ports on one machine.
//!
//! * [`sqlite`]: the port `Table` on one `SQLite` file;
//! * [`accounts`]: the port `Identity` over `Table`;
//! * [`mailbox`]: the port `Mail` as a folder of letters; [`smtp`]: the same by SMTP;
//! * [`fleet`]: the port `Fleet` on the broker in this process;
//! * [`clock`]: the ports `Clock` and `Ids` from the operating system;
//! * [`local`]: all of them put together.

pub mod accounts;
pub mod clock;
pub mod fleet;
pub mod local;
pub mod mailbox;
pub mod smtp;
pub mod sqlite;
