//! MQTT 5.

use bytes::BytesMut;
use rmqtt_codec::{
    error::EncodeError,
    v5::{
        Codec, Connect as Connect5, ConnectAck, ConnectAckReason, Disconnect, DisconnectReasonCode, LastWill, Packet, PublishAck,
        PublishAck2, PublishAck2Reason, PublishProperties, RetainHandling as RetainHandling5, Subscribe, SubscribeAck, SubscribeAckReason,
        SubscriptionOptions, UnsubscribeAck, UnsubscribeAckReason,
    },
};
use tokio_util::codec::Encoder;

use super::{Accept, Connect, Incoming, Outgoing, Publish, PublishOut, SubCode, publish_out};
use crate::{
    Message, Properties, Protocol, QoS, Reason, Refusal,
    subscriptions::{Options, RetainHandling},
};

pub(super) fn incoming(packet: Packet) -> Incoming {
    match packet {
        Packet::Connect(connect) => Incoming::Connect(Box::new(self::connect(*connect))),
        Packet::Publish(publish) => {
            let properties = publish.properties.unwrap_or_default();
            // Only servers say for which subscriptions a message is.
            if !properties.subscription_ids.is_empty() {
                return Incoming::Unexpected;
            }
            Incoming::Publish(Box::new(Publish {
                id: publish.packet_id,
                dup: publish.dup,
                alias: properties.topic_alias,
                message: Message {
                    topic: publish.topic,
                    payload: publish.payload,
                    qos: publish.qos.into(),
                    retain: publish.retain,
                    properties: boxed(Properties {
                        payload_is_utf8: properties.is_utf8_payload,
                        expiry_secs: properties.message_expiry_interval.map(Into::into),
                        content_type: properties.content_type,
                        response_topic: properties.response_topic,
                        correlation_data: properties.correlation_data,
                        user: properties.user_properties,
                    }),
                },
            }))
        }
        Packet::PublishAck(ack) => Incoming::PubAck(ack.packet_id),
        Packet::PublishReceived(ack) => Incoming::PubRec { id: ack.packet_id, accepted: u8::from(ack.reason_code) < 0x80 },
        Packet::PublishRelease(ack) => Incoming::PubRel(ack.packet_id),
        Packet::PublishComplete(ack) => Incoming::PubComp(ack.packet_id),
        Packet::Subscribe(subscribe) => self::subscribe(subscribe),
        Packet::Unsubscribe(unsubscribe) => Incoming::Unsubscribe { id: unsubscribe.packet_id, filters: unsubscribe.topic_filters },
        Packet::PingRequest => Incoming::Ping,
        Packet::Disconnect(disconnect) => Incoming::Disconnect {
            with_will: disconnect.reason_code != DisconnectReasonCode::NormalDisconnection,
            session_expiry: disconnect.session_expiry_interval_secs,
        },
        Packet::ConnectAck(_) | Packet::SubscribeAck(_) | Packet::UnsubscribeAck(_) | Packet::PingResponse | Packet::Auth(_) => {
            Incoming::Unexpected
        }
    }
}

/// How many there are in a packet, or in its will if that has more.
pub(super) fn user_properties(packet: &Packet) -> usize {
    let found = match packet {
        Packet::Connect(connect) => {
            let of_will = connect.last_will.as_ref().map_or(0, |will| will.user_properties.len());
            return connect.user_properties.len().max(of_will);
        }
        Packet::Publish(publish) => publish.properties.as_ref().map(|properties| &properties.user_properties),
        Packet::PublishAck(ack) | Packet::PublishReceived(ack) => Some(&ack.properties),
        Packet::PublishRelease(ack) | Packet::PublishComplete(ack) => Some(&ack.properties),
        Packet::Subscribe(subscribe) => Some(&subscribe.user_properties),
        Packet::Unsubscribe(unsubscribe) => Some(&unsubscribe.user_properties),
        Packet::Disconnect(disconnect) => Some(&disconnect.user_properties),
        // None of the others may be sent by a client.
        _ => None,
    };
    found.map_or(0, Vec::len)
}

fn boxed(properties: Properties) -> Option<Box<Properties>> {
    (properties != Properties::default()).then(|| Box::new(properties))
}

