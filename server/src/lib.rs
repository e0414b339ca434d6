//! Raincloud in one process: the binary `raincloud`, as a library so that tests reach its parts.
//!
//! In reading order:
//! * [`cli`]: the commands; [`settings`]: flags, variables and the settings file;
//! * [`serve`]: everything put together; [`wiring`]: the ports; [`sign_in`]: OAuth clients and identity providers; [`folder`]: the data folder;
//! * [`front`]: who comes in; [`tls`] and [`ca`]: with which certificates;
//! * [`hooks`]: what nodes may do and where their messages go; [`topics`]: the rule; [`arrival`]: in which order; [`revocations`]: the end;
//! * [`admin`]: adding, listing and revoking nodes; `mailbox`: letters; `node`: a simulated device;
//! * [`welcome`], [`say`]: what people read; [`files`], [`signals`], [`open_files`], [`seldom`]: small tools.

pub mod admin;
pub mod arrival;
pub mod ca;
pub mod cli;
pub mod files;
pub mod folder;
pub mod front;
pub mod hooks;
mod mailbox;
mod node;
pub mod open_files;
pub mod revocations;
pub mod say;
pub mod seldom;
pub mod serve;
pub mod settings;
pub mod sign_in;
pub mod signals;
#[cfg(test)]
mod test;
pub mod tls;
pub mod topics;
pub mod welcome;
pub mod wiring;

pub use cli::run;
