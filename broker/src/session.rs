//! The state of one client id: what waits for it and what is under way. It exists once, whether the client is connected
//! or not, so that messages always have somewhere to go.

use std::{
    collections::{HashSet, VecDeque},
    num::NonZeroU16,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use parking_lot::Mutex;

use crate::{
    QoS, Reason,
    link::Link,
    queue::{Delivery, Queue},
    stats::{Shared, add, count},
    timers::Key,
    will::Will,
};

pub(crate) struct Session {
    pub(crate) client_id: Arc<str>,
    /// Held by one connection after the other, from before its `Connected` to after its `Disconnected`.
    pub(crate) turn: Arc<tokio::sync::Mutex<()>>,
    shared: Arc<Shared>,
    online: AtomicBool,
    state: Mutex<State>,
}

pub(crate) struct State {
    /// The connection that holds the turn.
    pub(crate) owner: Option<Arc<Link>>,
    /// The latest connection that has asked for the turn; it gets it.
    pub(crate) newest: u64,
    /// The session has been given up, and a connection that waited for it has to look for another one.
    pub(crate) gone: bool,
    /// A connection has been made with it and it is to be continued.
    pub(crate) established: bool,
    /// It is counted as offline.
    pub(crate) offline: bool,
    pub(crate) filters: HashSet<Box<str>>,
    pub(crate) will: Option<Will>,
    /// When the session or its will is due.
    pub(crate) expiry: Option<Key>,
    pub(crate) will_due: Option<Key>,
    queue: Queue,
    flight: VecDeque<Flight>,
    /// Under way when the last connection ended, to be sent again.
    again: VecDeque<Flight>,
    last_id: u16,
    /// `QoS` 2 publishes of the client that were taken and not yet released.
    received: HashSet<NonZeroU16>,
}

/// A message under way to the client.
struct Flight {
    id: NonZeroU16,
    /// None after PUBREC, when only PUBREL has to be sent.
    delivery: Option<Delivery>,
    /// What it counts in the queue.
    bytes: usize,
}

impl Flight {
    fn qos(&self) -> QoS {
        self.delivery.as_ref().map_or(QoS::ExactlyOnce, |delivery| delivery.qos)
    }
}

/// What to send next.
pub(crate) enum Next {
    Publish { delivery: Delivery, id: Option<NonZeroU16>, dup: bool },
    Release(NonZeroU16),
}

impl Session {
    pub(crate) fn new(client_id: Arc<str>, shared: &Arc<Shared>) -> Self {
        let state = State {
            owner: None,
            newest: 0,
            gone: false,
            established: false,
            offline: false,
            filters: HashSet::new(),
            will: None,
            expiry: None,
            will_due: None,
            queue: Queue::new(shared),
            flight: VecDeque::new(),
            again: VecDeque::new(),
            last_id: 0,
            received: HashSet::new(),
        };
        Self { client_id, turn: Arc::default(), shared: Arc::clone(shared), online: AtomicBool::new(false), state: Mutex::new(state) }
    }

    /// For short changes; nothing else may be locked meanwhile.
    pub(crate) fn with<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        change(&mut self.state.lock())
    }

    /// Whether a connection takes messages from it.
    pub(crate) fn online(&self) -> bool {
        self.online.load(Ordering::Relaxed)
    }

    pub(crate) fn set_online(&self, online: bool) {
        self.online.store(online, Ordering::Relaxed);
    }

    /// Asks for the turn with a number that is higher for later connections: ends the connection that has it, unless a
    /// later one has asked already.
    pub(crate) fn claim(&self, number: u64) {
        self.with(|state| {
            if number > state.newest {
                state.newest = number;
                if let Some(owner) = &state.owner {
                    owner.end(Reason::TakenOver);
                }
            }
        });
    }

    /// Takes a message for the client, now or later. Says whether it did.
    pub(crate) fn deliver(&self, delivery: Delivery) -> bool {
        let mut state = self.state.lock();
        let online = self.online();
        let qos0 = delivery.qos == QoS::AtMostOnce;
        if state.gone || (qos0 && !online) {
            return false;
        }
        if !state.queue.fits(&delivery) {
            if qos0 {
                count(&self.shared.counters.messages_dropped);
                return false;
            }
            let mut dropped = state.queue.drop_qos0();
            if online && !state.queue.fits_own(&delivery) {
                if let Some(owner) = &state.owner {
                    owner.end(Reason::TooSlow);
                }
            } else if online && !state.queue.fits(&delivery) {
                // Others take the room, which is not this client's fault.
                add(&self.shared.counters.messages_dropped, dropped + 1);
                return false;
            }
            while !state.queue.fits(&delivery) {
                dropped += 1;
                if !state.queue.drop_first() {
                    add(&self.shared.counters.messages_dropped, dropped);
                    return false;
                }
            }
            add(&self.shared.counters.messages_dropped, dropped);
        }
        state.queue.push(delivery);
        if let Some(owner) = &state.owner {
            owner.wake.notify_one();
        }
        true
    }

    /// How many retained messages it may take.
    pub(crate) fn retained_room(&self) -> usize {
        self.with(|state| state.queue.retained_room())
    }

    /// Takes retained messages for a new subscription, for which there is room.
    pub(crate) fn deliver_retained(&self, deliveries: Vec<Delivery>) {
        self.with(|state| state.queue.push_retained(deliveries));
    }

    /// The next packet for the client, if the window allows one.
    pub(crate) fn next(&self, window: usize) -> Option<Next> {
        let mut state = self.state.lock();
        let state = &mut *state;
        if state.flight.len() < window
            && let Some(flight) = state.again.pop_front()
        {
            let next = match &flight.delivery {
                Some(delivery) => Next::Publish { delivery: delivery.clone(), id: Some(flight.id), dup: true },
                None => Next::Release(flight.id),
            };
            state.flight.push_back(flight);
            return Some(next);
        }
        loop {
            let first = state.queue.first()?;
            let qos0 = first.qos == QoS::AtMostOnce;
            if !qos0 && (state.flight.len() >= window || !state.again.is_empty()) {
                return None;
            }
            let (delivery, bytes) = state.queue.pop()?;
            if delivery.routed.expired() {
                state.queue.free(bytes);
                continue;
            }
            if qos0 {
                state.queue.free(bytes);
                return Some(Next::Publish { delivery, id: None, dup: false });
            }
            let id = state.fresh_id();
            state.flight.push_back(Flight { id, delivery: Some(delivery.clone()), bytes });
            return Some(Next::Publish { delivery, id: Some(id), dup: false });
        }
    }

    /// The client has acknowledged a `QoS` 1 message, has got a `QoS` 2 message entirely, or will not get it. Says
    /// whether there was one.
    pub(crate) fn done(&self, id: NonZeroU16, qos: QoS) -> bool {
        self.with(|state| {
            let mut found = false;
            for list in [&mut state.flight, &mut state.again] {
                if let Some(at) = list.iter().position(|flight| flight.id == id && flight.qos() == qos)
                    && let Some(flight) = list.remove(at)
                {
                    state.queue.free(flight.bytes);
                    found = true;
                }
                if list.is_empty() {
                    *list = VecDeque::new();
                }
            }
            found
        })
    }

    /// The client has received a `QoS` 2 message. Says whether there was one.
    pub(crate) fn received_by_client(&self, id: NonZeroU16) -> bool {
        self.with(|state| {
            let flight = state.flight.iter_mut().chain(&mut state.again).find(|flight| flight.id == id && flight.qos() == QoS::ExactlyOnce);
            let Some(flight) = flight else {
                return false;
            };
            flight.delivery = None;
            state.queue.free(std::mem::take(&mut flight.bytes));
            true
        })
    }

    /// Notes a `QoS` 2 publish of the client as taken.
    pub(crate) fn receive(&self, id: NonZeroU16) {
        self.with(|state| state.received.insert(id));
    }

    pub(crate) fn has_received(&self, id: NonZeroU16) -> bool {
        self.with(|state| state.received.contains(&id))
    }

    pub(crate) fn received_count(&self) -> usize {
        self.with(|state| state.received.len())
    }

    /// The client has released a `QoS` 2 publish. Says whether there was one.
    pub(crate) fn release(&self, id: NonZeroU16) -> bool {
        self.with(|state| state.received.remove(&id))
    }
}

impl State {
    /// Everything under way has to be sent again on the next connection. What need not arrive at all does not wait for it.
    pub(crate) fn rewind(&mut self) {
        self.queue.drop_qos0();
        let mut again = std::mem::take(&mut self.flight);
        again.append(&mut self.again);
        self.again = again;
    }

    /// Forgets all messages; gives back the filters, which have to be removed from the subscriptions.
    pub(crate) fn reset(&mut self) -> HashSet<Box<str>> {
        self.queue.clear();
        self.flight = VecDeque::new();
        self.again = VecDeque::new();
        self.received = HashSet::new();
        self.established = false;
        std::mem::take(&mut self.filters)
    }

    fn fresh_id(&mut self) -> NonZeroU16 {
        loop {
            self.last_id = self.last_id.wrapping_add(1);
            if let Some(id) = NonZeroU16::new(self.last_id)
                && !self.flight.iter().chain(&self.again).any(|flight| flight.id == id)
            {
                return id;
            }
        }
    }
}
