//! The beginning of a connection, from its first byte to CONNACK.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    net::SocketAddr,
    num::NonZeroU16,
    sync::{Arc, OnceLock},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::{
    Connection, Failed, Limits, Message, Peer, Protocol, Reason, Refusal,
    broker::Inner,
    connection::{Running, Terms},
    guard::{caught, caught_call},
    io::{Done, Io},
    link::Link,
    seat::{NoSeat, Seat, unless_ended},
    stats::{add, count},
    topic,
    will::Will,
    wire::{Accept, Codec, Connect, Incoming, Outgoing},
};

impl From<Refusal> for Failed {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Reason> for Failed {
    fn from(reason: Reason) -> Self {
        Self::Ended(reason)
    }
}

impl From<NoSeat> for Failed {
    fn from(no_seat: NoSeat) -> Self {
        match no_seat {
            NoSeat::Refused(refusal) => Self::Refused(refusal),
            NoSeat::Ended(reason) => Self::Ended(reason),
        }
    }
}

/// Serves a connection until it has ended.
///
/// Beginning and end are boxed, and what lives in between as well, so that a connection takes little memory while it is idle.
pub(crate) async fn serve<S>(broker: Arc<Inner>, link: Arc<Link>, stream: S, remote: SocketAddr, peer: Option<Peer>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Some((mut running, seat)) = Box::pin(begin_or_close(broker, link, stream, (remote, peer))).await else {
        return;
    };
    let reason = caught(running.run()).await.unwrap_or(Reason::Internal);
    Box::pin(running.finish(seat, reason)).await;
}

async fn begin_or_close<S>(
    broker: Arc<Inner>,
    link: Arc<Link>,
    stream: S,
    from: (SocketAddr, Option<Peer>),
) -> Option<(Box<Running<S>>, Box<Seat>)>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let remote = from.0;
    let mut io = Io::new(stream);
    let mut codec = Codec::new(&broker.shared.limits);
    let failed = match begin(&broker, &link, &mut io, &mut codec, from).await {
        Ok((seat, terms)) => {
            let running = Running::new(broker, link, &seat, io, codec, terms);
            return Some((Box::new(running), Box::new(seat)));
        }
        Err(failed) => failed,
    };
    broker.refused(failed);
    match failed {
        Failed::Refused(refusal) => {
            tracing::debug!(%remote, %refusal, "connection refused");
            codec.encode(&Outgoing::Refuse(refusal), &mut io.output);
        }
        Failed::Ended(reason) => tracing::debug!(%remote, %reason, "connection ended before it was made"),
    }
    io.close(true).await;
    None
}

async fn begin<S>(
    broker: &Arc<Inner>,
    link: &Arc<Link>,
    io: &mut Io<S>,
    codec: &mut Codec,
    from: (SocketAddr, Option<Peer>),
) -> Result<(Seat, Terms), Failed>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let limits = &broker.shared.limits;
    let mut connect = unless_ended(link, limits.connect_timeout, read_connect(broker, io, codec)).await??;
    codec.connected(limits);
    let assigned = connect.client_id.is_empty().then(|| assign_id(link.id));
    let mut connection = connection(&connect, assigned.as_deref(), link.id, from, limits)?;
    let will = will(&connect, limits)?;

    let authenticated = caught(async { broker.hooks.authenticate(&connection).await }).await;
    authenticated.unwrap_or(Err(Refusal::ServerUnavailable))?;
    (connection.password, connect.password) = (None, None);
    let connection = Arc::new(connection);
    if let Some((message, _)) = &will {
        let permitted = caught_call(|| broker.hooks.may_publish(&connection, &message.topic));
        match permitted {
            Some(true) => {}
            Some(false) => return Err(Refusal::NotAuthorized.into()),
            None => return Err(Refusal::ServerUnavailable.into()),
        }
    }

    let mut seat = Seat::take(broker, &connection, link).await?;
    seat.announce().await?;
    seat.will = will.map(|(message, delay)| Will { message, delay, connection: Arc::clone(&connection), broker: Arc::downgrade(broker) });
    seat.keep = session_life(&connect, limits);
    let (session_present, will_before) = seat.attach();
    if let Some(will) = will_before {
        will.publish(broker).await;
    }

    let asked_keep_alive = Duration::from_secs(connect.keep_alive.into());
    let kept = u32::try_from(seat.keep.as_secs()).unwrap_or(u32::MAX);
    let accept = Accept {
        session_present,
        assigned_id: assigned.map(Into::into),
        keep_alive: (connection.keep_alive != asked_keep_alive).then(|| whole_secs(connection.keep_alive)),
        session_expiry: connect.session_expiry.filter(|asked| *asked != kept).map(|_| kept),
        receive_max: NonZeroU16::new(limits.receive_max).unwrap_or(NonZeroU16::MIN),
        max_qos: limits.max_qos,
        packet_max: limits.packet_bytes,
        topic_alias_max: limits.topic_aliases,
        retain: limits.retained_messages > 0,
    };
    io.will_write();
    codec.encode(&Outgoing::Accept(&accept), &mut io.output);
    count(&broker.shared.counters.accepted);
    let terms = Terms {
        connection,
        window: connect.receive_max.min(limits.in_flight).max(1).into(),
        packet_max: connect.packet_max,
        aliases: connect.topic_alias_max.min(limits.topic_aliases),
    };
    Ok((seat, terms))
}

