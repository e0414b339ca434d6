//! A Lambda Runtime API on loopback: hands events to a function's process and takes its answers.

use std::{
    process::{Child, Command},
    sync::Arc,
};

use axum::{
    Router,
    body::Bytes,
    extract::{Path, State},
    response::IntoResponse,
    routing,
};
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    sync::{Mutex, mpsc},
};

use crate::Call;

/// A function's process with its Runtime API.
pub struct Function {
    child: Child,
    events: mpsc::Sender<Value>,
    answers: mpsc::Receiver<(bool, Value)>,
}

#[derive(Clone)]
struct Api {
    events: Arc<Mutex<mpsc::Receiver<Value>>>,
    answers: mpsc::Sender<(bool, Value)>,
}

impl Function {
    /// Starts the program with these variables and waits for nothing: it asks when it is ready.
    pub async fn start(program: &str, variables: &[(String, String)]) -> Self {
        let (events, receiver) = mpsc::channel(1);
        let (sender, answers) = mpsc::channel(1);
        let api = Api { events: Arc::new(Mutex::new(receiver)), answers: sender };
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", routing::get(next))
            .route("/2018-06-01/runtime/invocation/{id}/{outcome}", routing::post(answer))
            .with_state(api);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move { axum::serve(listener, router).await });
        let child = Command::new(program)
            .env("AWS_LAMBDA_RUNTIME_API", address)
            .env("AWS_LAMBDA_FUNCTION_NAME", "function")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
            .env("AWS_LAMBDA_LOG_STREAM_NAME", "stream")
            .env("AWS_LAMBDA_LOG_GROUP_NAME", "group")
            .envs(variables.iter().cloned())
            .spawn()
            .unwrap();
        Self { child, events, answers }
    }

    /// Invokes the function; `Err` holds what it reports as its failure.
    pub async fn invoke(&mut self, event: Value) -> Result<Value, Value> {
        self.events.send(event).await.unwrap();
        let (succeeded, answer) = self.answers.recv().await.unwrap();
        if succeeded { Ok(answer) } else { Err(answer) }
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        // It has ended already if this fails.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The event of a GET, as API Gateway's HTTP API sends it.
pub fn get(uri: &str) -> Value {
    request(&Call::get(uri), &json!({}))
}

/// The event of a request with these headers.
pub fn request(call: &Call, headers: &Value) -> Value {
    let (path, query) = call.uri.split_once('?').unwrap_or((&call.uri, ""));
    json!({
        "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": query, "headers": headers,
        "requestContext": {
            "accountId": "000000000000", "apiId": "api", "domainName": "api.test", "domainPrefix": "api", "requestId": "r",
            "routeKey": "$default", "stage": "$default", "time": "21/Nov/2026:00:00:00 +0000", "timeEpoch": 1_790_000_000_000_i64,
            "http": { "method": call.method.as_str(), "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "test" },
        },
        "body": call.body, "isBase64Encoded": false,
    })
}

async fn next(State(api): State<Api>) -> impl IntoResponse {
    let event = api.events.lock().await.recv().await.unwrap();
    let headers = [
        ("lambda-runtime-aws-request-id", "request"),
        ("lambda-runtime-deadline-ms", "4102444800000"),
        ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:eu-west-1:000000000000:function:function"),
    ];
    (headers, event.to_string())
}

async fn answer(State(api): State<Api>, Path((_, outcome)): Path<(String, String)>, body: Bytes) {
    let answer = serde_json::from_slice(&body).unwrap_or(Value::Null);
    api.answers.send((outcome == "response", answer)).await.unwrap();
}

/// A sample of what calls functions, from `events/`.
pub fn sample(name: &str) -> Value {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../events").join(name);
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}
