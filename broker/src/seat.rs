//! The right of one connection to act for its client id. Whoever comes later ends the one before, waits for its end, and
//! then has the seat, so that events never overlap and the session is always there for messages.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::OwnedMutexGuard,
    time::{Instant, timeout, timeout_at},
};

use crate::{Connection, Event, Reason, Refusal, broker::Inner, guard::caught, link::Link, session::Session, timers::Due, will::Will};

pub(crate) struct Seat {
    broker: Arc<Inner>,
    pub(crate) session: Arc<Session>,
    connection: Arc<Connection>,
    link: Arc<Link>,
    /// The `Connected` event was accepted, so that `Disconnected` has to follow.
    connected: bool,
    attached: bool,
    /// How long the session waits for the client afterwards.
    pub(crate) keep: Duration,
    /// What is published if the client does not end the connection itself.
    pub(crate) will: Option<Will>,
    turn: Option<OwnedMutexGuard<()>>,
}

/// Why there is no seat.
pub(crate) enum NoSeat {
    Refused(Refusal),
    /// Asked to end while waiting.
    Ended(Reason),
}

impl Seat {
    pub(crate) async fn take(broker: &Arc<Inner>, connection: &Arc<Connection>, link: &Arc<Link>) -> Result<Self, NoSeat> {
        let deadline = Instant::now() + broker.shared.limits.takeover_timeout;
        let number = broker.next_claim();
        loop {
            let session = broker.session(&connection.client_id);
            session.claim(number);
            // A session nobody else has is taken without waiting, so that it always has a seat to clean up after it.
            let turn = if let Ok(turn) = Arc::clone(&session.turn).try_lock_owned() {
                turn
            } else {
                tokio::select! {
                    biased;
                    reason = link.until_ended() => return Err(NoSeat::Ended(reason)),
                    turn = timeout_at(deadline, Arc::clone(&session.turn).lock_owned()) => turn.map_err(|_| {
                        tracing::warn!(client_id = connection.client_id, "the connection before does not end");
                        NoSeat::Refused(Refusal::ServerUnavailable)
                    })?,
                }
            };
            let seat = Self {
                broker: Arc::clone(broker),
                session,
                connection: Arc::clone(connection),
                link: Arc::clone(link),
                connected: false,
                attached: false,
                keep: Duration::ZERO,
                will: None,
                turn: Some(turn),
            };
            let (gone, newest) = seat.session.with(|state| {
                let newest = state.newest == number;
                if !state.gone && newest {
                    state.owner = Some(Arc::clone(link));
                }
                (state.gone, newest)
            });
            if !newest {
                return Err(NoSeat::Ended(Reason::TakenOver));
            }
            if !gone {
                return Ok(seat);
            }
        }
    }

    /// Tells the hooks. From now on they will also be told of the end.
    pub(crate) async fn announce(&mut self) -> Result<(), Refusal> {
        let hooks = Arc::clone(&self.broker.hooks);
        let connection = Arc::clone(&self.connection);
        match caught(async move { hooks.event(&connection, Event::Connected).await }).await {
            Some(Ok(())) => {
                self.connected = true;
                Ok(())
            }
            Some(Err(error)) => {
                tracing::error!(client_id = self.connection.client_id, %error, "the Connected event failed");
                Err(Refusal::ServerUnavailable)
            }
            None => Err(Refusal::ServerUnavailable),
        }
    }

    /// Makes the session this connection's; says whether it continues an earlier one, and gives the will of that one if
    /// it is due.
    pub(crate) fn attach(&mut self) -> (bool, Option<Will>) {
        let now = Instant::now();
        let fresh = self.connection.clean_start;
        let (expiry, will_due, will, filters, present) = self.session.with(|state| {
            let expired = state.expiry.is_some_and(|(at, _)| at <= now);
            let present = state.established && !fresh && !expired;
            let filters = if present { None } else { Some(state.reset()) };
            if std::mem::take(&mut state.offline) {
                self.broker.shared.counters.offline.fetch_sub(1, std::sync::atomic::Ordering::Relaxed);
            }
            state.rewind();
            state.established = true;
            self.session.set_online(true);
            (state.expiry.take(), state.will_due.take(), state.will.take(), filters, present)
        });
        self.attached = true;
        self.broker.timers.cancel(expiry);
        self.broker.timers.cancel(will_due);
        self.broker.unsubscribe_all(&self.session, filters.into_iter().flatten());
        // The client is back in time if it continues its session; otherwise the session has ended, and the will is due.
        (present, will.filter(|_| !present))
    }

