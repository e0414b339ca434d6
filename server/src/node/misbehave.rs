//! Bad manners, by which a cloud's patience is tried. They end by themselves: a rate, a size and a time bound each.

use std::collections::VecDeque;
use std::fmt;
use std::num::NonZeroU16;
use std::str::FromStr;
use std::time::Duration;

use bytes::Bytes;
use bytestring::ByteString;
use rmqtt_codec::types::{Publish, QoS};
use rmqtt_codec::v3::Packet;
use tokio::time::Instant;

use super::client::Manners;
use super::outbox::{Content, Entry};

const FASTEST: u32 = 10_000;
const BIGGEST: usize = 8 * 1024 * 1024;
const MOST_CONNECTIONS: u16 = 1000;
/// From a connection until what good manners forbid is sent, in which the node says what every node says.
const GRACE: Duration = Duration::from_millis(500);
/// How far behind its rate a misbehaviour may fall before it leaves out what it missed.
const BEHIND: Duration = Duration::from_millis(100);
/// When to try again on a network that takes no more.
const FULL: Duration = Duration::from_millis(10);
/// Packet ids from here on are none of the outbox's.
const FIRST_ID: u16 = 0x8000;
/// How often each acknowledged publish is sent again.
const REPEATS: usize = 2;
/// What a node that never reads sends to itself each time.
const ECHO: usize = 4096;
const FILTERS: [&str; 6] = ["#", "+/#", "node/#", "node/+/params/local", "node/+/params/remote", "$SYS/#"];

/// One kind of bad manners.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Misbehaviour {
    /// Reports this often in a second, whatever the budget says.
    Storm(u32),
    /// Every message ends in its middle.
    Truncate,
    /// What was acknowledged is sent again, with DUP and its old packet id.
    Dup,
    /// No message is acknowledged.
    NeverAck,
    /// Reports as another node.
    ForeignTopic(String),
    /// Subscribes to what is not its own.
    WildSubscribe,
    /// Sends messages to itself and reads none of them.
    SlowRead,
    /// Opens so many connections and begins a handshake on each, no more.
    HalfOpen(u16),
    /// Reports bytes that are no UTF-8.
    BadUtf8,
    /// Reports this many bytes at once.
    Big(usize),
}

impl fmt::Display for Misbehaviour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Storm(rate) => write!(f, "storm={rate}"),
            Self::Truncate => f.write_str("truncate"),
            Self::Dup => f.write_str("dup"),
            Self::NeverAck => f.write_str("never-ack"),
            Self::ForeignTopic(node) => write!(f, "foreign-topic={node}"),
            Self::WildSubscribe => f.write_str("wild-subscribe"),
            Self::SlowRead => f.write_str("slow-read"),
            Self::HalfOpen(count) => write!(f, "half-open={count}"),
            Self::BadUtf8 => f.write_str("bad-utf8"),
            Self::Big(size) => write!(f, "big={size}"),
        }
    }
}

impl FromStr for Misbehaviour {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (kind, value) = text.split_once('=').map_or((text, None), |(kind, value)| (kind, Some(value)));
        let kind = match (kind, value) {
            ("storm", Some(rate)) => Self::Storm(number(rate, FASTEST)?),
            ("truncate", None) => Self::Truncate,
            ("dup", None) => Self::Dup,
            ("never-ack", None) => Self::NeverAck,
            ("foreign-topic", Some(node)) if !node.is_empty() => Self::ForeignTopic(node.to_owned()),
            ("wild-subscribe", None) => Self::WildSubscribe,
            ("slow-read", None) => Self::SlowRead,
            ("half-open", Some(count)) => Self::HalfOpen(number(count, MOST_CONNECTIONS)?),
            ("bad-utf8", None) => Self::BadUtf8,
            ("big", Some(size)) => Self::Big(number(size, BIGGEST)?),
            _ => {
                let kinds = "storm=RATE, truncate, dup, never-ack, foreign-topic=NODE_ID, wild-subscribe, slow-read, half-open=COUNT, \
                             bad-utf8, big=BYTES";
                return Err(format!("expected one of {kinds}"));
            }
        };
        Ok(kind)
    }
}

fn number<N: FromStr + Ord + Default + fmt::Display + Copy>(text: &str, most: N) -> Result<N, String> {
    let number = text.parse().ok().filter(|number| *number > N::default() && *number <= most);
    number.ok_or_else(|| format!("expected a number from 1 to {most}"))
}

impl Misbehaviour {
    /// How long from one packet to the next; nothing if it sends none by itself.
    fn every(&self) -> Option<Duration> {
        match self {
            Self::Storm(rate) => Some(Duration::from_secs(1) / *rate),
            Self::SlowRead => Some(Duration::from_millis(10)),
            Self::BadUtf8 => Some(Duration::from_millis(100)),
            Self::WildSubscribe | Self::Big(_) => Some(Duration::from_millis(500)),
            Self::ForeignTopic(_) => Some(Duration::from_secs(1)),
            Self::Truncate | Self::Dup | Self::NeverAck | Self::HalfOpen(_) => None,
        }
    }

