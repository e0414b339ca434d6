//! A thin MQTT 3.1.1 client that behaves on the wire as the device's does, over any byte stream.
//!
//! [`Link`] is one connection, driven by calling [`Link::next`] in a loop: it sends what the [`Outbox`] holds, sends again
//! what nobody acknowledged, keeps the connection alive and hands over what arrives. It spawns nothing, and `next` may be
//! dropped and called again at any time without loss.

use std::collections::VecDeque;
use std::io;
use std::num::NonZeroU16;
use std::time::Duration;

use bytes::BytesMut;
use rmqtt_codec::types::{Publish, QoS};
use rmqtt_codec::v3::{Codec, Connect, ConnectAckReason, Packet, SubscribeReturnCode};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::codec::{Decoder, Encoder};

use super::outbox::{Entry, Outbox};

/// How long a connection attempt, its answer or a write may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// Why there is no connection (any more).
#[derive(Debug, thiserror::Error)]
pub(crate) enum Ended {
    /// The broker answered the CONNECT with a refusal.
    #[error("the broker refused the connection: {}", refusal(*.0))]
    Refused(ConnectAckReason),
    /// Something did not happen in time.
    #[error("{0}")]
    TimedOut(&'static str),
    /// The broker closed the connection.
    #[error("the connection was closed by the other side")]
    Closed,
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Broken(#[from] io::Error),
    /// What arrived is not MQTT.
    #[error("the other side does not speak MQTT 3.1.1: {0}")]
    Malformed(String),
}

fn refusal(reason: ConnectAckReason) -> &'static str {
    match reason {
        ConnectAckReason::UnacceptableProtocolVersion => "it does not speak MQTT 3.1.1",
        ConnectAckReason::IdentifierRejected => "it does not accept this client id",
        ConnectAckReason::ServiceUnavailable => "it is not available",
        ConnectAckReason::BadUserNameOrPassword => "bad user name or password",
        ConnectAckReason::NotAuthorized => "not authorized",
        _ => "it gave no known reason",
    }
}

/// What happened on a connection.
#[derive(Debug)]
pub(crate) enum Event {
    /// A message arrived. Its acknowledgement goes out when [`Link::next`] is called again.
    Message(Box<Publish>),
    /// A publish was acknowledged.
    Published(Entry),
    /// A subscription was answered, with a yes or a no.
    Subscribed(Entry, bool),
    /// The end of a subscription was acknowledged.
    Unsubscribed(Entry),
    /// A packet that nobody acknowledged was sent again.
    Resent {
        /// Its packet id.
        id: NonZeroU16,
        /// How many times it was sent by now.
        times: u32,
    },
    /// A packet was given up.
    Dropped(Entry),
}

/// What a client may leave undone, to try a broker's patience. A good one leaves nothing undone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Manners {
    /// It acknowledges no message.
    pub(crate) never_acknowledges: bool,
    /// It reads nothing.
    pub(crate) never_reads: bool,
}

/// How much may wait to be sent before [`Link::offer`] takes no more, in bytes.
const ROOM: usize = 64 * 1024;

