//! What a function counts on AWS, as lines of its log that `CloudWatch` makes metrics of (embedded metric
//! format), so that counting costs no call.
//!
//! Metrics cost by the number of their dimensions' values, so only the function and the class of the
//! status are dimensions; the route is in the line, for queries of the log.

use std::{
    env, io,
    io::Write as _,
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::Response,
};
use serde_json::{Value, json};

/// Where a function's metrics are found.
const NAMESPACE: &str = "Raincloud";

/// Counts for one function.
#[derive(Clone)]
pub struct Metrics(Arc<str>);

impl Metrics {
    /// For the function that this process is.
    pub fn from_env() -> Self {
        Self(env::var("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_default().into())
    }

    /// Counts what became of events, one invocation's.
    pub fn events(&self, handled: usize, failed: usize) {
        write(&self.line(
            &json!(["Function"]),
            &json!([{ "Name": "Handled", "Unit": "Count" }, { "Name": "Failed", "Unit": "Count" }]),
            json!({ "Handled": handled, "Failed": failed }),
        ));
    }

    fn request(&self, route: &str, status: u16, took: Duration) -> Value {
        self.line(
            &json!(["Function", "Status"]),
            &json!([{ "Name": "Requests", "Unit": "Count" }, { "Name": "Latency", "Unit": "Milliseconds" }]),
            json!({ "Status": format!("{}xx", status / 100), "Requests": 1, "Latency": took.as_secs_f64() * 1000.0, "Route": route }),
        )
    }

    fn line(&self, dimensions: &Value, metrics: &Value, mut values: Value) -> Value {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        values["Function"] = (*self.0).into();
        values["_aws"] = json!({
            "Timestamp": u64::try_from(now.as_millis()).unwrap_or_default(),
            "CloudWatchMetrics": [{ "Namespace": NAMESPACE, "Dimensions": [dimensions], "Metrics": metrics }],
        });
        values
    }
}

/// Counts a request: a layer around a router.
pub(super) async fn measured(State(metrics): State<Metrics>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str);
    let route = format!("{} {route}", request.method());
    let response = next.run(request).await;
    write(&metrics.request(&route, response.status().as_u16(), began.elapsed()));
    response
}

/// A line that can't be written is not worth an answer.
fn write(line: &Value) {
    let _ = writeln!(io::stdout().lock(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_and_dimension_that_a_line_names_is_in_it() {
        let metrics = Metrics("raincloud-dev-user-api".into());
        let line = metrics.request("GET /v1/user2", 404, Duration::from_micros(1500));
        assert_eq!((&line["Status"], &line["Latency"], &line["Requests"]), (&json!("4xx"), &json!(1.5), &json!(1)));
        let named = &line["_aws"]["CloudWatchMetrics"][0];
        for dimension in named["Dimensions"][0].as_array().unwrap() {
            assert!(line[dimension.as_str().unwrap()].is_string(), "{dimension}");
        }
        for metric in named["Metrics"].as_array().unwrap() {
            assert!(line[metric["Name"].as_str().unwrap()].is_number(), "{metric}");
        }
        assert!(line["_aws"]["Timestamp"].as_u64().unwrap() > 1_700_000_000_000);
    }
}
