//! Small clients, one for each protocol version, that show every packet.

use std::{
    fmt::Debug,
    num::{NonZeroU16, NonZeroU32},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use rmqtt_codec::{
    error::{DecodeError, EncodeError},
    types::{Publish, QoS},
    v3, v5,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream},
    time::timeout,
};
use tokio_util::codec::{Decoder, Encoder};

/// Longer than anything the tests wait for.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Client<C> {
    pub(crate) stream: DuplexStream,
    codec: C,
    buffer: BytesMut,
}

pub(crate) type V3 = Client<v3::Codec>;
pub(crate) type V5 = Client<v5::Codec>;

pub(crate) fn id(id: u16) -> NonZeroU16 {
    NonZeroU16::new(id).unwrap()
}

pub(crate) fn qos(qos: u8) -> QoS {
    QoS::try_from(qos).unwrap()
}

pub(crate) fn publish(topic: &str, payload: &str, with_qos: u8, packet_id: u16) -> Publish {
    Publish {
        dup: false,
        retain: false,
        qos: qos(with_qos),
        topic: topic.into(),
        packet_id: (with_qos > 0).then(|| id(packet_id)),
        payload: Bytes::copy_from_slice(payload.as_bytes()),
        properties: None,
    }
}

pub(crate) fn connect3(client_id: &str) -> v3::Connect {
    v3::Connect { clean_session: true, keep_alive: 60, client_id: client_id.into(), ..v3::Connect::default() }
}

/// A session that is kept.
pub(crate) fn persistent3(client_id: &str) -> v3::Connect {
    v3::Connect { clean_session: false, ..connect3(client_id) }
}

pub(crate) fn connect5(client_id: &str) -> v5::Connect {
    v5::Connect { clean_start: true, keep_alive: 60, client_id: client_id.into(), ..v5::Connect::default() }
}

impl<C> Client<C> {
    pub(crate) async fn send<P>(&mut self, packet: impl Into<P>)
    where
        C: Encoder<P, Error = EncodeError> + Decoder<Item = (P, u32)>,
    {
        let mut buffer = BytesMut::new();
        self.codec.encode(packet.into(), &mut buffer).unwrap();
        self.stream.write_all(&buffer).await.unwrap();
    }

    /// The next packet; none at the end of the stream.
    pub(crate) async fn next<P: Debug>(&mut self) -> Option<P>
    where
        C: Decoder<Item = (P, u32), Error = DecodeError>,
    {
        let next = async {
            loop {
                if let Some((packet, _)) = self.codec.decode(&mut self.buffer).unwrap() {
                    return Some(packet);
                }
                if self.stream.read_buf(&mut self.buffer).await.unwrap_or(0) == 0 {
                    return None;
                }
            }
        };
        timeout(PATIENCE, next).await.expect("a packet or the end in time")
    }

    pub(crate) async fn recv<P: Debug>(&mut self) -> P
    where
        C: Decoder<Item = (P, u32), Error = DecodeError>,
    {
        self.next().await.expect("a packet, not the end")
    }

    /// Asserts that nothing comes for a while.
    pub(crate) async fn silent<P: Debug>(&mut self)
    where
        C: Decoder<Item = (P, u32), Error = DecodeError>,
    {
        assert!(self.buffer.is_empty());
        let more = timeout(Duration::from_millis(300), self.stream.read_buf(&mut self.buffer)).await;
        let packet = self.codec.decode(&mut self.buffer).unwrap();
        assert!(more.is_err(), "unexpected: {packet:?}");
    }
}

impl V3 {
    pub(crate) fn new(stream: DuplexStream) -> Self {
        Self { stream, codec: v3::Codec::new(0), buffer: BytesMut::new() }
    }

    pub(crate) async fn connect(stream: DuplexStream, client_id: &str) -> Self {
        let (client, present) = Self::connect_with(stream, connect3(client_id)).await;
        assert!(!present);
        client
    }

