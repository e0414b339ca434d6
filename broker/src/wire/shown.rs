//! Packets as the log shows them: their kind, and never what they carry.

use std::fmt;

use super::{Incoming, Outgoing};

impl fmt::Display for Incoming {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(_) | Self::NoClientId => out.write_str("CONNECT"),
            Self::Publish(publish) => {
                let message = &publish.message;
                let (qos, again) = (message.qos as u8, if publish.dup { " again" } else { "" });
                write!(out, "PUBLISH{again} {} QoS {qos} {} bytes", message.topic, message.payload.len())
            }
            Self::PubAck(id) => write!(out, "PUBACK {id}"),
            Self::PubRec { id, .. } => write!(out, "PUBREC {id}"),
            Self::PubRel(id) => write!(out, "PUBREL {id}"),
            Self::PubComp(id) => write!(out, "PUBCOMP {id}"),
            Self::Subscribe { id, filters } => write!(out, "SUBSCRIBE {id} to {} filters", filters.len()),
            Self::Unsubscribe { id, filters } => write!(out, "UNSUBSCRIBE {id} from {} filters", filters.len()),
            Self::Ping => out.write_str("PINGREQ"),
            Self::Disconnect { .. } => out.write_str("DISCONNECT"),
            Self::Unexpected => out.write_str("a packet that only a server sends"),
        }
    }
}

impl fmt::Display for Outgoing<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accept(_) => out.write_str("CONNACK"),
            Self::Refuse(refusal) => write!(out, "CONNACK: {refusal}"),
            Self::Publish(publish) => {
                let message = publish.message;
                let (qos, again) = (publish.qos as u8, if publish.dup { " again" } else { "" });
                write!(out, "PUBLISH{again} {} QoS {qos} {} bytes", message.topic, message.payload.len())
            }
            Self::PubAck(id) => write!(out, "PUBACK {id}"),
            Self::PubRec(id) => write!(out, "PUBREC {id}"),
            Self::PubRel { id, .. } => write!(out, "PUBREL {id}"),
            Self::PubComp { id, .. } => write!(out, "PUBCOMP {id}"),
            Self::SubAck { id, codes } => write!(out, "SUBACK {id} {codes:?}"),
            Self::UnsubAck { id, .. } => write!(out, "UNSUBACK {id}"),
            Self::Pong => out.write_str("PINGRESP"),
            Self::Disconnect(reason) => write!(out, "DISCONNECT: {reason}"),
        }
    }
}
