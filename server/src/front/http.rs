//! One HTTP/1.1 connection.

mod deadline;
mod rest;

use std::{convert::Infallible, net::SocketAddr, time::Duration};

use axum::{
    Router,
    body::Body,
    http::{Request, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;
use web::{ClientIp, Failure};

pub(crate) use deadline::Deadline;

use super::patient::Patient;

/// For the head of a request, and between two requests.
const HEAD: Duration = Duration::from_secs(30);
/// Bytes of a head, and of what is read ahead.
const BUFFER: usize = 64 * 1024;

/// Serves requests until one side ends the connection, or until `stop`, when those that have begun are
/// still answered.
pub(super) async fn serve<S>(stream: S, remote: SocketAddr, router: Router, stop: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request| answer(router.clone(), remote, request));
    let mut connection = std::pin::pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD)
            .max_buf_size(BUFFER)
            .serve_connection(TokioIo::new(Patient::new(stream)), service)
    );
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%remote, %error, "an HTTP connection failed");
    }
}

async fn answer(router: Router, remote: SocketAddr, request: Request<Incoming>) -> Result<Response, Infallible> {
    let (head, body) = request.into_parts();
    let (body, rest) = rest::of(body);
    let mut request = Request::from_parts(head, Body::new(body));
    request.extensions_mut().insert(ClientIp(remote.ip().to_canonical()));
    let deadline = Deadline::new();
    request.extensions_mut().insert(deadline.clone());
    let handle = async {
        let Ok(response) = router.oneshot(request).await;
        (response, rest.skip().await)
    };
    let (mut response, whole) = tokio::select! {
        biased;
        handled = handle => handled,
        () = deadline.passed() => {
            tracing::debug!(%remote, "a request took too long");
            (Failure::new(StatusCode::REQUEST_TIMEOUT, 100_001, "the request took too long").into_response(), false)
        }
    };
    if !whole {
        // What is left of the body can't be told from the next request.
        response.headers_mut().insert(header::CONNECTION, header::HeaderValue::from_static("close"));
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use axum::routing::post;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _, duplex},
        time::Instant,
    };

    use super::*;

    /// What the server says to this beginning of a request until it closes, and after how long it does.
    async fn said_to(begin: &str) -> (String, Duration) {
        let router = Router::new().route("/", post(async |body: String| body));
        let (mut near, far) = duplex(1024);
        let start = Instant::now();
        tokio::spawn(serve(far, ([127, 0, 0, 1], 1).into(), router, CancellationToken::new()));
        near.write_all(begin.as_bytes()).await.unwrap();
        let mut said = String::new();
        near.read_to_string(&mut said).await.unwrap();
        (said, start.elapsed())
    }

    /// A refusal may be ready before the body has come; the client sends its next request all the same.
    #[tokio::test(start_paused = true)]
    async fn a_body_that_nobody_wanted_does_not_cost_the_connection() {
        let router = Router::new().route("/", post(async || "no"));
        let (mut near, far) = duplex(1024);
        tokio::spawn(serve(far, ([127, 0, 0, 1], 1).into(), router, CancellationToken::new()));
        for _ in 0..2 {
            near.write_all(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n").await.unwrap();
            tokio::time::sleep(Duration::from_secs(1)).await;
            near.write_all(b"hello").await.unwrap();
            let mut said = [0; 17];
            near.read_exact(&mut said).await.unwrap();
            assert_eq!(&said, b"HTTP/1.1 200 OK\r\n");
            let mut rest = Vec::new();
            while !rest.ends_with(b"\r\n\r\nno") {
                rest.push(near.read_u8().await.unwrap());
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_too_much_to_skip_ends_the_connection() {
        let (said, after) = said_to("POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n").await;
        assert!(said.starts_with("HTTP/1.1 404 ") && said.contains("connection: close"), "{said}");
        assert!(after < Duration::from_secs(1), "{after:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_never_ends_is_given_up() {
        for (begin, says) in [
            ("", ""),
            ("POST / HTTP/1.1\r\nX: ", ""),
            ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhell", "HTTP/1.1 408 "),
            ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", "HTTP/1.1 200 "),
        ] {
            let (said, after) = said_to(begin).await;
            assert!(said.starts_with(says) && said.is_empty() == says.is_empty(), "{begin:?}: {said:?}");
            assert!((29..=31).contains(&after.as_secs()), "{begin:?}: {after:?}");
        }
    }
}
