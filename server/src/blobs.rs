//! The routes of signed URLs of blobs. Whoever has one needs nothing else: what the URL allows stands in its signature.
//!
//! What goes and comes passes through in small parts, whatever its size.

use std::{io::SeekFrom, ops::Range, sync::Arc};

use axum::{
    Router,
    body::{Body, HttpBody as _},
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::get,
};
use embedded::files::{Files, Granted, Link, PATH};
use http_body_util::BodyExt as _;
use shared::port::blobs::BlobError;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use tokio_util::io::ReaderStream;
use web::Failure;

use crate::front::Deadline;

/// Bytes that are read of a file at a time.
const BUFFER: usize = 64 * 1024;

type Result<T> = std::result::Result<T, Failure>;

/// The routes.
pub fn router(files: Arc<Files>) -> Router {
    Router::new().route(&format!("{PATH}{{*name}}"), get(download).put(upload)).with_state(files)
}

async fn upload(State(files): State<Arc<Files>>, request: Request) -> Result<StatusCode> {
    let Granted { name, most } = granted(&files, Link::Upload, &request)?;
    let deadline = request.extensions().get::<Deadline>().cloned();
    let mut body = request.into_body();
    if body.size_hint().lower() > most {
        return Err(too_large(most));
    }
    let mut incoming = files.receive(&name).await.map_err(failed)?;
    let mut came = 0;
    while let Some(frame) = body.frame().await {
        let broken = |_| Failure::new(StatusCode::BAD_REQUEST, 100_006, "the upload did not come to its end");
        let Ok(content) = frame.map_err(broken)?.into_data() else { continue };
        came += content.len() as u64;
        if came > most {
            return Err(too_large(most));
        }
        if let Some(deadline) = &deadline {
            deadline.extend(content.len());
        }
        incoming.write(&content).await.map_err(failed)?;
    }
    incoming.finish().await.map_err(failed)?;
    tracing::debug!(%name, bytes = came, "a blob was uploaded");
    Ok(StatusCode::OK)
}

async fn download(State(files): State<Arc<Files>>, request: Request) -> Result<Response> {
    let Granted { name, .. } = granted(&files, Link::Download, &request)?;
    let (mut file, bytes) = files.open(&name).await.map_err(failed)?;
    let asked = range(request.headers(), bytes).filter(|_| request.method() == Method::GET);
    let status = if asked.is_some() { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
    let range = asked.unwrap_or(0..bytes);
    if status == StatusCode::PARTIAL_CONTENT && range.is_empty() {
        let failure = Failure::new(StatusCode::RANGE_NOT_SATISFIABLE, 100_012, "there is nothing in this range");
        return Ok(([(header::CONTENT_RANGE, format!("bytes */{bytes}"))], failure).into_response());
    }
    file.seek(SeekFrom::Start(range.start)).await.map_err(|error| failed(BlobError::Engine(error.into())))?;
    let length = range.end - range.start;
    let body = Body::from_stream(ReaderStream::with_capacity(file.take(length), BUFFER));
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::CONTENT_LENGTH, length.into());
    if status == StatusCode::PARTIAL_CONTENT {
        let range = HeaderValue::try_from(format!("bytes {}-{}/{bytes}", range.start, range.end - 1));
        headers.extend(range.into_iter().map(|range| (header::CONTENT_RANGE, range)));
    }
    Ok(response)
}

fn granted(files: &Files, link: Link, request: &Request) -> Result<Granted> {
    // A name has nothing that is escaped in a URL.
    let name = request.uri().path().strip_prefix(PATH).unwrap_or_default();
    let granted = files.check(link, name, request.uri().query().unwrap_or_default());
    granted.ok_or_else(|| Failure::new(StatusCode::FORBIDDEN, 100_004, "the link is not valid, or it has expired"))
}

/// The one range that is asked for: empty, if there is nothing in it. More of them, and what is not understood, is as if
/// nothing was said; so too a range of what the blob was before (`If-Range`), which nobody here can tell.
fn range(headers: &HeaderMap, bytes: u64) -> Option<Range<u64>> {
    if headers.contains_key(header::IF_RANGE) {
        return None;
    }
    let (first, last) = headers.get(header::RANGE)?.to_str().ok()?.strip_prefix("bytes=")?.split_once('-')?;
    let number = |text: &str| text.parse::<u64>().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()));
    match (first, last) {
        ("", last) => Some(bytes.saturating_sub(number(last)?)..bytes),
        (first, "") => Some(number(first)?..bytes),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then(|| first..last.saturating_add(1).min(bytes))
        }
    }
}

fn too_large(most: u64) -> Failure {
    Failure::new(StatusCode::PAYLOAD_TOO_LARGE, 100_036, format!("at most {most} bytes may be uploaded here"))
}