    /// Its next packet, after so many.
    fn packet(&self, node_id: &str, id: NonZeroU16, count: u64) -> Packet {
        let own = |suffix: &str| format!("node/{node_id}/{suffix}");
        let local = own("params/local");
        match self {
            Self::WildSubscribe => {
                let filter = usize::try_from(count).ok().and_then(|count| FILTERS.get(count % FILTERS.len())).unwrap_or(&"#");
                Packet::Subscribe { packet_id: id, topic_filters: vec![(ByteString::from_static(filter), QoS::AtLeastOnce)] }
            }
            Self::SlowRead if count == 0 => {
                Packet::Subscribe { packet_id: id, topic_filters: vec![(own("from-node").into(), QoS::AtLeastOnce)] }
            }
            Self::SlowRead => publish(own("from-node"), vec![b'.'; ECHO], id, false),
            Self::ForeignTopic(other) => publish(format!("node/{other}/params/local"), &br#"{"Light":{"Power":true}}"#[..], id, false),
            Self::BadUtf8 => publish(local, &b"{\"Light\":{\"Name\":\"\xff\xfe\xc3\"}}"[..], id, false),
            Self::Big(size) => publish(local, big(*size), id, false),
            _ => publish(local, format!(r#"{{"Light":{{"Brightness":{}}}}}"#, count % 101), id, false),
        }
    }
}

/// A report of this size, as far as one can be that short.
fn big(size: usize) -> String {
    let (before, after) = (r#"{"Light":{"Name":""#, r#""}}"#);
    [before, &"x".repeat(size.saturating_sub(before.len() + after.len())), after].concat()
}

fn publish(topic: impl Into<ByteString>, payload: impl Into<Bytes>, id: NonZeroU16, dup: bool) -> Packet {
    Packet::Publish(Box::new(Publish {
        dup,
        retain: false,
        qos: QoS::AtLeastOnce,
        topic: topic.into(),
        packet_id: Some(id),
        payload: payload.into(),
        properties: None,
    }))
}

/// A node's bad manners from its first connection until their time is over; of a good node there are none.
#[derive(Debug, Default)]
pub(super) struct Unruly {
    kinds: Vec<Kind>,
    lasts: Duration,
    until: Option<Instant>,
    /// How much it did, in packets.
    pub(super) sent: u64,
    last_id: u16,
    waiting: VecDeque<Packet>,
    full: bool,
}

#[derive(Debug)]
struct Kind {
    is: Misbehaviour,
    count: u64,
    next: Option<Instant>,
}

impl Unruly {
    /// These bad manners, for so long.
    pub(super) fn new(kinds: Vec<Misbehaviour>, lasts: Duration) -> Self {
        let kinds = kinds.into_iter().map(|is| Kind { is, count: 0, next: None }).collect();
        Self { kinds, lasts, ..Self::default() }
    }

    /// Begins them with the first connection. Says which begin now.
    pub(super) fn connected(&mut self, now: Instant) -> Option<String> {
        self.waiting.clear();
        for kind in &mut self.kinds {
            kind.next = kind.is.every().map(|_| now + GRACE);
            // What is subscribed ends with a connection.
            kind.count = 0;
        }
        if self.kinds.is_empty() || self.until.is_some() {
            return None;
        }
        self.until = Some(now + self.lasts);
        Some(self.names())
    }

    /// How long they last, in seconds.
    pub(super) fn seconds(&self) -> u64 {
        self.lasts.as_secs()
    }

    fn names(&self) -> String {
        self.kinds.iter().map(|kind| kind.is.to_string()).collect::<Vec<_>>().join(", ")
    }

    fn is(&self, wanted: &Misbehaviour) -> bool {
        self.until.is_some() && self.kinds.iter().any(|kind| kind.is == *wanted)
    }

    /// What it leaves undone.
    pub(super) fn manners(&self) -> Manners {
        Manners { never_acknowledges: self.is(&Misbehaviour::NeverAck), never_reads: self.is(&Misbehaviour::SlowRead) }
    }

    /// The message as it sends it.
    pub(super) fn twist(&mut self, payload: Bytes) -> Bytes {
        if !self.is(&Misbehaviour::Truncate) {
            return payload;
        }
        self.sent += 1;
        payload.slice(..payload.len() / 2)
    }

    /// A publish was acknowledged.
    pub(super) fn acknowledged(&mut self, entry: &Entry) {
        if let (Content::Publish { topic, payload }, true) = (&entry.content, self.is(&Misbehaviour::Dup)) {
            let again = publish(topic.clone(), payload.clone(), entry.id, true);
            self.waiting.extend(std::iter::repeat_n(again, REPEATS));
        }
    }

    /// The next packet that good manners forbid, if one is due.
    pub(super) fn packet(&mut self, node_id: &str, now: Instant) -> Option<Packet> {
        self.full = false;
        self.until.filter(|until| now < *until)?;
        if let Some(packet) = self.waiting.pop_front() {
            self.sent += 1;
            return Some(packet);
        }
        let kind = self.kinds.iter_mut().find(|kind| kind.next.is_some_and(|next| next <= now))?;
        let latest = now.checked_sub(BEHIND).unwrap_or(now);
        kind.next = kind.next.zip(kind.is.every()).map(|(next, every)| (next + every).max(latest));
        self.last_id = self.last_id.checked_add(1).unwrap_or(FIRST_ID).max(FIRST_ID);
        let packet = kind.is.packet(node_id, NonZeroU16::new(self.last_id)?, kind.count);
        kind.count += 1;
        self.sent += 1;
        Some(packet)
    }

    /// The network took no more than before this packet.
    pub(super) fn refused(&mut self, packet: Packet) {
        self.sent -= 1;
        self.waiting.push_front(packet);
        self.full = true;
    }

    /// When there is something to do again.
    pub(super) fn wake(&self) -> Option<Instant> {
        let until = self.until?;
        let next = match (self.full, self.waiting.is_empty()) {
            (true, _) => Some(Instant::now() + FULL),
            (false, false) => Some(Instant::now()),
            (false, true) => self.kinds.iter().filter_map(|kind| kind.next).min(),
        };
        Some(next.map_or(until, |next| next.min(until)))
    }

    /// Ends them if their time is over. Says which ended.
    pub(super) fn over(&mut self, now: Instant) -> Option<String> {
        self.until.filter(|until| *until <= now)?;
        let names = self.names();
        *self = Self { sent: self.sent, ..Self::default() };
        Some(names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unruly(kinds: &[&str], seconds: u64) -> Unruly {
        Unruly::new(kinds.iter().map(|kind| kind.parse().unwrap()).collect(), Duration::from_secs(seconds))
    }

    /// What it sends in so many seconds if it is asked every 10 ms.
    fn sends(unruly: &mut Unruly, start: Instant, seconds: u32) -> Vec<Packet> {
        let mut all = Vec::new();
        for tick in 0..seconds * 100 {
            let now = start + Duration::from_millis(10) * tick;
            all.extend(std::iter::from_fn(|| unruly.packet("n1", now)));
        }
        all
    }

    #[test]
    fn kinds_are_read_and_bounded() {
        for good in ["storm=500", "truncate", "dup", "never-ack", "foreign-topic=n2", "wild-subscribe", "slow-read", "half-open=9", "big=9"]
        {
            assert_eq!(good.parse::<Misbehaviour>().unwrap().to_string(), good);
        }
        for bad in ["storm", "storm=0", "storm=10001", "storm=x", "truncate=1", "big=99999999", "half-open=1001", "foreign-topic=", "fly"] {
            assert!(bad.parse::<Misbehaviour>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_storm_keeps_its_rate_and_ends() {
        let (start, mut storm) = (Instant::now(), unruly(&["storm=500"], 3));
        assert_eq!(storm.packet("n1", start), None, "nothing before there is a connection");
        assert_eq!(storm.connected(start).as_deref(), Some("storm=500"));
        assert_eq!(storm.over(start + Duration::from_secs(2)), None);
        let sent = sends(&mut storm, start, 5);
        assert!((1240..=1255).contains(&sent.len()), "{}", sent.len());
        let ids = sent.iter().map(|packet| if let Packet::Publish(publish) = packet { publish.packet_id.unwrap().get() } else { 0 });
        assert!(ids.min() >= Some(FIRST_ID));
        assert_eq!(storm.over(start + Duration::from_secs(3)).as_deref(), Some("storm=500"));
        assert_eq!((storm.connected(start + Duration::from_secs(4)), storm.wake()), (None, None), "never again");
    }

    #[test]
    fn what_was_missed_is_left_out() {
        let (start, mut storm) = (Instant::now(), unruly(&["storm=1000"], 60));
        storm.connected(start);
        let late = start + Duration::from_secs(30);
        assert!(std::iter::from_fn(|| storm.packet("n1", late)).count() <= 102);
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_network_gets_the_packet_again() {
        let (start, mut storm) = (Instant::now(), unruly(&["storm=1"], 60));
        storm.connected(start);
        let start = start + GRACE;
        let packet = storm.packet("n1", start).unwrap();
        storm.refused(packet.clone());
        assert_eq!(storm.sent, 0);
        assert_eq!(storm.wake(), Some(Instant::now() + FULL));
        assert_eq!((storm.packet("n1", start), storm.sent), (Some(packet), 1));
    }

    #[test]
    fn big_ones_are_as_big_as_asked_and_cut_ones_are_halves() {
        assert_eq!(big(1000).len(), 1000);
        let mut cut = unruly(&["truncate"], 60);
        assert_eq!(cut.twist("12345678".into()), "12345678", "not before there is a connection");
        cut.connected(Instant::now());
        assert_eq!(cut.twist("12345678".into()), "1234");
    }
}