fn subscribe(subscribe: Subscribe) -> Incoming {
    let options = |options: SubscriptionOptions| Options {
        qos: options.qos.into(),
        no_local: options.no_local,
        retain_as_published: options.retain_as_published,
        retain_handling: match options.retain_handling {
            RetainHandling5::AtSubscribe => RetainHandling::Always,
            RetainHandling5::AtSubscribeNew => RetainHandling::IfNew,
            RetainHandling5::NoAtSubscribe => RetainHandling::Never,
        },
        id: subscribe.id,
    };
    let filters = subscribe.topic_filters.into_iter().map(|(filter, with)| (filter, options(with)));
    Incoming::Subscribe { id: subscribe.packet_id, filters: filters.collect() }
}

fn connect(connect: Connect5) -> Connect {
    Connect {
        protocol: Protocol::V5,
        client_id: connect.client_id,
        clean_start: connect.clean_start,
        keep_alive: connect.keep_alive,
        username: connect.username,
        password: connect.password,
        will: connect.last_will.map(will),
        session_expiry: Some(connect.session_expiry_interval_secs),
        receive_max: connect.receive_max.map_or(u16::MAX, Into::into),
        packet_max: connect.max_packet_size.map(Into::into),
        topic_alias_max: connect.topic_alias_max,
        fault: connect.auth_method.is_some().then_some(Refusal::BadAuthenticationMethod),
    }
}

/// The message and its delay in seconds.
fn will(will: LastWill) -> (Message, u32) {
    let message = Message {
        topic: will.topic,
        payload: will.message,
        qos: will.qos.into(),
        retain: will.retain,
        properties: boxed(Properties {
            payload_is_utf8: will.is_utf8_payload.unwrap_or(false),
            expiry_secs: will.message_expiry_interval.map(Into::into),
            content_type: will.content_type,
            response_topic: will.response_topic,
            correlation_data: will.correlation_data,
            user: will.user_properties,
        }),
    };
    (message, will.will_delay_interval_sec.unwrap_or(0))
}

pub(super) fn encode(codec: &mut Codec, packet: &Outgoing<'_>, buffer: &mut BytesMut) -> Result<(), EncodeError> {
    let ack2 = |packet_id, found| {
        let reason_code = if found { PublishAck2Reason::Success } else { PublishAck2Reason::PacketIdNotFound };
        PublishAck2 { packet_id, reason_code, ..PublishAck2::default() }
    };
    let packet = match *packet {
        Outgoing::Accept(accept) => Packet::ConnectAck(Box::new(self::accept(accept))),
        Outgoing::Refuse(refusal) => {
            Packet::ConnectAck(Box::new(ConnectAck { reason_code: refusal_code(refusal), ..ConnectAck::default() }))
        }
        Outgoing::Publish(publish) => {
            Packet::Publish(Box::new(rmqtt_codec::types::Publish { properties: Some(properties(publish)), ..publish_out(publish) }))
        }
        Outgoing::PubAck(packet_id) => Packet::PublishAck(PublishAck { packet_id, ..PublishAck::default() }),
        Outgoing::PubRec(packet_id) => Packet::PublishReceived(PublishAck { packet_id, ..PublishAck::default() }),
        Outgoing::PubRel { id, found } => Packet::PublishRelease(ack2(id, found)),
        Outgoing::PubComp { id, found } => Packet::PublishComplete(ack2(id, found)),
        Outgoing::SubAck { id, codes } => Packet::SubscribeAck(SubscribeAck {
            packet_id: id,
            properties: Vec::new(),
            reason_string: None,
            status: codes.iter().copied().map(sub_code).collect(),
        }),
        Outgoing::UnsubAck { id, found } => {
            let code = |found: &bool| {
                if *found { UnsubscribeAckReason::Success } else { UnsubscribeAckReason::NoSubscriptionExisted }
            };
            Packet::UnsubscribeAck(UnsubscribeAck {
                packet_id: id,
                properties: Vec::new(),
                reason_string: None,
                status: found.iter().map(code).collect(),
            })
        }
        Outgoing::Pong => Packet::PingResponse,
        Outgoing::Disconnect(reason) => match disconnect_code(reason) {
            Some(code) => Packet::Disconnect(Disconnect::new(code)),
            None => return Ok(()),
        },
    };
    codec.encode(packet, buffer)
}

