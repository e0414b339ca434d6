//! What a device cloud *is*: the rules of nodes, users, mapping and params, the same on one machine
//! and in an AWS account.
//!
//! In reading order:
//! * [`id`]: node, user and request ids as types;
//! * [`port`]: what the domain needs from outside, as traits;
//! * [`access`]: who may do what; the only maker of a [`access::Grant`];
//! * [`user`]: accounts: signing up, logging in and out, passwords, guests, what users say of themselves,
//!   deletion;
//! * [`oauth`]: signing in by a browser: authorization codes, clients, accounts elsewhere;
//! * [`node`]: a node's certificate, config, presence, what it signed, and the list of a user's nodes;
//! * [`group`]: groups of nodes: homes, rooms, and what is in them;
//! * [`params`]: params as nodes report them and as users set them;
//! * [`mapping`]: how a node comes to belong to a user;
//! * [`sharing`]: how a user lets others use their nodes;
//! * [`claim`]: how a node gets its id and its certificate;
//! * [`command`]: commands to nodes, and the form in which both sides write them;
//! * [`event`]: what nodes send and what happens to their connections, and who handles it;
//! * [`outbox`]: what happened, until those who listen have been told;
//! * [`error`]: why something is not done.
//!
//! Dependency rule: this crate knows nothing outside itself: no AWS crate, no storage engine, no
//! broker, no web framework. Time, ids, settings and tasks come through ports.

pub mod access;
mod arrival;
pub mod claim;
pub mod command;
pub mod error;
pub mod event;
pub mod group;
pub mod id;
mod json;
pub mod mapping;
mod merge;
pub mod node;
pub mod oauth;
pub mod outbox;
pub mod params;
pub mod port;
pub mod sharing;
mod tag;
pub mod user;

pub use error::{Error, Refusal, Result};
pub use port::Ports;
