//! Where a request comes from.

use std::net::IpAddr;

/// The client's address. Each door puts it into the request's extensions: the socket from the
/// connection, Lambda from the request context. Headers are not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientIp(pub IpAddr);
