//! The buffers of one connection, and reading and writing at the same time.
//!
//! An idle connection has no buffers: what arrives is read into a buffer on the stack first, and both buffers are given
//! back when they are empty.

use std::{
    io,
    mem::MaybeUninit,
    pin::{Pin, pin},
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Buf, BytesMut};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf},
    time::{Instant, timeout},
};

/// Read at once into an empty buffer, in bytes.
const FIRST_READ: usize = 4 * 1024;
/// Room made for the rest of a packet, at least, in bytes.
const READ_ROOM: usize = 4 * 1024;
/// What is left to send is tried for so long when the connection ends.
const FAREWELL: Duration = Duration::from_millis(500);

pub(crate) struct Io<S> {
    stream: S,
    pub(crate) input: BytesMut,
    pub(crate) output: BytesMut,
    /// Something was written and not flushed yet.
    unflushed: bool,
    /// When the peer last took bytes, or there was nothing for it.
    taken: Instant,
}

/// What a poll has done, in bytes; at least one of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Done {
    /// 0 is the end of the stream.
    pub(crate) read: Option<usize>,
    pub(crate) wrote: usize,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Io<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, input: BytesMut::new(), output: BytesMut::new(), unflushed: false, taken: Instant::now() }
    }

    /// Since when the peer has taken nothing although there was something for it.
    pub(crate) fn stalled_since(&self) -> Option<Instant> {
        (self.unflushed || !self.output.is_empty()).then_some(self.taken)
    }

    /// Notes that there is something to send from now on; to be called before the first bytes are appended.
    pub(crate) fn will_write(&mut self) {
        if self.stalled_since().is_none() {
            self.taken = Instant::now();
        }
    }

    /// Writes what there is and, if wanted, reads.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>, read: bool) -> Poll<io::Result<Done>> {
        let wrote = self.poll_write(context)?;
        let read = match read.then(|| self.poll_read(context)) {
            Some(Poll::Ready(n)) => Some(n?),
            Some(Poll::Pending) | None => None,
        };
        if wrote == 0 && read.is_none() {
            return Poll::Pending;
        }
        Poll::Ready(Ok(Done { read, wrote }))
    }

    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if !self.input.is_empty() {
            self.input.reserve(READ_ROOM);
            return pin!(self.stream.read_buf(&mut self.input)).poll(context);
        }
        let mut space = [MaybeUninit::uninit(); FIRST_READ];
        let mut space = ReadBuf::uninit(&mut space);
        ready!(Pin::new(&mut self.stream).poll_read(context, &mut space))?;
        self.input.extend_from_slice(space.filled());
        Poll::Ready(Ok(space.filled().len()))
    }

    /// Writes and flushes as much as is taken at once; says how many bytes that was.
    fn poll_write(&mut self, context: &mut Context<'_>) -> io::Result<usize> {
        let mut wrote = 0;
        while !self.output.is_empty() {
            let Poll::Ready(n) = Pin::new(&mut self.stream).poll_write(context, &self.output) else {
                break;
            };
            let n = n?;
            if n == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            self.output.advance(n);
            self.unflushed = true;
            wrote += n;
        }
        if wrote > 0 {
            self.taken = Instant::now();
        }
        if self.output.is_empty() {
            self.output = BytesMut::new();
            if self.unflushed && Pin::new(&mut self.stream).poll_flush(context)?.is_ready() {
                self.unflushed = false;
                self.taken = Instant::now();
            }
        }
        Ok(wrote)
    }

    pub(crate) async fn read(&mut self) -> io::Result<Done> {
        std::future::poll_fn(|context| self.poll(context, true)).await
    }

    /// Gives the input buffer back if it is empty.
    pub(crate) fn rest(&mut self) {
        if self.input.is_empty() {
            self.input = BytesMut::new();
        }
    }

    /// Sends what is left and closes, within a short time. If there is something to say, waits for the peer to close
    /// as well: a stream closed over unread bytes may take away what was sent last.
    pub(crate) async fn close(mut self, linger: bool) {
        self.input = BytesMut::new();
        let end = async {
            let said = !self.output.is_empty();
            self.stream.write_all(&self.output).await?;
            self.stream.shutdown().await?;
            let mut rest = [0; 512];
            while said && linger && self.stream.read(&mut rest).await? > 0 {}
            io::Result::Ok(())
        };
        if let Ok(Err(error)) = timeout(FAREWELL, end).await {
            tracing::trace!(%error, "while closing");
        }
    }
}
