//! Messages, as the embedding program and the router see them.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use bytestring::ByteString;
use tokio::time::Instant;

/// How surely a message is delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum QoS {
    /// 0: not acknowledged.
    #[default]
    AtMostOnce = 0,
    /// 1: acknowledged, may arrive more than once.
    AtLeastOnce = 1,
    /// 2: acknowledged in two steps, arrives once.
    ExactlyOnce = 2,
}

/// A message to publish.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// Topic name, without wildcards.
    pub topic: ByteString,
    /// Content.
    pub payload: Bytes,
    /// Highest `QoS` it is delivered with.
    pub qos: QoS,
    /// Whether to keep it for later subscribers. An empty payload removes the kept one.
    pub retain: bool,
    /// Properties of MQTT 5 that pass through, if there are any.
    pub properties: Option<Box<Properties>>,
}

impl Message {
    /// A message with `QoS` 1, not retained, without properties.
    pub fn new(topic: impl Into<ByteString>, payload: impl Into<Bytes>) -> Self {
        Self { topic: topic.into(), payload: payload.into(), qos: QoS::AtLeastOnce, ..Self::default() }
    }

    /// A copy that shares no memory with the buffer it was read from.
    pub(crate) fn detached(&self) -> Self {
        let text = |text: &ByteString| ByteString::from(&**text);
        let properties = self.properties.as_deref().map(|from| {
            Box::new(Properties {
                payload_is_utf8: from.payload_is_utf8,
                expiry_secs: from.expiry_secs,
                content_type: from.content_type.as_ref().map(text),
                response_topic: from.response_topic.as_ref().map(text),
                correlation_data: from.correlation_data.as_deref().map(Bytes::copy_from_slice),
                user: from.user.iter().map(|(name, value)| (text(name), text(value))).collect(),
            })
        });
        Self { topic: text(&self.topic), payload: Bytes::copy_from_slice(&self.payload), qos: self.qos, retain: self.retain, properties }
    }
}

/// Properties of an MQTT 5 PUBLISH that go from the publisher to the subscribers unchanged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Properties {
    /// Payload format indicator: the payload is UTF-8 text.
    pub payload_is_utf8: bool,
    /// Seconds after which the message is no longer delivered. Subscribers are told what is left of them.
    pub expiry_secs: Option<u32>,
    /// Kind of the payload.
    pub content_type: Option<ByteString>,
    /// Where an answer is expected.
    pub response_topic: Option<ByteString>,
    /// What the answer is to carry.
    pub correlation_data: Option<Bytes>,
    /// Names and values, in their order.
    pub user: Vec<(ByteString, ByteString)>,
}

/// A message on its way to its subscribers, shared by all of them.
#[derive(Debug)]
pub(crate) struct Routed {
    pub(crate) message: Message,
    /// When it stops being delivered.
    pub(crate) expires: Option<Instant>,
    /// What it weighs in a queue, in bytes.
    pub(crate) bytes: usize,
}

/// What a message takes besides its content: itself, its place in a queue, and the allocations of its parts, in bytes.
const OVERHEAD: usize = 256;

impl Routed {
    pub(crate) fn new(message: Message) -> Arc<Self> {
        let properties = message.properties.as_deref();
        let expires =
            properties.and_then(|properties| properties.expiry_secs).map(|secs| Instant::now() + Duration::from_secs(secs.into()));
        let text = |text: Option<&ByteString>| text.map_or(0, |text| text.len());
        let extra = properties.map_or(0, |from| {
            text(from.content_type.as_ref())
                + text(from.response_topic.as_ref())
                + from.correlation_data.as_ref().map_or(0, Bytes::len)
                + from.user.iter().map(|pair| size_of_val(pair) + pair.0.len() + pair.1.len()).sum::<usize>()
        });
        let bytes = OVERHEAD + message.topic.len() + message.payload.len() + extra;
        Arc::new(Self { message, expires, bytes })
    }

    pub(crate) fn expired(&self) -> bool {
        self.expires.is_some_and(|expires| expires <= Instant::now())
    }

    /// Whole seconds left, at least one.
    pub(crate) fn secs_left(&self) -> Option<u32> {
        let left = self.expires?.saturating_duration_since(Instant::now());
        Some(u32::try_from(left.as_secs()).unwrap_or(u32::MAX).max(1))
    }
}
