//! The life of one connection after CONNACK: one loop over everything it may wait for.

use std::{collections::HashMap, num::NonZeroU16, sync::Arc, time::Duration};

use bytestring::ByteString;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::{Instant, Sleep, sleep_until},
};

use crate::{
    Action, Connection, QoS, Reason,
    broker::Inner,
    io::{Done, Io},
    link::Link,
    pace::Pace,
    queue::Delivery,
    running::{Answer, Events, Publishes},
    seat::Seat,
    session::{Next, Session},
    stats::{add, count},
    wire::{Codec, Incoming, Outgoing, PublishOut},
};

/// So much is made ready to send at once, in bytes; then reading has its turn.
const WRITE_BUDGET: usize = 8 * 1024;
/// With so much to send, nothing more is read, in bytes.
const OUTPUT_MAX: usize = 64 * 1024;
/// So many packets are handled at once; then writing has its turn.
const PACKET_BUDGET: usize = 64;
/// With so many events waiting, nothing more is read; a packet whose events would be more waits.
const EVENTS_MAX: usize = 64;

/// What client and broker have agreed on.
pub(crate) struct Terms {
    pub(crate) connection: Arc<Connection>,
    /// Messages under way to the client.
    pub(crate) window: usize,
    pub(crate) packet_max: Option<u32>,
    /// Topic aliases to the client.
    pub(crate) aliases: u16,
}

pub(crate) struct Running<S> {
    pub(super) broker: Arc<Inner>,
    pub(super) session: Arc<Session>,
    pub(super) terms: Terms,
    pub(super) publishes: Publishes,
    pub(super) events: Events,
    pub(super) pace: Pace,
    pub(super) control: Pace,
    pub(super) aliases_in: HashMap<NonZeroU16, ByteString>,
    /// How long the session outlives the connection.
    pub(super) keep: Duration,
    link: Arc<Link>,
    io: Io<S>,
    codec: Codec,
    /// A packet that waits for room for its events.
    held: Option<Incoming>,
    aliases_out: HashMap<ByteString, NonZeroU16>,
    last_packet: Instant,
}

