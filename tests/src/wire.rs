//! The way to `DynamoDB`, on which requests are counted and troubles happen.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use aws_smithy_http_client::Builder;
use aws_smithy_runtime_api::{
    client::{
        http::{HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector},
        orchestrator::{HttpRequest, HttpResponse},
        result::ConnectorError,
        runtime_components::RuntimeComponents,
    },
    http::StatusCode,
};
use aws_smithy_types::body::SdkBody;
use serde_json::{Value, json};

/// What befalls one request.
#[derive(Clone, Copy, Debug)]
pub enum Trouble {
    /// It is done, but the answer gets lost.
    AnswerLost,
    /// It is refused with this error.
    Refused(&'static str),
    /// Its keys are left unprocessed.
    Unprocessed,
}

/// The way, on which nothing happens unless it is expected. Clones are the same one.
#[derive(Clone, Debug)]
pub struct Wire {
    inner: SharedHttpClient,
    sent: Arc<Mutex<Vec<String>>>,
    troubles: Arc<Mutex<VecDeque<Trouble>>>,
}

impl Default for Wire {
    fn default() -> Self {
        Self { inner: Builder::new().build_http(), sent: Arc::default(), troubles: Arc::default() }
    }
}

impl Wire {
    /// What was asked since the last time, such as `GetItem`.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.sent.lock().unwrap())
    }

    /// What befalls the next requests, one after the other.
    pub fn expect(&self, troubles: &[Trouble]) {
        *self.troubles.lock().unwrap() = troubles.iter().copied().collect();
    }
}

impl HttpClient for Wire {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(Connector { inner: self.inner.http_connector(settings, components), wire: self.clone() })
    }
}

#[derive(Debug)]
struct Connector {
    inner: SharedHttpConnector,
    wire: Wire,
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap().split('.').next_back().unwrap().to_owned();
        self.wire.sent.lock().unwrap().push(target);
        let body: Value = serde_json::from_slice(request.body().bytes().unwrap()).unwrap();
        match self.wire.troubles.lock().unwrap().pop_front() {
            None => self.inner.call(request),
            Some(Trouble::AnswerLost) => {
                let answer = self.inner.call(request);
                HttpConnectorFuture::new(async move {
                    answer.await?;
                    Err(ConnectorError::io("the connection broke".into()))
                })
            }
            Some(Trouble::Refused(code)) => answer(400, &json!({ "__type": code, "message": "not now" })),
            Some(Trouble::Unprocessed) => answer(200, &json!({ "Responses": {}, "UnprocessedKeys": body["RequestItems"] })),
        }
    }
}

fn answer(status: u16, body: &Value) -> HttpConnectorFuture {
    let answer = HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::from(body.to_string()));
    HttpConnectorFuture::ready(Ok(answer))
}
