//! Raincloud in one process: the binary `raincloud`, as a library so that tests reach its parts.
//!
//! In reading order:
//! * [`cli`]: the commands; [`settings`]: flags, variables and the settings file;
//! * [`serve`]: everything put together; [`sockets`]: what is listened on; [`wiring`]: the ports; [`folder`]: the data folder;
//! * [`sign_in`]: OAuth clients and identity providers;
//! * [`front`]: who comes in; [`tls`], [`certificates`] and [`ca`]: with which certificates;
//! * [`reach`]: how others find and trust it; [`lan`]: the home network; [`acme`]: certificates from an authority;
//! * [`hooks`]: what nodes may do and where their messages go; [`topics`]: the rule; [`arrival`]: in which order; [`revocations`]: the end;
//! * [`blobs`]: what signed URLs lead to;
//! * `leaving`: accounts that go;
//! * [`metrics`] and [`logging`]: what an operator watches;
//! * [`admin`]: nodes and accounts, here or over the API; `backup`: saving and restoring; `mailbox`: letters; `node`: a simulated device;
//! * [`welcome`], [`firmware`], [`say`]: what people read; [`files`], `endpoint`, [`signals`], [`open_files`], [`seldom`]: small tools.

pub mod acme;
pub mod admin;
pub mod arrival;
mod backup;
pub mod blobs;
pub mod ca;
pub mod certificates;
pub mod cli;
mod endpoint;
pub mod files;
pub mod firmware;
pub mod folder;
pub mod front;
pub mod hooks;
pub mod lan;
mod leaving;
pub mod logging;
mod mailbox;
pub mod metrics;
mod node;
pub mod open_files;
pub mod reach;
pub mod revocations;
pub mod say;
pub mod seldom;
pub mod serve;
pub mod settings;
pub mod sign_in;
pub mod signals;
pub mod sockets;
#[cfg(test)]
mod test;
pub mod tls;
pub mod topics;
pub mod welcome;
pub mod wiring;

pub use cli::run;