async fn read_connect<S>(broker: &Inner, io: &mut Io<S>, codec: &mut Codec) -> Result<Connect, Failed>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        match codec.decode(&mut io.input)? {
            Some(Incoming::Connect(connect)) => match connect.fault {
                Some(refusal) => return Err(refusal.into()),
                None => return Ok(*connect),
            },
            Some(Incoming::NoClientId) => return Err(Refusal::BadClientId.into()),
            Some(_) => return Err(Reason::ProtocolError.into()),
            None => {}
        }
        match io.read().await {
            Ok(Done { read: Some(n), .. }) if n > 0 => add(&broker.shared.counters.bytes_in, n),
            _ => return Err(Reason::ConnectionLost.into()),
        }
    }
}

/// An identifier nobody else has.
fn assign_id(link: u64) -> String {
    let random = RandomState::new().build_hasher().finish();
    format!("auto-{random:016x}-{link:x}")
}

fn connection(
    connect: &Connect,
    assigned: Option<&str>,
    id: u64,
    (remote, peer): (SocketAddr, Option<Peer>),
    limits: &Limits,
) -> Result<Connection, Refusal> {
    let client_id = assigned.unwrap_or(&connect.client_id);
    if client_id.len() > limits.client_id_bytes || client_id.contains('\0') {
        return Err(Refusal::BadClientId);
    }
    let longest = limits.keep_alive_max.max(Duration::from_secs(1));
    let keep_alive = match connect.keep_alive {
        0 => longest,
        secs => Duration::from_secs(secs.into()).min(longest),
    };
    Ok(Connection {
        id,
        client_id: client_id.to_owned(),
        remote,
        peer,
        username: connect.username.as_deref().map(ToOwned::to_owned),
        password: connect.password.as_deref().map(Bytes::copy_from_slice),
        protocol: connect.protocol,
        keep_alive,
        clean_start: connect.clean_start,
        connected_at: SystemTime::now(),
        data: OnceLock::new(),
    })
}

/// The message of the will and its delay.
fn will(connect: &Connect, limits: &Limits) -> Result<Option<(Message, Duration)>, Refusal> {
    let Some((message, delay)) = &connect.will else {
        return Ok(None);
    };
    if !topic::valid_name(&message.topic, limits) {
        return Err(Refusal::TopicInvalid);
    }
    if message.qos > limits.max_qos {
        return Err(Refusal::QosNotSupported);
    }
    if message.retain && limits.retained_messages == 0 && connect.protocol == Protocol::V5 {
        return Err(Refusal::RetainNotSupported);
    }
    Ok(Some((message.detached(), Duration::from_secs((*delay).into()))))
}

/// How long the session outlives the connection.
fn session_life(connect: &Connect, limits: &Limits) -> Duration {
    match (connect.protocol, connect.session_expiry) {
        (Protocol::V5, Some(secs)) => Duration::from_secs(secs.into()).min(limits.session_expiry_max),
        _ if connect.clean_start => Duration::ZERO,
        _ => limits.session_expiry,
    }
}

fn whole_secs(duration: Duration) -> u16 {
    u16::try_from(duration.as_secs()).unwrap_or(u16::MAX)
}
