//! MQTT 3.1.1.

use bytes::BytesMut;
use rmqtt_codec::{
    error::EncodeError,
    types::MQTT_LEVEL_311,
    v3::{Codec, Connect as Connect3, ConnectAck, ConnectAckReason, LastWill, Packet, SubscribeReturnCode},
};
use tokio_util::codec::Encoder;

use super::{Connect, Incoming, Outgoing, Publish, SubCode, publish_out};
use crate::{
    Message, Protocol, QoS, Refusal,
    subscriptions::{Options, RetainHandling},
};

pub(super) fn incoming(packet: Packet) -> Incoming {
    match packet {
        Packet::Connect(connect) => Incoming::Connect(Box::new(self::connect(*connect))),
        Packet::Publish(publish) => Incoming::Publish(Box::new(Publish {
            message: Message {
                topic: publish.topic,
                payload: publish.payload,
                qos: publish.qos.into(),
                retain: publish.retain,
                properties: None,
            },
            id: publish.packet_id,
            dup: publish.dup,
            alias: None,
        })),
        Packet::PublishAck { packet_id } => Incoming::PubAck(packet_id),
        Packet::PublishReceived { packet_id } => Incoming::PubRec { id: packet_id, accepted: true },
        Packet::PublishRelease { packet_id } => Incoming::PubRel(packet_id),
        Packet::PublishComplete { packet_id } => Incoming::PubComp(packet_id),
        Packet::Subscribe { packet_id, topic_filters } => {
            let filters = topic_filters.into_iter().map(|(filter, qos)| (filter, options(qos.into())));
            Incoming::Subscribe { id: packet_id, filters: filters.collect() }
        }
        Packet::Unsubscribe { packet_id, topic_filters } => Incoming::Unsubscribe { id: packet_id, filters: topic_filters },
        Packet::PingRequest => Incoming::Ping,
        Packet::Disconnect => Incoming::Disconnect { with_will: false, session_expiry: None },
        Packet::ConnectAck(_) | Packet::SubscribeAck { .. } | Packet::UnsubscribeAck { .. } | Packet::PingResponse => Incoming::Unexpected,
    }
}

fn options(qos: QoS) -> Options {
    Options { qos, no_local: false, retain_as_published: false, retain_handling: RetainHandling::Always, id: None }
}

fn connect(connect: Connect3) -> Connect {
    let fault = if connect.protocol.level() != MQTT_LEVEL_311 {
        Some(Refusal::UnsupportedProtocol)
    } else if connect.username.is_none() && connect.password.is_some() {
        Some(Refusal::ProtocolError)
    } else {
        None
    };
    Connect {
        protocol: Protocol::V311,
        client_id: connect.client_id,
        clean_start: connect.clean_session,
        keep_alive: connect.keep_alive,
        username: connect.username,
        password: connect.password,
        will: connect.last_will.map(|will| (self::will(will), 0)),
        session_expiry: None,
        receive_max: u16::MAX,
        packet_max: None,
        topic_alias_max: 0,
        fault,
    }
}

fn will(will: LastWill) -> Message {
    Message { topic: will.topic, payload: will.message, qos: will.qos.into(), retain: will.retain, properties: None }
}

pub(super) fn encode(codec: &mut Codec, packet: &Outgoing<'_>, buffer: &mut BytesMut) -> Result<(), EncodeError> {
    let connect_ack = |return_code, session_present| Packet::ConnectAck(ConnectAck { return_code, session_present });
    let packet = match *packet {
        Outgoing::Accept(accept) => connect_ack(ConnectAckReason::ConnectionAccepted, accept.session_present),
        Outgoing::Refuse(refusal) => connect_ack(refusal_code(refusal), false),
        Outgoing::Publish(publish) => Packet::Publish(Box::new(publish_out(publish))),
        Outgoing::PubAck(packet_id) => Packet::PublishAck { packet_id },
        Outgoing::PubRec(packet_id) => Packet::PublishReceived { packet_id },
        Outgoing::PubRel { id, .. } => Packet::PublishRelease { packet_id: id },
        Outgoing::PubComp { id, .. } => Packet::PublishComplete { packet_id: id },
        Outgoing::SubAck { id, codes } => {
            let code = |code: &SubCode| match *code {
                SubCode::Granted(qos) => SubscribeReturnCode::Success(qos.into()),
                _ => SubscribeReturnCode::Failure,
            };
            Packet::SubscribeAck { packet_id: id, status: codes.iter().map(code).collect() }
        }
        Outgoing::UnsubAck { id, .. } => Packet::UnsubscribeAck { packet_id: id },
        Outgoing::Pong => Packet::PingResponse,
        // The server just closes.
        Outgoing::Disconnect(_) => return Ok(()),
    };
    codec.encode(packet, buffer)
}

fn refusal_code(refusal: Refusal) -> ConnectAckReason {
    match refusal {
        Refusal::UnsupportedProtocol => ConnectAckReason::UnacceptableProtocolVersion,
        Refusal::BadClientId => ConnectAckReason::IdentifierRejected,
        Refusal::ServerUnavailable | Refusal::ServerBusy => ConnectAckReason::ServiceUnavailable,
        Refusal::BadCredentials => ConnectAckReason::BadUserNameOrPassword,
        Refusal::NotAuthorized
        | Refusal::Banned
        | Refusal::BadAuthenticationMethod
        | Refusal::TopicInvalid
        | Refusal::QosNotSupported
        | Refusal::RetainNotSupported
        | Refusal::ProtocolError => ConnectAckReason::NotAuthorized,
    }
}
