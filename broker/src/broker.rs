//! The broker itself: sessions, routing, and what the embedding program can do from outside.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use parking_lot::{Mutex, RwLock};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::{Notify, OwnedMutexGuard},
    time::timeout,
};

use crate::{
    Failed, Hooks, Limits, Message, Peer, Reason, Refusal, Stats, connect,
    guard::{caught, caught_call},
    link::Link,
    message::Routed,
    queue::Delivery,
    retained::Retained,
    session::Session,
    stats::{Shared, count},
    subscriptions::{Matches, Subscription, Subscriptions},
    timers::{Key, Timers},
    topic,
    will::Will,
};

/// An MQTT broker. Cheap to clone; all clones are the same broker.
#[derive(Clone)]
pub struct Broker {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) hooks: Arc<dyn Hooks>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) subscriptions: RwLock<Subscriptions>,
    pub(crate) retained: RwLock<Retained>,
    pub(crate) timers: Arc<Timers>,
    sessions: Mutex<HashMap<Arc<str>, Arc<Session>>>,
    /// Every connection being served, by its number.
    links: Mutex<HashMap<u64, Arc<Link>>>,
    last_link: AtomicU64,
    last_claim: AtomicU64,
    closing: AtomicBool,
    /// The last connection has ended.
    idle: Notify,
}

