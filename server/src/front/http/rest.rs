//! What a handler left unread of a request's body.
//!
//! A refusal is often ready before the body has come. Without the rest being read, the connection ends
//! after the answer, which says nothing of that: the client's next request on it fails.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use axum::body::{Bytes, HttpBody};
use http_body_util::BodyExt as _;
use hyper::{
    Error,
    body::{Frame, Incoming, SizeHint},
};
use tokio::sync::oneshot;

/// Bytes that are read only to be thrown away; for more, a new connection is cheaper.
const MAX: u64 = 256 * 1024;

/// The body for the handler, and the way to what it leaves.
pub(super) fn of(body: Incoming) -> (Lent, Rest) {
    let (back, rest) = oneshot::channel();
    (Lent { body: Some(body), back: Some(back) }, Rest(rest))
}

/// A body that comes back when it is dropped.
pub(super) struct Lent {
    body: Option<Incoming>,
    back: Option<oneshot::Sender<Incoming>>,
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let (Some(body), Some(back)) = (self.body.take(), self.back.take()) {
            // Nobody waits for it once the request has taken too long.
            drop(back.send(body));
        }
    }
}

impl HttpBody for Lent {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match &mut self.body {
            Some(body) => Pin::new(body).poll_frame(context),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(SizeHint::default, HttpBody::size_hint)
    }
}

/// What the handler leaves.
pub(super) struct Rest(oneshot::Receiver<Incoming>);

impl Rest {
    /// Reads it to its end, if that is not far. Was it?
    pub(super) async fn skip(self) -> bool {
        // A handler that keeps the body longer than its answer takes is none of ours.
        let Ok(mut body) = self.0.await else { return false };
        let mut read = 0;
        while !body.is_end_stream() {
            if read + body.size_hint().lower() > MAX {
                return false;
            }
            match body.frame().await {
                None => return true,
                Some(Err(_)) => return false,
                Some(Ok(frame)) => read += frame.data_ref().map_or(0, |data| data.len() as u64),
            }
        }
        true
    }
}
