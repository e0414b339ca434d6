//! The front door: HTTP, HTTPS and MQTT come in here, each connection in a task of its own and within its
//! limits, until [`Front::close`].

mod http;
mod listen;
mod patient;
mod waiting;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::Router;
use broker::Broker;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub(crate) use http::Deadline;
pub use listen::{ListenError, listen, listen_everywhere};

use self::waiting::{Place, Waiting};
use crate::{
    metrics::{Metrics, is_certificate},
    seldom::Seldom,
    tls::{Secured, Serves, Tls},
};

/// Connections beyond those that are served, whose handshake is under way.
pub const HANDSHAKES: usize = waiting::IN_ALL;

/// Connections to what is private at one time.
const PRIVATE: usize = 8;

/// What a port speaks.
#[derive(Clone)]
pub enum Speaks {
    /// HTTP without TLS.
    Plain,
    /// HTTP without TLS, for the owner alone, and this instead of the API.
    Private(Router),
    /// TLS, and in it what is said here.
    Tls(Tls, Serves),
}

/// The door. Cheap to clone.
#[derive(Clone)]
pub struct Front(Arc<Inner>);

struct Inner {
    router: Router,
    broker: Broker,
    waiting: Waiting,
    nodes: Arc<Semaphore>,
    http: Arc<Semaphore>,
    private: Arc<Semaphore>,
    metrics: Arc<Metrics>,
    stop: CancellationToken,
    tasks: TaskTracker,
    full: Seldom,
    refused: Seldom,
    failed: Seldom,
}

impl Front {
    /// A door to these two, for at most so many connections of each kind.
    pub fn new(router: Router, broker: Broker, max_nodes: usize, max_http: usize, metrics: Arc<Metrics>) -> Self {
        Self(Arc::new(Inner {
            router,
            broker,
            waiting: Waiting::default(),
            nodes: Arc::new(Semaphore::new(max_nodes)),
            http: Arc::new(Semaphore::new(max_http)),
            private: Arc::new(Semaphore::new(PRIVATE)),
            metrics,
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
            full: Seldom::new(),
            refused: Seldom::new(),
            failed: Seldom::new(),
        }))
    }

    /// Accepts connections from now on, in a task.
    pub fn open(&self, listener: TcpListener, speaks: Speaks) {
        let inner = Arc::clone(&self.0);
        self.0.tasks.spawn(async move { inner.accept(listener, speaks).await });
    }

    /// Accepts nothing more, lets requests that have begun be answered and ends the nodes' connections,
    /// with all that is under way for them; but goes on without them after `within`.
    pub async fn close(&self, within: Duration) {
        let inner = &self.0;
        inner.stop.cancel();
        inner.tasks.close();
        let ended = async {
            inner.broker.shutdown(within).await;
            inner.tasks.wait().await;
        };
        if timeout(within, ended).await.is_err() {
            tracing::warn!(connections = inner.tasks.len(), "not all connections have ended in time");
        }
    }
}

