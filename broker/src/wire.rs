//! One packet model for both protocol versions, so that everything else is written once. The formats themselves are the
//! codec's affair.

mod shown;
mod v3;
mod v5;

use std::num::{NonZeroU16, NonZeroU32};

use bytes::{Bytes, BytesMut};
use bytestring::ByteString;
use rmqtt_codec::{
    error::DecodeError,
    types, v3 as codec3, v5 as codec5,
    version::{ProtocolVersion, VersionCodec},
};
use tokio_util::codec::Decoder;

use crate::{Limits, Message, Protocol, Reason, Refusal, subscriptions::Options};

/// A packet from a client.
pub(crate) enum Incoming {
    Connect(Box<Connect>),
    Publish(Box<Publish>),
    PubAck(NonZeroU16),
    PubRec {
        id: NonZeroU16,
        accepted: bool,
    },
    PubRel(NonZeroU16),
    PubComp(NonZeroU16),
    Subscribe {
        id: NonZeroU16,
        filters: Vec<(ByteString, Options)>,
    },
    Unsubscribe {
        id: NonZeroU16,
        filters: Vec<ByteString>,
    },
    Ping,
    Disconnect {
        with_will: bool,
        session_expiry: Option<u32>,
    },
    /// A CONNECT without client id that wants to keep its session.
    NoClientId,
    /// A packet only servers send, or one that is not expected at all.
    Unexpected,
}

impl Incoming {
    /// How many filters it is about.
    pub(crate) fn filters(&self) -> usize {
        match self {
            Self::Subscribe { filters, .. } => filters.len(),
            Self::Unsubscribe { filters, .. } => filters.len(),
            _ => 0,
        }
    }
}

pub(crate) struct Connect {
    pub(crate) protocol: Protocol,
    pub(crate) client_id: ByteString,
    pub(crate) clean_start: bool,
    /// Seconds.
    pub(crate) keep_alive: u16,
    pub(crate) username: Option<ByteString>,
    pub(crate) password: Option<Bytes>,
    pub(crate) will: Option<(Message, u32)>,
    /// Seconds; none for MQTT 3.1.1.
    pub(crate) session_expiry: Option<u32>,
    pub(crate) receive_max: u16,
    pub(crate) packet_max: Option<u32>,
    pub(crate) topic_alias_max: u16,
    /// What is wrong with it already.
    pub(crate) fault: Option<Refusal>,
}

pub(crate) struct Publish {
    pub(crate) message: Message,
    pub(crate) id: Option<NonZeroU16>,
    pub(crate) dup: bool,
    pub(crate) alias: Option<NonZeroU16>,
}

/// A packet to a client.
pub(crate) enum Outgoing<'a> {
    Accept(&'a Accept),
    Refuse(Refusal),
    Publish(&'a PublishOut<'a>),
    PubAck(NonZeroU16),
    PubRec(NonZeroU16),
    PubRel { id: NonZeroU16, found: bool },
    PubComp { id: NonZeroU16, found: bool },
    SubAck { id: NonZeroU16, codes: &'a [SubCode] },
    UnsubAck { id: NonZeroU16, found: &'a [bool] },
    Pong,
    Disconnect(Reason),
}

/// What CONNACK says on success.
pub(crate) struct Accept {
    pub(crate) session_present: bool,
    pub(crate) assigned_id: Option<ByteString>,
    /// Seconds, if different from what the client asked for.
    pub(crate) keep_alive: Option<u16>,
    /// Seconds, if different from what the client asked for.
    pub(crate) session_expiry: Option<u32>,
    pub(crate) receive_max: NonZeroU16,
    pub(crate) max_qos: crate::QoS,
    pub(crate) packet_max: u32,
    pub(crate) topic_alias_max: u16,
    pub(crate) retain: bool,
}

pub(crate) struct PublishOut<'a> {
    pub(crate) message: &'a Message,
    /// Empty if the alias says it.
    pub(crate) topic: ByteString,
    pub(crate) alias: Option<NonZeroU16>,
    pub(crate) qos: crate::QoS,
    pub(crate) retain: bool,
    pub(crate) dup: bool,
    pub(crate) id: Option<NonZeroU16>,
    pub(crate) ids: &'a [NonZeroU32],
    /// Seconds.
    pub(crate) expiry: Option<u32>,
}

/// Answer to one filter of a SUBSCRIBE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SubCode {
    Granted(crate::QoS),
    NotAuthorized,
    FilterInvalid,
    QuotaExceeded,
}

