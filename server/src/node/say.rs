//! What the node tells the person or the program that runs it: one line for each thing that happens.

use std::fmt::{self, Display, Write as _};
use std::io::Write as _;

use serde::Serialize;
use time::OffsetDateTime;

/// The most characters of a payload that are shown to people.
const SHOWN: usize = 200;

/// Something that happened. The names and keys are what programs read with `--json`, so they stay.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum Event<'a> {
    /// The node came up.
    Starting { product: &'a str, server: &'a str },
    /// The broker accepted the connection; the first one since the node came up, or a later one.
    Connected { server: &'a str, first: bool },
    /// The connection ended.
    Disconnected { kind: &'static str, reason: &'a str },
    /// The next try comes later.
    Waiting { seconds: u64, kind: &'static str, reason: &'a str },
    /// A subscription was answered.
    Subscribed { filter: &'a str, granted: bool },
    /// The end of a subscription was acknowledged, or given up.
    Unsubscribed { filter: &'a str, acknowledged: bool },
    /// A publish was acknowledged, or given up.
    Published { topic: &'a str, payload: &'a Payload, acknowledged: bool, times: u32 },
    /// Nobody acknowledged a packet for a second, so it was sent again.
    Resent { packet_id: u16, times: u32 },
    /// The budget is empty.
    NotPublished { topic: &'a str, payload: &'a Payload, why: &'static str },
    /// Params arrived.
    Remote { topic: &'a str, payload: &'a Payload },
    /// A command arrived.
    Command { payload: &'a Payload },
    /// An update was offered.
    OtaOffer { payload: &'a Payload },
    /// A param has a value.
    Set { device: &'a str, param: &'a str, value: serde_json::Value, was: serde_json::Value, by: By },
    /// Something that was asked for did nothing.
    Ignored {
        #[serde(skip_serializing_if = "Option::is_none")]
        device: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        param: Option<&'a str>,
        why: &'a str,
    },
    /// The cloud acknowledged the request to belong to a user. The answer of a mapping is no more than that.
    MappingAcknowledged { user_id: &'a str, reset: bool },
    /// The node got its credentials from the cloud.
    Claimed { mqtt_host: &'a str },
    /// It connects again to leave another will.
    Rejoining,
    /// It can be reached on the local network by who has its proof of possession.
    OnNetwork { address: &'a str, sec_ver: u8, pop: &'a str },
    /// It signed a challenge from the local network.
    Challenged { challenge: &'a str },
    /// It can't be reached on the local network any more.
    OffNetwork,
    /// Bad manners begin.
    Misbehaving { kinds: &'a str, seconds: u64 },
    /// Bad manners ended: how many packets they were, and how many of them the broker acknowledged.
    Misbehaved { kinds: &'a str, sent: u64, acknowledged: u64 },
    /// Handshakes that were begun and left alone: how many, and how many of them the broker ended.
    HalfOpened { opened: usize, ended: usize },
    /// The node starts again.
    Rebooting { why: &'static str },
    /// The state could not be kept.
    NotKept { why: &'a str },
    /// The program ends.
    Stopped,
}

/// Who changed a param.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum By {
    /// The cloud, by params.
    Remote,
    /// The cloud, by a command.
    Command,
    /// A scene.
    Scene,
    /// Somebody at the node.
    Local,
    /// The node itself.
    Node,
}

/// What a message carries: text as it is on the wire, anything else in hexadecimal.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Payload {
    /// Text.
    Text(String),
    /// Bytes.
    Binary { hex: String },
}

impl From<&[u8]> for Payload {
    fn from(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) if !text.bytes().any(|byte| byte < b' ' && !byte.is_ascii_whitespace()) => Self::Text(text.to_owned()),
            _ => {
                let mut hex = String::with_capacity(2 * bytes.len());
                for byte in bytes {
                    // Writing to a string cannot fail.
                    let _ = write!(hex, "{byte:02x}");
                }
                Self::Binary { hex }
            }
        }
    }
}

impl Display for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Text(text) | Self::Binary { hex: text }) = self;
        match text.char_indices().nth(SHOWN) {
            Some((end, _)) => write!(f, "{}… ({} bytes)", text.get(..end).unwrap_or_default(), text.len()),
            None => f.write_str(text),
        }
    }
}

impl Display for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Starting { product, server } => write!(f, "a simulated {product} comes up and looks for {server}"),
            Self::Connected { server, first: true } => write!(f, "connected to {server}"),
            Self::Connected { server, first: false } => write!(f, "connected to {server} again"),
            Self::Disconnected { reason, .. } => write!(f, "disconnected: {reason}"),
            Self::Waiting { seconds, reason, .. } => write!(f, "waiting {seconds} s before the next try: {reason}"),
            Self::Subscribed { filter, granted: true } => write!(f, "subscribed to {filter}"),
            Self::Subscribed { filter, granted: false } => write!(f, "the broker refused the subscription to {filter}"),
            Self::Unsubscribed { filter, acknowledged: true } => write!(f, "no longer subscribed to {filter}"),
            Self::Unsubscribed { filter, .. } => write!(f, "the broker did not acknowledge the end of the subscription to {filter}"),
            Self::Published { topic, payload, acknowledged: true, .. } => write!(f, "reported {} {payload}", short(topic)),
            Self::Published { topic, payload, times, .. } => {
                write!(f, "gave up {}, sent {times} times without an acknowledgement: {payload}", short(topic))
            }
            Self::Resent { packet_id, times } => write!(f, "packet {packet_id} was not acknowledged: sent again ({times} times now)"),
            Self::NotPublished { topic, why, .. } => write!(f, "did not report {}: {why}", short(topic)),
            Self::Remote { payload, .. } => write!(f, "asked to set {payload}"),
            Self::Command { payload } => write!(f, "received a command {payload}"),
            Self::OtaOffer { payload } => write!(f, "offered an update, which a simulated node does not install: {payload}"),
            Self::Set { device, param, value, was, .. } => write!(f, "set {device}.{param} = {value} (was {was})"),
            Self::Ignored { device, param, why } => {
                let what: Vec<_> = device.iter().chain(param).copied().collect();
                write!(f, "ignored{}{}: {why}", if what.is_empty() { "" } else { " " }, what.join("."))
            }
            Self::MappingAcknowledged { user_id, .. } => write!(f, "the cloud acknowledged the request to belong to {user_id}"),
            Self::Claimed { mqtt_host } => write!(f, "the cloud gave a certificate, for {mqtt_host}"),
            Self::Rejoining => write!(f, "connecting again with another will"),
            Self::OnNetwork { address, sec_ver: 0, .. } => write!(f, "challenges are answered at {address}, without security"),
            Self::OnNetwork { address, pop, .. } => write!(f, "challenges are answered at {address} for who knows {pop}"),
            Self::Challenged { challenge } => write!(f, "signed the challenge {challenge}"),
            Self::OffNetwork => write!(f, "challenges are answered no more"),
            Self::Misbehaving { kinds, seconds } => write!(f, "misbehaving for {seconds} s: {kinds}"),
            Self::Misbehaved { kinds, sent, acknowledged } => {
                write!(f, "behaving again after {kinds}: {sent} packets, {acknowledged} of them acknowledged")
            }
            Self::HalfOpened { opened, ended } => write!(f, "left {opened} handshakes alone, of which the broker ended {ended}"),
            Self::Rebooting { why } => write!(f, "starting again: {why}"),
            Self::NotKept { why } => write!(f, "{why}"),
            Self::Stopped => write!(f, "stopped"),
        }
    }
}

/// A topic without what is the same in all of a node's topics.
fn short(topic: &str) -> &str {
    topic.split_once("node/").and_then(|(_, rest)| rest.split_once('/')).map_or(topic, |(_, suffix)| suffix)
}

/// Where events go.
#[derive(Debug, Clone)]
pub(super) struct Say {
    node_id: String,
    form: Form,
}

#[derive(Debug, Clone, Copy)]
enum Form {
    Text,
    Json,
    #[cfg(test)]
    Nothing,
}

impl Say {
    /// For people, or in JSON for programs.
    pub(super) fn new(node_id: &str, json: bool) -> Self {
        Self { node_id: node_id.to_owned(), form: if json { Form::Json } else { Form::Text } }
    }

    /// For nobody.
    #[cfg(test)]
    pub(super) fn nothing(node_id: &str) -> Self {
        Self { node_id: node_id.to_owned(), form: Form::Nothing }
    }

    /// Tells one event. Nobody may be listening any more, which is no reason to stop.
    pub(super) fn tell(&self, event: &Event<'_>) {
        let line = match self.form {
            Form::Text => self.text(event),
            Form::Json => self.json(event, OffsetDateTime::now_utc()),
            #[cfg(test)]
            Form::Nothing => return,
        };
        let mut out = std::io::stdout().lock();
        let _ = writeln!(out, "{line}").and_then(|()| out.flush());
    }

    fn text(&self, event: &Event<'_>) -> String {
        let now = OffsetDateTime::now_local().unwrap_or_else(|_| OffsetDateTime::now_utc());
        let who = if matches!(event, Event::Connected { .. }) { format!(" as {}", self.node_id) } else { String::new() };
        format!("{:02}:{:02}:{:02}  {event}{who}", now.hour(), now.minute(), now.second())
    }

    fn json(&self, event: &Event<'_>, now: OffsetDateTime) -> String {
        #[derive(Serialize)]
        struct Line<'a> {
            #[serde(flatten)]
            event: &'a Event<'a>,
            node_id: &'a str,
            at: i128,
        }
        let line = Line { event, node_id: &self.node_id, at: now.unix_timestamp_nanos() / 1_000_000 };
        serde_json::to_string(&line).unwrap_or_else(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_get_one_object_a_line() {
        let say = Say::new("n1", true);
        let at = OffsetDateTime::UNIX_EPOCH + std::time::Duration::from_millis(1500);
        let set = Event::Set { device: "Light", param: "Power", value: true.into(), was: false.into(), by: By::Remote };
        let expected =
            r#"{"event":"set","device":"Light","param":"Power","value":true,"was":false,"by":"remote","node_id":"n1","at":1500}"#;
        assert_eq!(say.json(&set, at), expected);
        let poll = Payload::from([1, 0, 3].as_slice());
        let command = Event::Command { payload: &poll };
        assert_eq!(say.json(&command, at), r#"{"event":"command","payload":{"hex":"010003"},"node_id":"n1","at":1500}"#);
        let ignored = Event::Ignored { device: None, param: None, why: "x" };
        assert_eq!(say.json(&ignored, at), r#"{"event":"ignored","why":"x","node_id":"n1","at":1500}"#);
    }

    #[test]
    fn people_get_a_short_line() {
        let payload = Payload::from(br#"{"Light":{"Power":true}}"#.as_slice());
        let topic = "$aws/rules/esp_set_params/node/n1/params/local";
        let published = Event::Published { topic, payload: &payload, acknowledged: true, times: 1 };
        assert_eq!(published.to_string(), r#"reported params/local {"Light":{"Power":true}}"#);
        let ignored = Event::Ignored { device: Some("Light"), param: Some("Powr"), why: "no such param" };
        assert_eq!(ignored.to_string(), "ignored Light.Powr: no such param");
    }
}
