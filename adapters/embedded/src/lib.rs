//! The ports on one machine.
//!
//! * [`sqlite`]: the port `Table` on one `SQLite` file;
//! * [`files`]: the port `Blobs` as a folder;
//! * [`mailbox`]: the port `Mail` as a folder of letters; [`smtp`]: the same by SMTP;
//! * [`fleet`]: the port `Fleet` on the broker in this process;
//! * [`webhook`]: the port `Events` as POSTs to one URL;
//! * [`folder`]: the folders of all that.

pub mod files;
pub mod fleet;
pub mod folder;
pub mod mailbox;
pub mod smtp;
pub mod sqlite;
pub mod webhook;
