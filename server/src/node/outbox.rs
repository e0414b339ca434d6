//! What a client has to send, or has sent and nobody acknowledged yet.
//!
//! It outlives connections, as the device's does: an unacknowledged packet keeps its id and is sent again on the next one.
//! The rules of the device's MQTT client, which differ from those of the client libraries of big machines:
//! * once a second the *oldest* unacknowledged packet is sent again, a publish with DUP;
//! * a packet that nobody acknowledged in 30 seconds is dropped, and the application on top is not told.

use std::collections::VecDeque;
use std::num::NonZeroU16;
use std::time::Duration;

use bytes::Bytes;
use bytestring::ByteString;
use rmqtt_codec::types::{Publish, QoS};
use rmqtt_codec::v3::Packet;
use tokio::time::Instant;

/// How long after a transmission the oldest packet is sent again.
pub(crate) const RESEND: Duration = Duration::from_secs(1);
/// How long an unacknowledged packet is kept.
pub(crate) const KEEP: Duration = Duration::from_secs(30);

/// A packet that wants an acknowledgement: everything here is sent at least once.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Its packet id, which it keeps over connections.
    pub(crate) id: NonZeroU16,
    /// What it says.
    pub(crate) content: Content,
    /// How many times it was sent.
    pub(crate) times: u32,
    queued: Instant,
    sent: Option<Instant>,
}

/// What a packet says.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    /// A message.
    Publish {
        /// Where it goes.
        topic: ByteString,
        /// What it carries.
        payload: Bytes,
    },
    /// A subscription to one filter.
    Subscribe {
        /// The filter.
        filter: ByteString,
    },
    /// The end of one.
    Unsubscribe {
        /// The filter.
        filter: ByteString,
    },
}

impl Entry {
    fn packet(&self) -> Packet {
        match &self.content {
            Content::Publish { topic, payload } => Packet::Publish(Box::new(Publish {
                dup: self.sent.is_some(),
                retain: false,
                qos: QoS::AtLeastOnce,
                topic: topic.clone(),
                packet_id: Some(self.id),
                payload: payload.clone(),
                properties: None,
            })),
            Content::Subscribe { filter } => {
                Packet::Subscribe { packet_id: self.id, topic_filters: vec![(filter.clone(), QoS::AtLeastOnce)] }
            }
            Content::Unsubscribe { filter } => Packet::Unsubscribe { packet_id: self.id, topic_filters: vec![filter.clone()] },
        }
    }

    fn expires(&self) -> Instant {
        self.sent.unwrap_or(self.queued) + KEEP
    }
}

/// A packet to put on the wire now.
#[derive(Debug)]
pub(crate) struct Transmission {
    /// The packet.
    pub(crate) packet: Packet,
    /// Whose transmission this is.
    pub(crate) id: NonZeroU16,
    /// How many times it was sent, with this one.
    pub(crate) times: u32,
}

/// The packets that wait for their transmission or their acknowledgement, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    entries: VecDeque<Entry>,
    last_id: u16,
    resent: Option<Instant>,
    /// How many publishes were acknowledged that wait for nothing here: what was sent outside of these rules.
    pub(crate) strays: u64,
}

impl Outbox {
    /// Queues a packet and returns its id. Nothing is sent here: [`super::client::Link::next`] does that.
    pub(crate) fn push(&mut self, content: Content) -> NonZeroU16 {
        let id = self.free_id();
        self.entries.push_back(Entry { id, content, times: 0, queued: Instant::now(), sent: None });
        id
    }

    fn free_id(&mut self) -> NonZeroU16 {
        loop {
            self.last_id = self.last_id.wrapping_add(1);
            if let Some(id) = NonZeroU16::new(self.last_id)
                && !self.entries.iter().any(|entry| entry.id == id)
            {
                return id;
            }
        }
    }

    /// The next packet to transmit on a connection that stands since `since`, marked as sent.
    ///
    /// What was queued on this connection goes before what was queued while there was none.
    pub(crate) fn transmit(&mut self, now: Instant, since: Instant) -> Option<Transmission> {
        let unsent = |entry: &Entry| entry.sent.is_none();
        let fresh = self.entries.iter().position(|entry| unsent(entry) && entry.queued >= since);
        let index = match fresh.or_else(|| self.entries.iter().position(unsent)) {
            Some(index) => index,
            None if self.resend_at().is_some_and(|at| at <= now) => {
                self.resent = Some(now);
                self.oldest()?
            }
            None => return None,
        };
        let entry = self.entries.get_mut(index)?;
        let packet = entry.packet();
        entry.sent.get_or_insert(now);
        entry.times += 1;
        Some(Transmission { packet, id: entry.id, times: entry.times })
    }

    fn oldest(&self) -> Option<usize> {
        self.entries.iter().position(|entry| entry.sent.is_some())
    }

    fn resend_at(&self) -> Option<Instant> {
        let sent = self.entries.get(self.oldest()?)?.sent?;
        Some(self.resent.map_or(sent, |resent| resent.max(sent)) + RESEND)
    }

    /// When [`Outbox::transmit`] or [`Outbox::expire`] has something to do again, if nothing is queued before.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.resend_at().into_iter().chain(self.expires_at()).min()
    }

    /// When the next packet is dropped.
    pub(crate) fn expires_at(&self) -> Option<Instant> {
        self.entries.iter().map(Entry::expires).min()
    }

    /// Takes out a packet that nobody acknowledged for too long.
    pub(crate) fn expire(&mut self, now: Instant) -> Option<Entry> {
        let index = self.entries.iter().position(|entry| entry.expires() <= now)?;
        self.entries.remove(index)
    }

    /// Takes out the publish that a PUBACK names.
    pub(crate) fn published(&mut self, id: NonZeroU16) -> Option<Entry> {
        let found = self.take(|entry| entry.id == id && matches!(entry.content, Content::Publish { .. }));
        self.strays += u64::from(found.is_none());
        found
    }

    /// Takes out the subscription that a SUBACK names.
    pub(crate) fn subscribed(&mut self, id: NonZeroU16) -> Option<Entry> {
        self.take(|entry| entry.id == id && matches!(entry.content, Content::Subscribe { .. }))
    }

    /// Takes out the end of a subscription that an UNSUBACK names.
    pub(crate) fn unsubscribed(&mut self, id: NonZeroU16) -> Option<Entry> {
        self.take(|entry| entry.id == id && matches!(entry.content, Content::Unsubscribe { .. }))
    }

    /// Takes out the oldest packet whatever it waits for.
    pub(crate) fn pop(&mut self) -> Option<Entry> {
        self.entries.pop_front()
    }

    fn take(&mut self, wanted: impl Fn(&Entry) -> bool) -> Option<Entry> {
        let index = self.entries.iter().position(wanted)?;
        self.entries.remove(index)
    }
}