impl Inner {
    async fn accept(self: Arc<Self>, listener: TcpListener, speaks: Speaks) {
        loop {
            let accepted = tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, remote)) => self.begin(stream, remote, speaks.clone()),
                Err(error) => {
                    if let Some(pause) = listen::pause_after(&error) {
                        if let Some(unsaid) = self.failed.happened() {
                            tracing::error!(%error, unsaid, "connections can't be accepted");
                        }
                        tokio::select! {
                            () = self.stop.cancelled() => return,
                            () = sleep(pause) => {}
                        }
                    }
                }
            }
        }
    }

    fn begin(self: &Arc<Self>, stream: TcpStream, remote: SocketAddr, speaks: Speaks) {
        // One that is to be secured waits first; any other takes its place among the requests.
        let waits = match speaks {
            Speaks::Plain | Speaks::Private(_) => None,
            Speaks::Tls(..) => {
                let Some(place) = self.waiting.place(remote.ip().to_canonical()) else {
                    self.metrics.connection("tls", false);
                    return self.say_full(remote);
                };
                Some(place)
            }
        };
        if let Err(error) = stream.set_nodelay(true) {
            // It has gone already.
            tracing::debug!(%remote, %error, "TCP_NODELAY can't be set");
        }
        let inner = Arc::clone(self);
        self.tasks.spawn(async move {
            inner.connection(stream, remote, speaks, waits).await;
        });
    }

    fn place(&self, kind: &'static str, places: &Arc<Semaphore>, remote: SocketAddr) -> Option<OwnedSemaphorePermit> {
        let place = Arc::clone(places).try_acquire_owned().ok();
        self.metrics.connection(kind, place.is_some());
        if place.is_none() {
            self.say_full(remote);
        }
        place
    }

    fn say_full(&self, remote: SocketAddr) {
        if let Some(unsaid) = self.full.happened() {
            tracing::warn!(%remote, unsaid, "too many connections: one was closed at once");
        }
    }

    /// The parts are boxed, so that a node's task, of which there are many, holds only its own.
    async fn connection(&self, stream: TcpStream, remote: SocketAddr, speaks: Speaks, waits: Option<Place>) {
        let (tls, serves) = match speaks {
            Speaks::Plain => return Box::pin(self.http(stream, remote)).await,
            Speaks::Private(router) => {
                let Ok(_place) = Arc::clone(&self.private).try_acquire_owned() else { return };
                return Box::pin(http::serve(stream, remote, router, self.stop.clone())).await;
            }
            Speaks::Tls(tls, serves) => (tls, serves),
        };
        let secured = tokio::select! {
            // A handshake has nothing to lose.
            () = self.stop.cancelled() => return,
            secured = Box::pin(tls.accept(stream, serves)) => secured,
        };
        drop(waits);
        self.metrics.handshake(&secured.as_ref().map(|_| ()));
        match secured {
            Ok(Secured::Mqtt(stream, peer)) => {
                let Some(_place) = self.place("mqtt", &self.nodes, remote) else { return };
                Box::pin(self.broker.serve(stream, remote, Some(peer))).await;
            }
            Ok(Secured::Http(stream)) => Box::pin(self.http(stream, remote)).await,
            Ok(Secured::Proved) => tracing::debug!(%remote, "an authority has looked whose a name is"),
            // Scanners and lost connections are everyday; a node that is not let in is not.
            Err(error) if is_certificate(&error) => {
                if let Some(unsaid) = self.refused.happened() {
                    tracing::warn!(%remote, %error, unsaid, "a node was not let in");
                }
            }
            Err(error) => tracing::debug!(%remote, %error, "a TLS handshake failed"),
        }
    }

    async fn http<S>(&self, stream: S, remote: SocketAddr)
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    {
        let Some(_place) = self.place("http", &self.http, remote) else { return };
        http::serve(stream, remote, self.router.clone(), self.stop.clone()).await;
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;
    use crate::hooks::NodeHooks;

    #[tokio::test]
    async fn one_connection_too_many_is_closed_at_once_and_a_place_is_given_back() {
        let broker = Broker::new(Arc::new(NodeHooks::new(0)), broker::Limits::default());
        let front = Front::new(Router::new(), broker, 1, 1, Arc::default());
        let listener = listen([127, 0, 0, 1].into(), 0, "--http").unwrap();
        let address = listener.local_addr().unwrap();
        front.open(listener, Speaks::Plain);
        let ask = async || {
            let mut stream = TcpStream::connect(address).await.unwrap();
            // Closed at once, it may refuse the bytes.
            let _ = stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
            let answered = stream.read(&mut [0; 8]).await.unwrap_or_default() == 8;
            (answered, stream)
        };
        let (answered, first) = ask().await;
        assert!(answered);
        assert!(!ask().await.0, "there was one place");
        drop(first);
        let free = async {
            while !ask().await.0 {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(Duration::from_secs(10), free).await.unwrap();
        front.close(Duration::from_secs(5)).await;
        assert!(TcpStream::connect(address).await.is_err());
    }
}
