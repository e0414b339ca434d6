//! What a client can ask for: publishing, subscribing, leaving.

use std::{collections::HashSet, num::NonZeroU16, sync::Arc, time::Duration};

use bytestring::ByteString;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::Instant,
};

use crate::{
    Event, Protocol, QoS, Reason,
    connection::Running,
    queue::Delivery,
    stats::count,
    subscriptions::{Options, RetainHandling, Subscription},
    topic,
    wire::{Outgoing, Publish, SubCode},
};

/// Retained messages for the filters of one SUBSCRIBE.
#[derive(Default)]
struct Found {
    deliveries: Vec<Delivery>,
    /// How many there may be.
    room: usize,
    /// The filters they were looked for with; one that comes again gets nothing more.
    filters: HashSet<ByteString>,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Running<S> {
    pub(super) async fn take_publish(&mut self, publish: Publish, now: Instant) -> Result<(), Reason> {
        let Publish { mut message, id, dup, alias } = publish;
        let limits = &self.broker.shared.limits;
        count(&self.broker.shared.counters.messages_in);
        self.pace.take(1, now);
        if message.qos > limits.max_qos {
            return Err(Reason::QosNotSupported);
        }
        if message.retain && limits.retained_messages == 0 && self.terms.connection.protocol == Protocol::V5 {
            return Err(Reason::RetainNotSupported);
        }
        if let Some(alias) = alias {
            self.resolve(alias, &mut message.topic)?;
        }
        let limits = &self.broker.shared.limits;
        if !topic::valid_name(&message.topic, limits) {
            return Err(Reason::TopicInvalid);
        }
        if let Some(id) = id {
            if self.publishes.contains(id) {
                // Sent again while the hook runs: acknowledged once, when it has answered. A second message under
                // the same id is a mistake that would lose one of them.
                return if dup { Ok(()) } else { Err(Reason::ProtocolError) };
            }
            if message.qos == QoS::ExactlyOnce {
                if self.session.has_received(id) {
                    self.send(&Outgoing::PubRec(id));
                    return Ok(());
                }
                let unfinished = self.session.received_count() + self.publishes.with_id();
                if unfinished >= usize::from(limits.receive_max.max(1)) {
                    return Err(Reason::ReceiveMaximumExceeded);
                }
            }
        }
        let connection = &self.terms.connection;
        if !self.broker.hooks.may_publish(connection, &message.topic) {
            tracing::debug!(client_id = connection.client_id, topic = %message.topic, "publish not permitted");
            return Err(Reason::NotAuthorized);
        }
        match self.publishes.start(&*self.broker.hooks, connection, message, id).await {
            Some(answer) => self.answer(answer),
            None => Ok(()),
        }
    }

    /// Sets the alias if there is a topic, or the topic if there is none.
    fn resolve(&mut self, alias: NonZeroU16, topic: &mut ByteString) -> Result<(), Reason> {
        if alias.get() > self.broker.shared.limits.topic_aliases {
            return Err(Reason::TopicAliasInvalid);
        }
        if topic.is_empty() {
            *topic = self.aliases_in.get(&alias).cloned().ok_or(Reason::TopicAliasInvalid)?;
        } else if topic::valid_name(topic, &self.broker.shared.limits) {
            self.aliases_in.insert(alias, ByteString::from(&**topic));
        }
        Ok(())
    }

    pub(super) fn take_subscribe(&mut self, id: NonZeroU16, filters: Vec<(ByteString, Options)>) -> Result<(), Reason> {
        self.check_number(filters.len())?;
        let mut codes = Vec::with_capacity(filters.len());
        let mut retained = Found { room: self.session.retained_room(), ..Found::default() };
        for (filter, options) in filters {
            let code = self.subscribe(&filter, options, &mut retained)?;
            if matches!(code, SubCode::Granted(_)) {
                self.events.push(Event::Subscribed { filter: (*filter).to_owned() });
            }
            codes.push(code);
        }
        self.send(&Outgoing::SubAck { id, codes: &codes });
        self.session.deliver_retained(retained.deliveries);
        Ok(())
    }

    /// A session has no use for more filters in one packet than it may have.
    fn check_number(&self, filters: usize) -> Result<(), Reason> {
        let most = self.broker.shared.limits.subscriptions.max(1);
        if filters > most { Err(Reason::PacketTooLarge) } else { Ok(()) }
    }

    fn subscribe(&self, whole: &ByteString, mut options: Options, retained: &mut Found) -> Result<SubCode, Reason> {
        let limits = &self.broker.shared.limits;
        let Some(filter) = topic::parse_filter(whole, limits) else {
            return Ok(SubCode::FilterInvalid);
        };
        if filter.group.is_some() && options.no_local {
            return Err(Reason::ProtocolError);
        }
        let connection = &self.terms.connection;
        if !self.broker.hooks.may_subscribe(connection, filter.filter) {
            tracing::debug!(client_id = connection.client_id, filter = %whole, "subscription not permitted");
            return Ok(SubCode::NotAuthorized);
        }
        let room = self.session.with(|state| {
            let room = state.filters.contains(&**whole) || state.filters.len() < limits.subscriptions;
            if room {
                state.filters.insert((**whole).into());
            }
            room
        });
        if !room {
            return Ok(SubCode::QuotaExceeded);
        }
        options.qos = options.qos.min(limits.max_qos);
        let subscription = Subscription { session: Arc::clone(&self.session), options };
        let new = self.broker.subscriptions.write().put(filter, subscription);

        let wanted = match options.retain_handling {
            RetainHandling::Always => true,
            RetainHandling::IfNew => new,
            RetainHandling::Never => false,
        };
        if wanted && filter.group.is_none() && retained.filters.insert(whole.clone()) {
            let room = retained.room - retained.deliveries.len();
            let found = self.broker.retained.read().matching(filter.filter, room).ok_or(Reason::TooSlow)?;
            retained.deliveries.extend(found.into_iter().map(|routed| Delivery {
                qos: options.qos.min(routed.message.qos),
                retain: true,
                ids: options.id.into_iter().collect(),
                routed,
            }));
        }
        Ok(SubCode::Granted(options.qos))
    }

    pub(super) fn take_unsubscribe(&mut self, id: NonZeroU16, filters: &[ByteString]) -> Result<(), Reason> {
        self.check_number(filters.len())?;
        let mut found = Vec::with_capacity(filters.len());
        for whole in filters {
            let was_there = self.session.with(|state| state.filters.remove(&**whole));
            if was_there {
                if let Some(filter) = topic::split_filter(whole) {
                    self.broker.subscriptions.write().take(filter, &self.session);
                }
                self.events.push(Event::Unsubscribed { filter: (**whole).to_owned() });
            }
            found.push(was_there);
        }
        self.send(&Outgoing::UnsubAck { id, found: &found });
        Ok(())
    }

    /// Notes what the client says about its session and will; gives the reason to end with.
    pub(super) fn take_disconnect(&mut self, with_will: bool, session_expiry: Option<u32>) -> Reason {
        if let Some(secs) = session_expiry {
            // A session that was to end with the connection cannot be kept after all.
            if self.keep.is_zero() && secs > 0 {
                return Reason::ProtocolError;
            }
            let longest = self.broker.shared.limits.session_expiry_max;
            self.keep = Duration::from_secs(secs.into()).min(longest);
        }
        if with_will { Reason::ClientDisconnectedWithWill } else { Reason::ClientDisconnected }
    }
}