/// What the loop was woken by.
enum Woken {
    Answer(Option<Answer>),
    Io(std::io::Result<Done>),
    Event(bool),
    Other,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Running<S> {
    pub(crate) fn new(broker: Arc<Inner>, link: Arc<Link>, seat: &Seat, io: Io<S>, codec: Codec, terms: Terms) -> Self {
        let limits = &broker.shared.limits;
        Self {
            session: Arc::clone(&seat.session),
            events: Events::new(&broker.hooks, &terms.connection),
            pace: Pace::new(limits.publish_rate, limits.publish_burst),
            control: Pace::new(limits.control_rate, limits.control_burst),
            keep: seat.keep,
            broker,
            terms,
            publishes: Publishes::default(),
            aliases_in: HashMap::new(),
            link,
            io,
            codec,
            held: None,
            aliases_out: HashMap::new(),
            last_packet: Instant::now(),
        }
    }

    /// Cleans up, whatever the end was.
    pub(crate) async fn finish(mut self: Box<Self>, mut seat: Box<Seat>, reason: Reason) {
        tracing::debug!(client_id = self.terms.connection.client_id, %reason, "connection ended");
        seat.keep = self.keep;
        if reason.drops_will() {
            seat.will = None;
        }
        let due = seat.detach();

        self.send(&Outgoing::Disconnect(reason));
        let Self { broker, session, terms, mut publishes, mut events, io, .. } = *self;
        // What hooks have begun they finish: it may be stored already.
        let finish = async {
            while let Some(answer) = publishes.next().await {
                if let (Some(Action::Route | Action::Swallow), Some(id), QoS::ExactlyOnce) = (answer.action, answer.id, answer.message.qos)
                {
                    session.receive(id);
                }
                if answer.action == Some(Action::Route) {
                    broker.route(answer.message, Some(&terms.connection.client_id));
                }
            }
        };
        tokio::join!(io.close(reason != Reason::TakenOver), finish);
        if let Some(will) = due {
            will.publish(&broker).await;
        }
        while events.len() > 0 {
            events.step().await;
        }
        seat.leave(reason).await;
    }

    pub(crate) async fn run(&mut self) -> Reason {
        let mut sleep = Box::pin(sleep_until(self.last_packet));
        loop {
            match self.turn(&mut sleep).await {
                Ok(()) => {}
                Err(reason) => return reason,
            }
        }
    }

    /// Does what can be done now, and then waits for something.
    async fn turn(&mut self, sleep: &mut std::pin::Pin<Box<Sleep>>) -> Result<(), Reason> {
        if let Some(reason) = self.link.ended() {
            return Err(reason);
        }
        let now = Instant::now();
        let more = self.take_packets(now).await?;
        self.fill();
        let may_take = self.may_take(now);
        let deadline = self.deadline(now, may_take)?;
        if sleep.is_elapsed() || sleep.deadline() > deadline {
            sleep.as_mut().reset(deadline);
        }

        let Self { publishes, events, io, link, .. } = self;
        let woken = tokio::select! {
            biased;
            answer = publishes.next(), if publishes.len() > 0 => Woken::Answer(answer),
            // Before reading, which a client could keep going for ever.
            well = events.step(), if events.len() > 0 => Woken::Event(well),
            done = std::future::poll_fn(|context| io.poll(context, may_take && !more)) => Woken::Io(done),
            () = link.wake.notified() => Woken::Other,
            () = tokio::task::yield_now(), if more => Woken::Other,
            () = sleep.as_mut() => Woken::Other,
        };
        match woken {
            Woken::Answer(Some(answer)) => self.answer(answer),
            Woken::Event(false) => Err(Reason::Internal),
            Woken::Io(Ok(Done { read: Some(0), .. }) | Err(_)) => Err(Reason::ConnectionLost),
            Woken::Io(Ok(Done { read, wrote })) => {
                add(&self.broker.shared.counters.bytes_in, read.unwrap_or(0));
                add(&self.broker.shared.counters.bytes_out, wrote);
                Ok(())
            }
            Woken::Answer(None) | Woken::Event(true) | Woken::Other => Ok(()),
        }
    }

    /// Handles packets that have arrived; says whether there may be more of them.
    async fn take_packets(&mut self, now: Instant) -> Result<bool, Reason> {
        for _ in 0..PACKET_BUDGET {
            if !self.may_take(now) {
                return Ok(false);
            }
            let next = if self.held.is_some() { self.held.take() } else { self.codec.decode(&mut self.io.input)? };
            let Some(packet) = next else {
                self.io.rest();
                return Ok(false);
            };
            self.last_packet = now;
            if !self.has_room(&packet) {
                self.held = Some(packet);
                return Ok(false);
            }
            self.packet(packet, now).await?;
        }
        Ok(true)
    }

    /// Whether another packet may be taken from the client. If not, it waits in the network.
    fn may_take(&self, now: Instant) -> bool {
        self.publishes.len() < usize::from(self.broker.shared.limits.receive_max.max(1))
            && self.events.len() < EVENTS_MAX
            && self.held.as_ref().is_none_or(|packet| self.has_room(packet))
            && self.io.output.len() < OUTPUT_MAX
            && self.resume(now).is_none()
    }

    /// Whether the events of this packet may wait with those that do. One packet alone always fits: its filters are
    /// limited.
    fn has_room(&self, packet: &Incoming) -> bool {
        self.events.len() == 0 || self.events.len() + packet.filters() <= EVENTS_MAX
    }

    /// Until when the client has to wait, if it has been too fast.
    fn resume(&self, now: Instant) -> Option<Instant> {
        self.pace.resume(now).max(self.control.resume(now))
    }

    /// The next time something has to be looked at.
    fn deadline(&mut self, now: Instant, may_take: bool) -> Result<Instant, Reason> {
        if !may_take {
            // The client cannot be heard, so it is not to blame for silence.
            self.last_packet = now;
        }
        let mut deadline = self.last_packet + self.terms.connection.keep_alive * 3 / 2;
        if deadline <= now {
            return Err(Reason::KeepAliveTimeout);
        }
        if let Some(since) = self.io.stalled_since() {
            let stalled = since + self.broker.shared.limits.write_stall;
            if stalled <= now {
                return Err(Reason::TooSlow);
            }
            deadline = deadline.min(stalled);
        }
        Ok(self.resume(now).map_or(deadline, |resume| deadline.min(resume)))
    }

    /// Acknowledges a publish, now that its hook has answered and all before it are acknowledged.
    pub(super) fn answer(&mut self, answer: Answer) -> Result<(), Reason> {
        let qos = answer.message.qos;
        match answer.action {
            Some(Action::Route) => {
                self.broker.route(answer.message, Some(&self.terms.connection.client_id));
            }
            Some(Action::Swallow) => {}
            Some(Action::Fail) => return Err(Reason::PublishFailed),
            None => return Err(Reason::Internal),
        }
        match (qos, answer.id) {
            (QoS::AtLeastOnce, Some(id)) => self.send(&Outgoing::PubAck(id)),
            (QoS::ExactlyOnce, Some(id)) => {
                self.session.receive(id);
                self.send(&Outgoing::PubRec(id));
            }
            _ => {}
        }
        Ok(())
    }

    pub(super) fn send(&mut self, packet: &Outgoing<'_>) {
        tracing::trace!(client_id = self.terms.connection.client_id, %packet, "to the client");
        self.io.will_write();
        self.codec.encode(packet, &mut self.io.output);
    }

    /// Makes waiting messages ready to send.
    fn fill(&mut self) {
        while self.io.output.len() < WRITE_BUDGET {
            match self.session.next(self.terms.window) {
                Some(Next::Publish { delivery, id, dup }) => self.publish(&delivery, id, dup),
                Some(Next::Release(id)) => self.send(&Outgoing::PubRel { id, found: true }),
                None => return,
            }
        }
    }

    fn publish(&mut self, delivery: &Delivery, id: Option<NonZeroU16>, dup: bool) {
        let message = &delivery.routed.message;
        let before = self.io.output.len();
        let (topic, alias, new) = self.alias(&message.topic);
        self.send(&Outgoing::Publish(&PublishOut {
            message,
            topic,
            alias,
            qos: delivery.qos,
            retain: delivery.retain,
            dup,
            id,
            ids: &delivery.ids,
            expiry: delivery.routed.secs_left(),
        }));
        let size = self.io.output.len() - before;
        let too_large = self.terms.packet_max.is_some_and(|max| size > max as usize);
        if size > 0 && !too_large {
            count(&self.broker.shared.counters.messages_out);
            return;
        }
        // The client will never get it.
        self.io.output.truncate(before);
        if new {
            self.aliases_out.remove(&message.topic);
        }
        if let Some(id) = id {
            self.session.done(id, delivery.qos);
        }
        count(&self.broker.shared.counters.messages_dropped);
    }

    /// What to write for a topic: the name, the alias, and whether the alias is a new one.
    fn alias(&mut self, topic: &ByteString) -> (ByteString, Option<NonZeroU16>, bool) {
        if self.terms.aliases == 0 {
            return (topic.clone(), None, false);
        }
        if let Some(alias) = self.aliases_out.get(topic) {
            return (ByteString::new(), Some(*alias), false);
        }
        let next = u16::try_from(self.aliases_out.len() + 1).ok().filter(|next| *next <= self.terms.aliases);
        let next = next.and_then(NonZeroU16::new);
        if let Some(alias) = next {
            self.aliases_out.insert(topic.clone(), alias);
        }
        (topic.clone(), next, next.is_some())
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Running<S> {
    async fn packet(&mut self, packet: Incoming, now: Instant) -> Result<(), Reason> {
        tracing::trace!(client_id = self.terms.connection.client_id, %packet, "from the client");
        match packet {
            Incoming::Publish(publish) => return self.take_publish(*publish, now).await,
            Incoming::PubAck(id) => {
                let found = self.session.done(id, QoS::AtLeastOnce);
                self.acknowledged(found, now);
            }
            Incoming::PubComp(id) | Incoming::PubRec { id, accepted: false } => {
                let found = self.session.done(id, QoS::ExactlyOnce);
                self.acknowledged(found, now);
            }
            Incoming::PubRec { id, accepted: true } => {
                let found = self.session.received_by_client(id);
                self.acknowledged(found, now);
                self.send(&Outgoing::PubRel { id, found });
            }
            Incoming::PubRel(id) => {
                let found = self.session.release(id);
                self.acknowledged(found, now);
                self.send(&Outgoing::PubComp { id, found });
            }
            Incoming::Subscribe { id, filters } => {
                self.control.take(filters.len(), now);
                return self.take_subscribe(id, filters);
            }
            Incoming::Unsubscribe { id, filters } => {
                self.control.take(filters.len(), now);
                return self.take_unsubscribe(id, &filters);
            }
            Incoming::Ping => {
                self.control.take(1, now);
                self.send(&Outgoing::Pong);
            }
            Incoming::Disconnect { with_will, session_expiry } => {
                return Err(self.take_disconnect(with_will, session_expiry));
            }
            Incoming::Connect(_) | Incoming::NoClientId | Incoming::Unexpected => return Err(Reason::ProtocolError),
        }
        Ok(())
    }

    /// An acknowledgement costs nothing, unless it is one of nothing.
    fn acknowledged(&mut self, found: bool, now: Instant) {
        if !found {
            self.control.take(1, now);
        }
    }
}