fn accept(accept: &Accept) -> ConnectAck {
    ConnectAck {
        session_present: accept.session_present,
        session_expiry_interval_secs: accept.session_expiry,
        receive_max: accept.receive_max,
        max_qos: accept.max_qos.into(),
        max_packet_size: Some(accept.packet_max),
        assigned_client_id: accept.assigned_id.clone(),
        topic_alias_max: accept.topic_alias_max,
        server_keepalive_sec: accept.keep_alive,
        retain_available: accept.retain,
        ..ConnectAck::default()
    }
}

fn properties(publish: &PublishOut<'_>) -> PublishProperties {
    let through = publish.message.properties.as_deref().cloned().unwrap_or_default();
    PublishProperties {
        topic_alias: publish.alias,
        correlation_data: through.correlation_data,
        message_expiry_interval: publish.expiry.and_then(std::num::NonZeroU32::new),
        content_type: through.content_type,
        user_properties: through.user,
        is_utf8_payload: through.payload_is_utf8,
        response_topic: through.response_topic,
        subscription_ids: publish.ids.to_vec(),
    }
}

fn sub_code(code: SubCode) -> SubscribeAckReason {
    match code {
        SubCode::Granted(QoS::AtMostOnce) => SubscribeAckReason::GrantedQos0,
        SubCode::Granted(QoS::AtLeastOnce) => SubscribeAckReason::GrantedQos1,
        SubCode::Granted(QoS::ExactlyOnce) => SubscribeAckReason::GrantedQos2,
        SubCode::NotAuthorized => SubscribeAckReason::NotAuthorized,
        SubCode::FilterInvalid => SubscribeAckReason::TopicFilterInvalid,
        SubCode::QuotaExceeded => SubscribeAckReason::QuotaExceeded,
    }
}

fn refusal_code(refusal: Refusal) -> ConnectAckReason {
    match refusal {
        Refusal::BadClientId => ConnectAckReason::ClientIdentifierNotValid,
        Refusal::BadCredentials => ConnectAckReason::BadUserNameOrPassword,
        Refusal::NotAuthorized => ConnectAckReason::NotAuthorized,
        Refusal::ServerUnavailable => ConnectAckReason::ServerUnavailable,
        Refusal::ServerBusy => ConnectAckReason::ServerBusy,
        Refusal::Banned => ConnectAckReason::Banned,
        Refusal::UnsupportedProtocol => ConnectAckReason::UnsupportedProtocolVersion,
        Refusal::BadAuthenticationMethod => ConnectAckReason::BadAuthenticationMethod,
        Refusal::TopicInvalid => ConnectAckReason::TopicNameInvalid,
        Refusal::QosNotSupported => ConnectAckReason::QosNotSupported,
        Refusal::RetainNotSupported => ConnectAckReason::RetainNotSupported,
        Refusal::ProtocolError => ConnectAckReason::ProtocolError,
    }
}

/// None where the client has ended the connection itself.
fn disconnect_code(reason: Reason) -> Option<DisconnectReasonCode> {
    Some(match reason {
        Reason::ClientDisconnected | Reason::ClientDisconnectedWithWill | Reason::ConnectionLost => return None,
        Reason::KeepAliveTimeout => DisconnectReasonCode::KeepAliveTimeout,
        Reason::TakenOver => DisconnectReasonCode::SessionTakenOver,
        Reason::ServerShutdown => DisconnectReasonCode::ServerShuttingDown,
        Reason::Administrative => DisconnectReasonCode::AdministrativeAction,
        Reason::NotAuthorized => DisconnectReasonCode::NotAuthorized,
        Reason::PublishFailed => DisconnectReasonCode::ImplementationSpecificError,
        Reason::Internal => DisconnectReasonCode::UnspecifiedError,
        Reason::MalformedPacket => DisconnectReasonCode::MalformedPacket,
        Reason::ProtocolError => DisconnectReasonCode::ProtocolError,
        Reason::PacketTooLarge => DisconnectReasonCode::PacketTooLarge,
        Reason::TopicInvalid => DisconnectReasonCode::TopicNameInvalid,
        Reason::TopicAliasInvalid => DisconnectReasonCode::TopicAliasInvalid,
        Reason::ReceiveMaximumExceeded => DisconnectReasonCode::ReceiveMaximumExceeded,
        Reason::QosNotSupported => DisconnectReasonCode::QosNotSupported,
        Reason::RetainNotSupported => DisconnectReasonCode::RetainNotSupported,
        Reason::TooSlow => DisconnectReasonCode::QuotaExceeded,
    })
}
