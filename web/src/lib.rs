//! What every function needs of the web.
//!
//! * [`App`]: the ports that handlers see, and what they count;
//! * [`routes`]: a router that knows its routes and takes no handler without a gate;
//! * [`openapi`]: what the API says of itself, made from the handlers' types;
//! * [`extract`]: the gates [`Caller`], [`Allowed`], [`Admin`], [`SuperAdmin`], [`Public`], [`Attempt`], [`Visitor`], [`Claimant`], and
//!   what else handlers read;
//! * [`error`]: the one table that turns refusals into statuses, numbers and bodies;
//! * [`reply`]: the success bodies of the contract;
//! * [`node`]: how a node is shown;
//! * [`door`]: the two ways in, a socket and a Lambda, and all that both do around a router;
//! * [`throttle`]: how often an address may try what can be guessed.

pub mod door;
pub mod error;
pub mod extract;
pub mod node;
pub mod openapi;
pub mod reply;
pub mod routes;
pub mod throttle;

use std::sync::{Arc, atomic::AtomicU64};

use shared::Ports;

pub use error::{Failure, Result};
pub use extract::{
    body::Body,
    form::Form,
    gate::{Admin, Allowed, Attempt, Caller, Claimant, Gate, Naming, Public, SuperAdmin, Visitor},
    ip::ClientIp,
    query::Query,
};
pub use routes::Routes;

/// What handlers work with. Cheap to clone.
#[derive(Clone)]
pub struct App {
    /// The ports.
    pub ports: Ports,
    /// Limits by address; `None` where something before this program limits (the API's throttle on AWS).
    pub throttle: Option<Arc<throttle::Throttle>>,
    /// What handlers count.
    pub counts: Arc<Counts>,
}

/// What handlers count for whoever watches this process. They only ever grow.
#[derive(Debug, Default)]
pub struct Counts {
    /// Messages of nodes that were not what their topic says.
    pub unparsable: AtomicU64,
}

impl App {
    /// An application without limits by address.
    pub fn new(ports: Ports) -> Self {
        Self { ports, throttle: None, counts: Arc::default() }
    }

    /// The same with limits by address.
    #[must_use]
    pub fn throttled(mut self, throttle: throttle::Throttle) -> Self {
        self.throttle = Some(Arc::new(throttle));
        self
    }
}