    /// Says also whether the session was present.
    pub(crate) async fn connect_with(stream: DuplexStream, connect: v3::Connect) -> (Self, bool) {
        let mut client = Self::new(stream);
        client.send(connect).await;
        match client.recv().await {
            v3::Packet::ConnectAck(ack) => {
                assert_eq!(ack.return_code, v3::ConnectAckReason::ConnectionAccepted);
                (client, ack.session_present)
            }
            other => panic!("{other:?}"),
        }
    }

    /// Gives the return code.
    pub(crate) async fn refused(stream: DuplexStream, connect: v3::Connect) -> v3::ConnectAckReason {
        let mut client = Self::new(stream);
        client.send(connect).await;
        let v3::Packet::ConnectAck(ack) = client.recv().await else { panic!("no CONNACK") };
        client.ended().await;
        ack.return_code
    }

    pub(crate) async fn subscribe(&mut self, filter: &str, with_qos: u8) -> v3::SubscribeReturnCode {
        let topic_filters = vec![(filter.into(), qos(with_qos))];
        self.send(v3::Packet::Subscribe { packet_id: id(9), topic_filters }).await;
        match self.recv().await {
            v3::Packet::SubscribeAck { packet_id, status } => {
                assert_eq!(packet_id, id(9));
                status[0]
            }
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn message(&mut self) -> Publish {
        match self.recv().await {
            v3::Packet::Publish(publish) => *publish,
            other => panic!("{other:?}"),
        }
    }

    /// Receives a `QoS` 1 message and acknowledges it.
    pub(crate) async fn take(&mut self) -> Publish {
        let message = self.message().await;
        let packet_id = message.packet_id.unwrap();
        self.send(v3::Packet::PublishAck { packet_id }).await;
        message
    }

    pub(crate) async fn ping(&mut self) {
        self.send(v3::Packet::PingRequest).await;
        assert_eq!(self.recv().await, v3::Packet::PingResponse);
    }

    pub(crate) async fn acked(&mut self, packet_id: u16) {
        assert_eq!(self.recv().await, v3::Packet::PublishAck { packet_id: id(packet_id) });
    }

    pub(crate) async fn ended(&mut self) {
        assert_eq!(self.next().await, None);
    }
}

impl V5 {
    pub(crate) async fn connect(stream: DuplexStream, connect: v5::Connect) -> (Self, v5::ConnectAck) {
        let (client, ack) = Self::try_connect(stream, connect).await;
        assert_eq!(ack.reason_code, v5::ConnectAckReason::Success);
        (client, ack)
    }

    pub(crate) fn new(stream: DuplexStream) -> Self {
        Self { stream, codec: v5::Codec::new(0, 0), buffer: BytesMut::new() }
    }

    pub(crate) async fn try_connect(stream: DuplexStream, connect: v5::Connect) -> (Self, v5::ConnectAck) {
        let mut client = Self::new(stream);
        client.send(connect).await;
        match client.recv().await {
            v5::Packet::ConnectAck(ack) => (client, *ack),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn subscribe_with(
        &mut self,
        filter: &str,
        options: v5::SubscriptionOptions,
        identifier: u32,
    ) -> v5::SubscribeAckReason {
        self.send(v5::Packet::Subscribe(v5::Subscribe {
            packet_id: id(9),
            id: NonZeroU32::new(identifier),
            user_properties: Vec::new(),
            topic_filters: vec![(filter.into(), options)],
        }))
        .await;
        match self.recv().await {
            v5::Packet::SubscribeAck(ack) => ack.status[0],
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn subscribe(&mut self, filter: &str, with_qos: u8) -> v5::SubscribeAckReason {
        let options = v5::SubscriptionOptions { qos: qos(with_qos), ..v5::SubscriptionOptions::default() };
        self.subscribe_with(filter, options, 0).await
    }

    pub(crate) async fn message(&mut self) -> Publish {
        match self.recv().await {
            v5::Packet::Publish(publish) => *publish,
            other => panic!("{other:?}"),
        }
    }

    /// The reason of the DISCONNECT that ends the connection.
    pub(crate) async fn disconnected(&mut self) -> v5::DisconnectReasonCode {
        match self.recv().await {
            v5::Packet::Disconnect(disconnect) => {
                assert_eq!(self.next().await, None);
                disconnect.reason_code
            }
            other => panic!("{other:?}"),
        }
    }
}
