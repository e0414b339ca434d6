//! Listening sockets.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use tokio::net::{TcpListener, TcpSocket};

/// Connections that the system may hold until they are accepted.
const BACKLOG: u32 = 1024;

/// Why a port can't be had. One line.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Somebody has it.
    #[error("port {port} ({flag}) on {ip} is in use by another program: stop that, or choose another port with {flag}")]
    InUse {
        /// The address.
        ip: IpAddr,
        /// The port.
        port: u16,
        /// The flag that sets it.
        flag: &'static str,
    },
    /// Ports below 1024 are for who may.
    #[error("no permission to listen on port {port} ({flag}): choose one above 1023")]
    Permission {
        /// The port.
        port: u16,
        /// The flag that sets it.
        flag: &'static str,
    },
    /// The address is not this machine's.
    #[error("{0} ({1}) is no address of this machine")]
    Address(IpAddr, &'static str),
    /// Anything else.
    #[error("cannot listen on port {port} ({flag}) of {ip}: {source}")]
    Other {
        /// The address.
        ip: IpAddr,
        /// The port.
        port: u16,
        /// The flag that sets it.
        flag: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

/// Listens. `flag` is the setting that the port comes from.
pub fn listen(ip: IpAddr, port: u16, flag: &'static str) -> Result<TcpListener, ListenError> {
    try_listen(SocketAddr::new(ip, port)).map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => ListenError::InUse { ip, port, flag },
        io::ErrorKind::PermissionDenied => ListenError::Permission { port, flag },
        io::ErrorKind::AddrNotAvailable => ListenError::Address(ip, if flag == "--metrics" { flag } else { "--bind" }),
        _ => ListenError::Other { ip, port, flag, source },
    })
}

/// Listens on every address, of both families where this machine has both.
pub fn listen_everywhere(port: u16, flag: &'static str) -> Result<TcpListener, ListenError> {
    match listen(Ipv6Addr::UNSPECIFIED.into(), port, flag) {
        // A machine without IPv6.
        Err(ListenError::Address(..) | ListenError::Other { .. }) => listen(Ipv4Addr::UNSPECIFIED.into(), port, flag),
        listening => listening,
    }
}

fn try_listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A restart must not wait for connections of the run before; on Windows this would mean another thing.
    if cfg!(unix) {
        socket.set_reuseaddr(true)?;
    }
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// How long to wait after a failed accept: not at all where that one connection failed; otherwise this
/// machine is out of something, most likely of file descriptors, and trying at once would only burn time.
pub(super) fn pause_after(error: &io::Error) -> Option<Duration> {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted, WouldBlock};
    let passing = matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted | WouldBlock);
    (!passing).then_some(Duration::from_millis(250))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_port_in_use_is_one_clear_line() {
        let ip = IpAddr::from([127, 0, 0, 1]);
        let first = listen(ip, 0, "--http").unwrap();
        let port = first.local_addr().unwrap().port();
        let error = listen(ip, port, "--http").unwrap_err().to_string();
        assert!(error.starts_with(&format!("port {port} (--http) on 127.0.0.1 is in use")) && !error.contains('\n'), "{error}");
        drop(first);
        listen(ip, port, "--http").unwrap();
        assert!(matches!(listen(IpAddr::from([192, 0, 2, 1]), 0, "--http"), Err(ListenError::Address(..))));
    }
}