/// A connection that the broker accepted.
#[derive(Debug)]
pub(crate) struct Link<S> {
    /// How it behaves.
    pub(crate) manners: Manners,
    stream: S,
    codec: Codec,
    incoming: BytesMut,
    outgoing: BytesMut,
    owed: VecDeque<NonZeroU16>,
    keep_alive: Duration,
    since: Instant,
    answered: Instant,
    pinged: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Link<S> {
    /// Says hello over a fresh stream and waits for the broker's yes.
    pub(crate) async fn open(stream: S, hello: Connect) -> Result<Self, Ended> {
        let now = Instant::now();
        let mut link = Self {
            manners: Manners::default(),
            stream,
            codec: Codec::default(),
            incoming: BytesMut::new(),
            outgoing: BytesMut::new(),
            owed: VecDeque::new(),
            keep_alive: Duration::from_secs(hello.keep_alive.into()),
            since: now,
            answered: now,
            pinged: false,
        };
        link.put(hello.into())?;
        link.flush().await?;
        let answer = timeout(PATIENCE, link.receive()).await;
        match answer.map_err(|_| Ended::TimedOut("the broker did not answer the connect request in 10 s"))?? {
            Packet::ConnectAck(ack) if ack.return_code == ConnectAckReason::ConnectionAccepted => {
                link.since = Instant::now();
                link.answered = link.since;
                Ok(link)
            }
            Packet::ConnectAck(ack) => Err(Ended::Refused(ack.return_code)),
            other => Err(Ended::Malformed(format!("packet type {:#x} before CONNACK", other.packet_type()))),
        }
    }

    /// Works until something happens that the application may want to know.
    pub(crate) async fn next(&mut self, outbox: &mut Outbox) -> Result<Event, Ended> {
        loop {
            let now = Instant::now();
            if let Some(entry) = outbox.expire(now) {
                return Ok(Event::Dropped(entry));
            }
            // What a message caused goes out before its acknowledgement, as on the device.
            while let Some(transmission) = outbox.transmit(now, self.since) {
                self.put(transmission.packet)?;
                if transmission.times > 1 {
                    return Ok(Event::Resent { id: transmission.id, times: transmission.times });
                }
            }
            while let Some(packet_id) = self.owed.pop_front() {
                if !self.manners.never_acknowledges {
                    self.put(Packet::PublishAck { packet_id })?;
                }
            }
            let ping = self.ping(now)?;
            self.flush().await?;

            let wake = outbox.deadline().into_iter().chain(ping).min();
            let packet = tokio::select! {
                packet = self.receive(), if !self.manners.never_reads => packet?,
                () = sleep_until(wake.unwrap_or(now)), if wake.is_some() => continue,
                // Only a client with bad manners waits for nothing at all; whoever drives it ends that.
                else => std::future::pending().await,
            };
            if let Some(event) = self.take(packet, outbox) {
                return Ok(event);
            }
        }
    }

    /// Takes one packet outside of the outbox's rules, which goes out with the next call of [`Link::next`].
    /// Returns it if the network takes less than is sent.
    pub(crate) fn offer(&mut self, packet: Packet) -> Result<Option<Packet>, Ended> {
        if self.outgoing.len() > ROOM {
            return Ok(Some(packet));
        }
        self.put(packet)?;
        Ok(None)
    }

    /// Says goodbye and closes.
    pub(crate) async fn close(mut self) -> Result<(), Ended> {
        self.put(Packet::Disconnect)?;
        self.flush().await?;
        Ok(timeout(PATIENCE, self.stream.shutdown()).await.unwrap_or(Ok(()))?)
    }

    /// Sends a PINGREQ if half the keep-alive passed since the last PINGRESP, whatever else was said meanwhile.
    /// Returns when to look again.
    fn ping(&mut self, now: Instant) -> Result<Option<Instant>, Ended> {
        if self.keep_alive.is_zero() {
            return Ok(None);
        }
        let give_up = self.answered + self.keep_alive;
        if now >= give_up {
            return Err(Ended::TimedOut("the broker stopped answering pings"));
        }
        let half = self.answered + self.keep_alive / 2;
        if !self.pinged && now >= half {
            self.put(Packet::PingRequest)?;
            self.pinged = true;
        }
        Ok(Some(if self.pinged { give_up } else { half }))
    }

    fn take(&mut self, packet: Packet, outbox: &mut Outbox) -> Option<Event> {
        match packet {
            Packet::Publish(message) => {
                if message.qos == QoS::AtLeastOnce {
                    self.owed.extend(message.packet_id);
                }
                Some(Event::Message(message))
            }
            Packet::PublishAck { packet_id } => outbox.published(packet_id).map(Event::Published),
            Packet::SubscribeAck { packet_id, status } => {
                let granted = status.iter().all(|status| matches!(status, SubscribeReturnCode::Success(_)));
                outbox.subscribed(packet_id).map(|entry| Event::Subscribed(entry, granted))
            }
            Packet::UnsubscribeAck { packet_id } => outbox.unsubscribed(packet_id).map(Event::Unsubscribed),
            Packet::PingResponse => {
                self.answered = Instant::now();
                self.pinged = false;
                None
            }
            _ => None,
        }
    }

    fn put(&mut self, packet: Packet) -> Result<(), Ended> {
        self.codec.encode(packet, &mut self.outgoing).map_err(|error| Ended::Broken(io::Error::other(error.to_string())))
    }

    async fn flush(&mut self) -> Result<(), Ended> {
        let write = async {
            while !self.outgoing.is_empty() {
                if self.stream.write_buf(&mut self.outgoing).await? == 0 {
                    return Err(Ended::Closed);
                }
            }
            Ok(self.stream.flush().await?)
        };
        timeout(PATIENCE, write).await.map_err(|_| Ended::TimedOut("the network took nothing for 10 s"))?
    }

    async fn receive(&mut self) -> Result<Packet, Ended> {
        loop {
            let decoded = self.codec.decode(&mut self.incoming);
            if let Some((packet, _)) = decoded.map_err(|error| Ended::Malformed(error.to_string()))? {
                return Ok(packet);
            }
            if self.stream.read_buf(&mut self.incoming).await? == 0 {
                return Err(Ended::Closed);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rmqtt_codec::v3::ConnectAck;
    use tokio::io::DuplexStream;

    use super::super::outbox::Content;
    use super::*;

    /// The broker's end of a stream.
    struct Broker {
        stream: DuplexStream,
        codec: Codec,
        incoming: BytesMut,
    }

    impl Broker {
        async fn get(&mut self) -> Option<Packet> {
            loop {
                if let Some((packet, _)) = self.codec.decode(&mut self.incoming).unwrap() {
                    return Some(packet);
                }
                if self.stream.read_buf(&mut self.incoming).await.unwrap() == 0 {
                    return None;
                }
            }
        }

        async fn put(&mut self, packet: Packet) {
            let mut bytes = BytesMut::new();
            self.codec.encode(packet, &mut bytes).unwrap();
            self.stream.write_all(&bytes).await.unwrap();
        }
    }

    fn hello() -> Connect {
        Connect { clean_session: true, keep_alive: 120, client_id: "n1".into(), ..Connect::default() }
    }

    async fn open(code: ConnectAckReason) -> (Result<Link<DuplexStream>, Ended>, Broker) {
        let (ours, stream) = tokio::io::duplex(4096);
        let mut broker = Broker { stream, codec: Codec::default(), incoming: BytesMut::new() };
        let accept = async {
            assert_eq!(broker.get().await, Some(hello().into()));
            broker.put(Packet::ConnectAck(ConnectAck { return_code: code, session_present: false })).await;
        };
        let (link, ()) = tokio::join!(Link::open(ours, hello()), accept);
        (link, broker)
    }

    async fn linked() -> (Link<DuplexStream>, Broker) {
        let (link, broker) = open(ConnectAckReason::ConnectionAccepted).await;
        (link.unwrap(), broker)
    }

    fn publish(outbox: &mut Outbox, topic: &'static str) -> NonZeroU16 {
        outbox.push(Content::Publish { topic: topic.into(), payload: "x".into() })
    }

    /// What the broker gets in a while in which it answers nothing: the seconds, the packet id and DUP of each publish.
    async fn listen(link: &mut Link<DuplexStream>, broker: &mut Broker, outbox: &mut Outbox, seconds: u64) -> Vec<(u64, u16, bool)> {
        let start = Instant::now();
        let mut got = Vec::new();
        let work = async { while link.next(outbox).await.is_ok() {} };
        let note = async {
            while let Some(packet) = broker.get().await {
                match packet {
                    Packet::Publish(publish) => {
                        let id = publish.packet_id.unwrap().get();
                        got.push((start.elapsed().as_secs(), id, publish.dup));
                    }
                    Packet::PingRequest => broker.put(Packet::PingResponse).await,
                    _ => {}
                }
            }
        };
        let both = async { tokio::join!(work, note) };
        let _ = timeout(Duration::from_millis(seconds * 1000 + 500), both).await;
        got
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_is_told() {
        let (link, _broker) = open(ConnectAckReason::NotAuthorized).await;
        assert_eq!(link.unwrap_err().to_string(), "the broker refused the connection: not authorized");
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_broker_is_given_up_after_ten_seconds() {
        let (ours, _theirs) = tokio::io::duplex(4096);
        let start = Instant::now();
        let ended = Link::open(ours, hello()).await.unwrap_err();
        assert!(matches!(ended, Ended::TimedOut(_)), "{ended}");
        assert_eq!(start.elapsed().as_secs(), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn only_the_oldest_is_sent_again_each_second_until_it_is_dropped() {
        let (mut link, mut broker) = linked().await;
        let mut outbox = Outbox::default();
        publish(&mut outbox, "a");
        publish(&mut outbox, "b");
        let got = listen(&mut link, &mut broker, &mut outbox, 40).await;
        assert_eq!(got[..4], [(0, 1, false), (0, 2, false), (1, 1, true), (2, 1, true)]);
        // Both are 30 seconds old at the same time, so the second is never sent again.
        assert_eq!(got.len(), 2 + 29);
        assert!(got[2..].iter().all(|(_, id, dup)| *id == 1 && *dup), "{got:?}");
        assert!(outbox.pop().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn an_acknowledgement_ends_the_resending() {
        let (mut link, mut broker) = linked().await;
        let mut outbox = Outbox::default();
        let id = publish(&mut outbox, "a");
        assert_eq!(listen(&mut link, &mut broker, &mut outbox, 2).await.len(), 3);
        broker.put(Packet::PublishAck { packet_id: id }).await;
        let Ok(Event::Published(entry)) = link.next(&mut outbox).await else { panic!("no acknowledgement") };
        assert_eq!((entry.id, entry.times), (id, 3));
        assert_eq!(listen(&mut link, &mut broker, &mut outbox, 5).await, []);
    }

    #[tokio::test(start_paused = true)]
    async fn an_unacknowledged_publish_goes_on_over_a_reconnect() {
        let (mut link, mut broker) = linked().await;
        let mut outbox = Outbox::default();
        publish(&mut outbox, "a");
        listen(&mut link, &mut broker, &mut outbox, 0).await;
        drop(broker);
        assert!(matches!(link.next(&mut outbox).await, Err(Ended::Closed)));

        publish(&mut outbox, "queued while offline");
        tokio::time::advance(Duration::from_secs(10)).await;
        let (mut link, mut broker) = linked().await;
        publish(&mut outbox, "fresh");
        let got = listen(&mut link, &mut broker, &mut outbox, 2).await;
        assert_eq!(got, [(0, 3, false), (0, 2, false), (0, 1, true), (1, 1, true), (2, 1, true)]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_subscription_is_sent_again_too() {
        let (mut link, mut broker) = linked().await;
        let mut outbox = Outbox::default();
        outbox.push(Content::Subscribe { filter: "f".into() });
        for times in [2, 3] {
            let Ok(Event::Resent { times: told, .. }) = link.next(&mut outbox).await else { panic!("not sent again") };
            assert_eq!(told, times);
        }
        let packet_id = NonZeroU16::MIN;
        broker.put(Packet::SubscribeAck { packet_id, status: vec![SubscribeReturnCode::Failure] }).await;
        assert!(matches!(link.next(&mut outbox).await, Ok(Event::Subscribed(_, false))));
        assert!(matches!(broker.get().await, Some(Packet::Subscribe { .. })));
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_message_causes_goes_before_its_acknowledgement() {
        let (mut link, mut broker) = linked().await;
        let mut outbox = Outbox::default();
        let packet_id = NonZeroU16::new(77);
        let message = Publish {
            dup: false,
            retain: false,
            qos: QoS::AtLeastOnce,
            topic: "t".into(),
            packet_id,
            payload: "p".into(),
            properties: None,
        };
        broker.put(Packet::Publish(Box::new(message))).await;
        assert!(matches!(link.next(&mut outbox).await, Ok(Event::Message(_))));
        publish(&mut outbox, "answer");
        let _ = timeout(Duration::from_millis(100), link.next(&mut outbox)).await;
        assert!(matches!(broker.get().await, Some(Packet::Publish(_))));
        assert_eq!(broker.get().await, Some(Packet::PublishAck { packet_id: packet_id.unwrap() }));
    }

    #[tokio::test(start_paused = true)]
    async fn pings_every_half_keep_alive_and_gives_up_without_an_answer() {
        let (mut link, mut broker) = linked().await;
        let mut outbox = Outbox::default();
        let start = Instant::now();
        let broker = tokio::spawn(async move {
            let mut pings = Vec::new();
            while let Some(packet) = broker.get().await {
                assert_eq!(packet, Packet::PingRequest);
                pings.push(start.elapsed().as_secs());
                if pings.len() < 3 {
                    broker.put(Packet::PingResponse).await;
                }
            }
            pings
        });
        assert!(matches!(link.next(&mut outbox).await, Err(Ended::TimedOut(_))));
        assert_eq!(start.elapsed().as_secs(), 240);
        drop(link);
        assert_eq!(broker.await.unwrap(), [60, 120, 180]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_close_says_goodbye() {
        let (link, mut broker) = linked().await;
        link.close().await.unwrap();
        assert_eq!(broker.get().await, Some(Packet::Disconnect));
        assert_eq!(broker.get().await, None);
    }
}
