//! A broker over plain TCP that permits everything but subscriptions to `test/nosubscribe`, for trying things out and
//! for conformance suites. Loopback only.
//!
//! `plain [PORT] [KEEP_ALIVE_MAX_SECS] [CONNECTIONS]`

use std::{env, error::Error, net::Ipv4Addr, sync::Arc, time::Duration};

use broker::{Action, BoxFuture, Broker, Connection, Event, EventFailed, Hooks, Limits, Message, Refusal};
use tokio::net::TcpListener;

struct AllowAll;

impl Hooks for AllowAll {
    fn authenticate<'a>(&'a self, _: &'a Connection) -> BoxFuture<'a, Result<(), Refusal>> {
        Box::pin(async { Ok(()) })
    }

    fn may_subscribe(&self, _: &Connection, filter: &str) -> bool {
        filter != "test/nosubscribe"
    }

    fn may_publish(&self, _: &Connection, _: &str) -> bool {
        true
    }

    fn publish(&self, _: &Arc<Connection>, _: &Message) -> BoxFuture<'static, Action> {
        Box::pin(async { Action::Route })
    }

    fn event(&self, _: &Arc<Connection>, _: Event) -> BoxFuture<'static, Result<(), EventFailed>> {
        Box::pin(async { Ok(()) })
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let number = |at: usize, default: u64| env::args().nth(at).map_or(Ok(default), |text| text.parse());
    let port = u16::try_from(number(1, 1883)?)?;
    let limits = Limits {
        keep_alive_max: Duration::from_secs(number(2, 1_200)?),
        connections: usize::try_from(number(3, 10_000)?)?,
        publish_rate: 1_000_000,
        publish_burst: 1_000_000,
        session_expiry_max: Duration::from_hours(24),
        ..Limits::default()
    };
    let broker = Broker::new(Arc::new(AllowAll), limits);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    loop {
        let (stream, remote) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let broker = broker.clone();
        tokio::spawn(async move { broker.serve(stream, remote, None).await });
    }
}