/// Reads and writes packets of the version that the CONNECT packet named.
pub(crate) enum Codec {
    Unknown { connect_max: u32, user_max: usize },
    V3(codec3::Codec),
    V5 { codec: codec5::Codec, user_max: usize },
}

impl Codec {
    /// Before CONNECT.
    pub(crate) fn new(limits: &Limits) -> Self {
        Self::Unknown { connect_max: limits.connect_bytes.min(limits.packet_bytes), user_max: limits.user_properties }
    }

    /// From now on other packets may come.
    pub(crate) fn connected(&mut self, limits: &Limits) {
        match self {
            Self::Unknown { .. } => {}
            Self::V3(codec) => codec.set_max_size(limits.packet_bytes),
            Self::V5 { codec, .. } => codec.set_max_inbound_size(limits.packet_bytes),
        }
    }

    /// The next packet, if the buffer holds a whole one.
    pub(crate) fn decode(&mut self, buffer: &mut BytesMut) -> Result<Option<Incoming>, Reason> {
        if let Self::Unknown { connect_max, user_max } = *self {
            match VersionCodec.decode(buffer).map_err(|error| reason(&error))? {
                None => return Ok(None),
                Some(ProtocolVersion::MQTT3) => *self = Self::V3(codec3::Codec::new(connect_max)),
                Some(ProtocolVersion::MQTT5) => *self = Self::V5 { codec: codec5::Codec::new(connect_max, 0), user_max },
            }
        }
        let decoded = match self {
            Self::Unknown { .. } => Ok(None),
            Self::V3(codec) => codec.decode(buffer).map(|packet| packet.map(|(packet, _)| v3::incoming(packet))),
            Self::V5 { codec, user_max } => match codec.decode(buffer) {
                Ok(Some((packet, _))) if v5::user_properties(&packet) > *user_max => return Err(Reason::PacketTooLarge),
                decoded => decoded.map(|packet| packet.map(|(packet, _)| v5::incoming(packet))),
            },
        };
        match decoded {
            Err(DecodeError::InvalidClientId) => Ok(Some(Incoming::NoClientId)),
            decoded => decoded.map_err(|error| reason(&error)),
        }
    }

    /// Appends a packet; the size limit of the client is the caller's affair. Some packets have no form in MQTT 3.1.1,
    /// and nothing is known of a client before its CONNECT: then nothing is written.
    pub(crate) fn encode(&mut self, packet: &Outgoing<'_>, buffer: &mut BytesMut) {
        let before = buffer.len();
        let encoded = match self {
            Self::Unknown { .. } => Ok(()),
            Self::V3(codec) => v3::encode(codec, packet, buffer),
            Self::V5 { codec, .. } => v5::encode(codec, packet, buffer),
        };
        if let Err(error) = encoded {
            tracing::error!(%error, "a packet could not be written");
            buffer.truncate(before);
        }
    }
}

fn reason(error: &DecodeError) -> Reason {
    match error {
        DecodeError::MaxSizeExceeded { .. } => Reason::PacketTooLarge,
        DecodeError::InvalidTopicName => Reason::TopicInvalid,
        DecodeError::InvalidProtocol
        | DecodeError::UnsupportedProtocolLevel
        | DecodeError::UnsupportedPacketType
        | DecodeError::InvalidTopicFilter
        | DecodeError::PacketIdRequired => Reason::ProtocolError,
        _ => Reason::MalformedPacket,
    }
}

impl From<types::QoS> for crate::QoS {
    fn from(qos: types::QoS) -> Self {
        match qos {
            types::QoS::AtMostOnce => Self::AtMostOnce,
            types::QoS::AtLeastOnce => Self::AtLeastOnce,
            types::QoS::ExactlyOnce => Self::ExactlyOnce,
        }
    }
}

impl From<crate::QoS> for types::QoS {
    fn from(qos: crate::QoS) -> Self {
        match qos {
            crate::QoS::AtMostOnce => Self::AtMostOnce,
            crate::QoS::AtLeastOnce => Self::AtLeastOnce,
            crate::QoS::ExactlyOnce => Self::ExactlyOnce,
        }
    }
}

/// A PUBLISH in the codec's form, without its properties.
fn publish_out(publish: &PublishOut<'_>) -> types::Publish {
    types::Publish {
        dup: publish.dup,
        retain: publish.retain,
        qos: publish.qos.into(),
        topic: publish.topic.clone(),
        packet_id: publish.id,
        payload: publish.message.payload.clone(),
        properties: None,
    }
}