    /// Makes the session wait for the client, or gives it up. Gives the will back if it is due at once.
    pub(crate) fn detach(&mut self) -> Option<Will> {
        self.attached = false;
        let (keep, will) = (self.keep, self.will.take());
        self.session.set_online(false);
        if keep.is_zero() || self.broker.shared.limits.offline_sessions == 0 {
            let waited = self.broker.discard(&self.session);
            return will.or(waited);
        }
        let now = Instant::now();
        let mut due = None;
        self.session.with(|state| {
            state.rewind();
            state.owner = None;
            state.offline = true;
            self.broker.shared.counters.offline.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            state.expiry = Some(self.broker.timers.set(now + keep, Due::Expiry, &self.session));
            match will {
                Some(will) if will.delay.is_zero() => due = Some(will),
                Some(will) => {
                    let at = now + will.delay.min(keep);
                    state.will = Some(will);
                    state.will_due = Some(self.broker.timers.set(at, Due::Will, &self.session));
                }
                None => {}
            }
        });
        self.broker.make_room_offline();
        due
    }

    /// Tells the hooks of the end.
    pub(crate) async fn leave(mut self, reason: Reason) {
        if std::mem::take(&mut self.connected) {
            tell_disconnected(&self.broker, &self.connection, reason).await;
        }
    }
}

async fn tell_disconnected(broker: &Inner, connection: &Arc<Connection>, reason: Reason) {
    let (hooks, told) = (Arc::clone(&broker.hooks), Arc::clone(connection));
    let event = Event::Disconnected { reason };
    if let Some(Err(error)) = caught(async move { hooks.event(&told, event).await }).await {
        tracing::error!(client_id = connection.client_id, %error, "the Disconnected event failed");
    }
}

impl Drop for Seat {
    /// Leaves no session behind that looks connected, whatever has happened.
    fn drop(&mut self) {
        let mut will = if self.attached { self.detach() } else { None };
        let overdue = self.session.with(|state| {
            if state.owner.as_ref().is_some_and(|owner| owner.id == self.link.id) {
                state.owner = None;
            }
            state.gone |= !state.established;
            let now = Instant::now();
            if state.will_due.is_some_and(|(at, _)| at <= now) {
                state.will_due = None;
                will = will.take().or_else(|| state.will.take());
            }
            state.expiry.is_some_and(|(at, _)| at <= now)
        });
        // It came to its end while this connection was about to continue it, but then did not.
        if overdue {
            self.broker.expire(&self.session, None);
        }
        // Only a dropped task has not told the hooks yet. The turn goes with the will and the message.
        let turn = self.turn.take();
        let broker = Arc::clone(&self.broker);
        let session = Arc::clone(&self.session);
        let connected = self.connected;
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) if connected || will.is_some() => {
                let connection = Arc::clone(&self.connection);
                runtime.spawn(async move {
                    if let Some(will) = will {
                        will.publish(&broker).await;
                    }
                    if connected {
                        tell_disconnected(&broker, &connection, Reason::ConnectionLost).await;
                    }
                    broker.give_back(&session, turn);
                });
            }
            _ => broker.give_back(&session, turn),
        }
    }
}

/// Runs `work` unless the connection is asked to end before, or it takes too long.
pub(crate) async fn unless_ended<T>(link: &Link, limit: Duration, work: impl Future<Output = T>) -> Result<T, Reason> {
    tokio::select! {
        biased;
        reason = link.until_ended() => Err(reason),
        result = timeout(limit, work) => result.map_err(|_| Reason::ConnectionLost),
    }
}