impl Broker {
    /// A broker without connections. Nothing runs until [`serve`](Self::serve) is called.
    pub fn new(hooks: Arc<dyn Hooks>, limits: Limits) -> Self {
        let inner = Inner {
            hooks,
            shared: Arc::new(Shared { limits, ..Shared::default() }),
            subscriptions: RwLock::default(),
            retained: RwLock::default(),
            timers: Arc::default(),
            sessions: Mutex::default(),
            links: Mutex::default(),
            last_link: AtomicU64::new(0),
            last_claim: AtomicU64::new(0),
            closing: AtomicBool::new(false),
            idle: Notify::new(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Serves one connection until it has ended. The stream is any transport; `peer` is what TLS proved, if it was TLS.
    /// A TCP stream should have `TCP_NODELAY` set.
    ///
    /// Never panics: a panic in a hook or in the broker ends this connection only. If the future is dropped, the
    /// connection ends at once, and its `Disconnected` event is sent from a task of its own.
    ///
    /// Needs a tokio runtime with time enabled; the first call starts a small task on it that lives as long as the
    /// broker.
    pub async fn serve<S>(&self, stream: S, remote: SocketAddr, peer: Option<Peer>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Some(registered) = Registered::new(&self.inner) else {
            self.inner.refused(Failed::Refused(Refusal::ServerBusy));
            return;
        };
        self.inner.timers.run(&self.inner);
        let served = connect::serve(Arc::clone(&self.inner), Arc::clone(&registered.link), stream, remote, peer);
        // Boxed, so that the buffers of the handshake do not make the caller's task bigger than needed.
        caught(Box::pin(served)).await;
    }

    /// Publishes from inside the process, without asking the hooks; returns the number of sessions the message was given
    /// to, connected or not. A topic that is not valid reaches nobody.
    pub fn publish(&self, message: Message) -> usize {
        if !topic::valid_name(&message.topic, &self.inner.shared.limits) {
            tracing::warn!(topic = %message.topic, "not a valid topic to publish to");
            return 0;
        }
        self.inner.route(message, None)
    }

    /// Ends the connection of this client, if there is one; says whether there was. Returns before it has ended.
    ///
    /// A connection that is just being authenticated is not found yet. What must not be missed, such as a right that was withdrawn
    /// meanwhile, can be checked again in [`Event::Connected`](crate::Event::Connected): from then on the connection is found.
    pub fn disconnect(&self, client_id: &str, reason: Reason) -> bool {
        let session = self.inner.sessions.lock().get(client_id).cloned();
        let owner = session.and_then(|session| session.with(|state| state.owner.clone()));
        owner.is_some_and(|owner| {
            owner.end(reason);
            true
        })
    }

    /// Ends all connections and waits until they have ended, with their running hooks and `Disconnected` events, but no
    /// longer than `within`. New connections are refused from now on; delayed wills and sessions are forgotten.
    pub async fn shutdown(&self, within: Duration) {
        let inner = &self.inner;
        inner.closing.store(true, Ordering::SeqCst);
        let links: Vec<_> = inner.links.lock().values().cloned().collect();
        for link in links {
            link.end(Reason::ServerShutdown);
        }
        let all_ended = async {
            loop {
                let idle = inner.idle.notified();
                if inner.links.lock().is_empty() {
                    return;
                }
                idle.await;
            }
        };
        if timeout(within, all_ended).await.is_err() {
            tracing::warn!(connections = inner.links.lock().len(), "not all connections have ended in time");
        }
        inner.timers.stop();
    }

    /// A look at the counters; they are read one after the other.
    pub fn stats(&self) -> Stats {
        let inner = &self.inner;
        let counters = &inner.shared.counters;
        let (retained, retained_bytes) = {
            let retained = inner.retained.read();
            (retained.count(), retained.bytes())
        };
        Stats {
            connections: inner.links.lock().len(),
            sessions: inner.sessions.lock().len(),
            offline_sessions: counters.offline.load(Ordering::Relaxed),
            subscriptions: inner.subscriptions.read().count(),
            retained,
            retained_bytes,
            queued_bytes: counters.queued_bytes.load(Ordering::Relaxed),
            accepted: counters.accepted.load(Ordering::Relaxed),
            refused: counters.refused.load(Ordering::Relaxed),
            messages_in: counters.messages_in.load(Ordering::Relaxed),
            messages_out: counters.messages_out.load(Ordering::Relaxed),
            messages_dropped: counters.messages_dropped.load(Ordering::Relaxed),
            bytes_in: counters.bytes_in.load(Ordering::Relaxed),
            bytes_out: counters.bytes_out.load(Ordering::Relaxed),
        }
    }
}

/// A place among the connections, given back when dropped.
struct Registered {
    inner: Arc<Inner>,
    link: Arc<Link>,
}

impl Registered {
    fn new(inner: &Arc<Inner>) -> Option<Self> {
        let mut links = inner.links.lock();
        if inner.closing.load(Ordering::SeqCst) || links.len() >= inner.shared.limits.connections {
            return None;
        }
        let id = inner.last_link.fetch_add(1, Ordering::Relaxed) + 1;
        let link = Arc::new(Link::new(id));
        links.insert(id, Arc::clone(&link));
        drop(links);
        Some(Self { inner: Arc::clone(inner), link })
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        let mut links = self.inner.links.lock();
        links.remove(&self.link.id);
        if links.is_empty() {
            self.inner.idle.notify_waiters();
        }
    }
}

impl Inner {
    /// Counts a connection that did not come about.
    pub(crate) fn refused(&self, why: Failed) {
        count(&self.shared.counters.refused);
        caught_call(|| self.hooks.failed(why));
    }

    /// The session of this client id; a new one if there is none.
    pub(crate) fn session(&self, client_id: &str) -> Arc<Session> {
        let mut sessions = self.sessions.lock();
        if let Some(session) = sessions.get(client_id) {
            return Arc::clone(session);
        }
        let client_id: Arc<str> = client_id.into();
        let session = Arc::new(Session::new(Arc::clone(&client_id), &self.shared));
        sessions.insert(client_id, Arc::clone(&session));
        session
    }

    /// Orders connections by when they ask for their session.
    pub(crate) fn next_claim(&self) -> u64 {
        self.last_claim.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Removes a session that is gone.
    pub(crate) fn forget(&self, session: &Arc<Session>) {
        let mut sessions = self.sessions.lock();
        if sessions.get(&session.client_id).is_some_and(|found| Arc::ptr_eq(found, session)) {
            sessions.remove(&session.client_id);
        }
    }

    /// Ends a turn; forgets the session if it was given up, before the turn or in it.
    pub(crate) fn give_back(&self, session: &Arc<Session>, turn: Option<OwnedMutexGuard<()>>) {
        let gone = || session.with(|state| state.gone);
        if gone() {
            self.forget(session);
        }
        drop(turn);
        // It may just have been given up by somebody who left this to the one with the turn.
        if gone() && session.turn.try_lock().is_ok() {
            self.forget(session);
        }
    }

    /// Gives a session up: its subscriptions and messages. It stays registered until [`forget`](Self::forget), so
    /// that the next connection of the client still waits for the end of this one. Gives back the will it waited with.
    pub(crate) fn discard(&self, session: &Arc<Session>) -> Option<Will> {
        let (filters, expiry, will_due, will) = session.with(|state| {
            state.gone = true;
            state.owner = None;
            if std::mem::take(&mut state.offline) {
                self.shared.counters.offline.fetch_sub(1, Ordering::Relaxed);
            }
            (state.reset(), state.expiry.take(), state.will_due.take(), state.will.take())
        });
        self.timers.cancel(expiry);
        self.timers.cancel(will_due);
        self.unsubscribe_all(session, filters);
        will
    }

    pub(crate) fn unsubscribe_all(&self, session: &Arc<Session>, filters: impl IntoIterator<Item = Box<str>>) {
        for filter in filters {
            if let Some(filter) = topic::split_filter(&filter) {
                self.subscriptions.write().take(filter, session);
            }
        }
    }

    /// Gives an offline session up, if it still is one, and if this is its time (any time, if none). Says whether it did.
    pub(crate) fn expire(&self, session: &Arc<Session>, key: Option<Key>) -> bool {
        let due = session.with(|state| {
            let due = state.offline && state.owner.is_none() && (key.is_none() || state.expiry == key);
            state.gone |= due;
            due
        });
        if due {
            // Somebody who has the turn forgets the session afterwards.
            let turn = Arc::clone(&session.turn).try_lock_owned().ok();
            match self.discard(session) {
                Some(will) => Self::publish_will(will, session, turn),
                None if turn.is_some() => self.give_back(session, turn),
                None => {}
            }
        }
        due
    }

    pub(crate) fn will_due(&self, session: &Arc<Session>, key: Key) {
        // Somebody who has the turn sees to the will.
        let Ok(turn) = Arc::clone(&session.turn).try_lock_owned() else {
            return;
        };
        let will = session.with(|state| {
            let due = state.will_due == Some(key);
            due.then(|| state.will_due = None).and_then(|()| state.will.take())
        });
        match will {
            Some(will) => Self::publish_will(will, session, Some(turn)),
            None => self.give_back(session, Some(turn)),
        }
    }

    /// Gives up the offline sessions that expire first, while there are more than allowed.
    pub(crate) fn make_room_offline(&self) {
        // Those that a connection is about to continue.
        let mut busy = 0;
        while self.shared.counters.offline.load(Ordering::Relaxed) > self.shared.limits.offline_sessions {
            let Some(session) = self.timers.next_expiry(busy) else {
                return;
            };
            if self.expire(&session, None) {
                tracing::debug!(client_id = &*session.client_id, "session given up to make room");
            } else {
                busy += 1;
            }
        }
    }

    /// Publishes a will from a task of its own, to which the turn goes, so that the next connection comes after it.
    fn publish_will(will: Will, session: &Arc<Session>, turn: Option<OwnedMutexGuard<()>>) {
        let Some(broker) = will.broker.upgrade() else {
            return;
        };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            broker.give_back(session, turn);
            return;
        };
        let session = Arc::clone(session);
        runtime.spawn(async move {
            will.publish(&broker).await;
            if turn.is_some() {
                broker.give_back(&session, turn);
            }
        });
    }

    /// Gives a message to all who subscribed to it; returns the number of sessions. `publisher` is the client it is from;
    /// then the message may be part of a bigger buffer, and whoever keeps it keeps a copy, made once for all.
    pub(crate) fn route(&self, message: Message, publisher: Option<&str>) -> usize {
        let own = |message: Message| if publisher.is_some() { message.detached() } else { message };
        if message.retain && self.shared.limits.retained_messages > 0 {
            let routed = Routed::new(own(message));
            // Retained first: whoever subscribes meanwhile may get the message twice, but not miss it.
            if !self.retained.write().put(&routed, &self.shared.limits) {
                count(&self.shared.counters.messages_dropped);
            }
            let matches = self.subscriptions.read().matching(&routed.message.topic);
            return deliver_all(&routed, matches, publisher);
        }
        let matches = self.subscriptions.read().matching(&message.topic);
        if matches.each.is_empty() && matches.shared.is_empty() {
            return 0;
        }
        deliver_all(&Routed::new(own(message)), matches, publisher)
    }
}

fn deliver_all(routed: &Arc<Routed>, mut matches: Matches, publisher: Option<&str>) -> usize {
    if let Some(publisher) = publisher {
        matches.each.retain(|to| !(to.options.no_local && *to.session.client_id == *publisher));
    }
    let each = matches.each.chunk_by(|a, b| a.key() == b.key());
    let shared = matches.shared.chunks(1);
    each.chain(shared).filter(|same| deliver(routed, same)).count()
}

/// Gives a message to one session, once for all of its subscriptions. Says whether it was taken.
fn deliver(routed: &Arc<Routed>, subscriptions: &[Subscription]) -> bool {
    let Some(first) = subscriptions.first() else {
        return false;
    };
    let message = &routed.message;
    let options = || subscriptions.iter().map(|subscription| subscription.options);
    let highest = options().map(|options| options.qos).max().unwrap_or_default();
    first.session.deliver(Delivery {
        routed: Arc::clone(routed),
        qos: highest.min(message.qos),
        retain: message.retain && options().any(|options| options.retain_as_published),
        ids: options().filter_map(|options| options.id).collect(),
    })
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.timers.stop();
    }
}