fn failed(error: BlobError) -> Failure {
    match error {
        BlobError::Missing => Failure::new(StatusCode::NOT_FOUND, 100_012, "there is no such file"),
        error => shared::Error::from(error).into(),
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use axum::body::Bytes;
    use embedded::files::KEY;
    use shared::port::{
        blobs::{
            Blobs,
            contract::{Answer, Call, Harness, signed},
        },
        clock::Clock as _,
        table::contract::TestClock,
    };
    use tempfile::TempDir;
    use tower::ServiceExt as _;

    use super::*;

    struct Setup {
        files: Arc<Files>,
        clock: Arc<TestClock>,
        folder: TempDir,
    }

    impl Setup {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let clock = Arc::new(TestClock::default());
            clock.set(1_795_262_400_000);
            let base = Some("http://test".to_owned());
            let files = Arc::new(Files::new(folder.path().to_owned(), &[7; KEY], base, clock.clone()));
            Self { files, clock, folder }
        }

        async fn respond(&self, method: &str, url: &str, headers: &[(&str, &str)], body: Body) -> Response {
            let mut request = Request::builder().method(method).uri(url.strip_prefix("http://test").unwrap());
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            web::door::finish(router(Arc::clone(&self.files))).oneshot(request.body(body).unwrap()).await.unwrap()
        }

        fn names(&self) -> usize {
            std::fs::read_dir(self.folder.path()).unwrap().count()
        }
    }

    #[async_trait]
    impl Harness for Setup {
        fn blobs(&self) -> &dyn Blobs {
            &*self.files
        }

        async fn send(&self, Call { method, url, headers, content }: Call<'_>) -> Answer {
            let response = self.respond(method, url, headers, Bytes::copy_from_slice(content).into()).await;
            let range = response.headers().get(header::CONTENT_RANGE).map(|range| range.to_str().unwrap().to_owned());
            let status = response.status().as_u16();
            Answer { status, range, content: response.into_body().collect().await.unwrap().to_bytes().into() }
        }

        async fn pass(&self, seconds: u32) {
            self.clock.set(self.clock.now_ms() + i64::from(seconds) * 1000);
        }
    }

    #[tokio::test]
    async fn the_urls_keep_the_contract() {
        signed(&Setup::new()).await;
    }

    #[tokio::test]
    async fn what_is_refused_is_json_and_a_head_has_no_body() {
        let setup = Setup::new();
        let name = "image/a".parse().unwrap();
        let url = setup.files.download_url(&name, 60).await.unwrap();
        setup.files.put(&name, "0123456789".into()).await.unwrap();
        for (method, url, headers, status, code) in [
            ("GET", "http://test/blobs/image/a", &[][..], 403, 100_004),
            ("GET", "http://test/blobs/../raincloud.db?expires=9&most=0&signature=x", &[], 403, 100_004),
            ("PUT", &url, &[], 403, 100_004),
            ("POST", &url, &[], 405, 100_003),
            ("GET", &url, &[("range", "bytes=10-")], 416, 100_012),
            ("GET", &setup.files.download_url(&"none".parse().unwrap(), 60).await.unwrap(), &[], 404, 100_012),
        ] {
            let response = setup.respond(method, url, headers, Body::empty()).await;
            assert_eq!(response.status(), status, "{method} {url}");
            let body = response.into_body().collect().await.unwrap().to_bytes();
            let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
            assert_eq!((&body["status"], &body["error_code"]), (&"failure".into(), &code.into()));
        }
        let head = setup.respond("HEAD", &url, &[("range", "bytes=1-2")], Body::empty()).await;
        assert_eq!((head.status(), &head.headers()["content-length"]), (StatusCode::OK, &"10".parse::<HeaderValue>().unwrap()));
        assert!(head.into_body().collect().await.unwrap().to_bytes().is_empty());
    }

    /// A body without its length, which breaks off if it is told so.
    fn chunks(count: usize, breaks: bool) -> Body {
        let last = breaks.then(|| Err(std::io::Error::other("the client has gone")));
        let chunks = std::iter::repeat_n("x".repeat(1000), count).map(Ok).chain(last);
        Body::from_stream(futures_util::stream::iter(chunks))
    }

    #[tokio::test]
    async fn an_upload_without_a_length_is_held_to_its_limit_and_to_its_end() {
        let setup = Setup::new();
        let name = "image/a".parse().unwrap();
        let url = setup.files.upload_url(&name, 60, 5000).await.unwrap();
        for (count, breaks, status) in [(6, false, 413), (3, true, 400)] {
            assert_eq!(setup.respond("PUT", &url, &[], chunks(count, breaks)).await.status(), status);
            assert_eq!(setup.names(), 0, "nothing is kept");
        }
        assert_eq!(setup.respond("PUT", &url, &[], chunks(5, false)).await.status(), 200);
        assert_eq!(setup.files.head(&name).await.unwrap(), Some(5000));
        assert_eq!(setup.names(), 1);
    }

    #[test]
    fn ranges_are_single_and_what_is_not_understood_is_the_whole() {
        let headers = |text: &str| [(header::RANGE, text.parse().unwrap())].into_iter().collect::<HeaderMap>();
        let asked = |text: &str| range(&headers(text), 10);
        for (text, is) in [("bytes=0-", 0..10), ("bytes=3-3", 3..4), ("bytes=3-18446744073709551615", 3..10), ("bytes=-4", 6..10)] {
            assert_eq!(asked(text), Some(is), "{text}");
        }
        for beyond in ["bytes=10-", "bytes=10-12", "bytes=-0"] {
            assert!(asked(beyond).unwrap().is_empty(), "{beyond}");
        }
        for strange in
            ["bytes=0-1,4-5", "bytes=5-4", "bytes=-", "bytes=a-", "bytes=+1-2", "items=0-1", "0-1", "bytes=99999999999999999999-"]
        {
            assert_eq!(asked(strange), None, "{strange}");
        }
        let mut headers = headers("bytes=0-1");
        headers.insert(header::IF_RANGE, "\"before\"".parse().unwrap());
        assert_eq!(range(&headers, 10), None);
    }
}
