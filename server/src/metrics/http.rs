//! Counts and times requests, and says each at the level `debug`.

use std::{borrow::Cow, sync::Arc, time::Instant};

use axum::{
    Router,
    extract::{MatchedPath, Request, State},
    http::Method,
    middleware::{Next, from_fn_with_state},
    response::Response,
};

use super::{Metrics, seconds};

/// The router with its requests counted.
pub fn measured(router: Router, metrics: Arc<Metrics>) -> Router {
    router.layer(from_fn_with_state(metrics, measure))
}

async fn measure(State(metrics): State<Arc<Metrics>>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map_or(Cow::Borrowed("other"), |path| path.as_str().to_owned().into());
    let mut answer = Answer { metrics, method: method(request.method()), route, began: Instant::now(), status: "dropped" };
    let response = next.run(request).await;
    answer.status = match response.status().as_u16() {
        100..200 => "1xx",
        200..300 => "2xx",
        300..400 => "3xx",
        400..500 => "4xx",
        _ => "5xx",
    };
    tracing::debug!(method = answer.method, route = &*answer.route, status = response.status().as_u16(), "answered");
    response
}

/// Counted when it is dropped, so also when the client has gone or the time was over.
struct Answer {
    metrics: Arc<Metrics>,
    method: &'static str,
    route: Cow<'static, str>,
    began: Instant,
    status: &'static str,
}

impl Drop for Answer {
    fn drop(&mut self) {
        let [route, method] = [("route", self.route.clone()), ("method", self.method.into())];
        self.metrics.http_request_seconds.get_or_create(&[route.clone(), method.clone()]).observe(seconds(self.began));
        self.metrics.http_requests.get_or_create(&[route, method, ("status", self.status.into())]).inc();
    }
}

/// A method that exists: clients may invent others.
fn method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, routing::get};
    use prometheus_client::encoding::EncodeMetric as _;
    use tower::ServiceExt as _;

    use super::*;

    #[tokio::test]
    async fn requests_are_counted_by_route_and_those_that_end_early_too() {
        let metrics = Arc::new(Metrics::default());
        let router = Router::new()
            .route("/nodes/{id}", get(async || "node"))
            .route("/never", get(async || std::future::pending::<()>().await))
            .fallback(async || axum::http::StatusCode::NOT_FOUND);
        let router = measured(router, Arc::clone(&metrics));
        let ask = |method: &'static str, path: &'static str| {
            router.clone().oneshot(Request::builder().method(method).uri(path).body(Body::empty()).unwrap())
        };
        for path in ["/nodes/a", "/nodes/b", "/x", "/y"] {
            ask("GET", path).await.unwrap();
        }
        ask("BREW", "/nodes/a").await.unwrap();
        assert!(tokio::time::timeout(std::time::Duration::from_millis(10), ask("GET", "/never")).await.is_err());
        let counted = |route: &'static str, method: &'static str, status: &'static str| {
            metrics.http_requests.get_or_create(&[("route", route.into()), ("method", method.into()), ("status", status.into())]).get()
        };
        assert_eq!(counted("/nodes/{id}", "GET", "2xx"), 2);
        assert_eq!(counted("/nodes/{id}", "other", "4xx"), 1);
        assert_eq!(counted("other", "GET", "4xx"), 2);
        assert_eq!(counted("/never", "GET", "dropped"), 1);
        assert!(!metrics.http_requests.is_empty());
    }
}
