//! Requests and answers, short to write.

use axum::{body::Body, extract::Request, response::Response};
use http::{Method, header};
use http_body_util::BodyExt as _;
use serde_json::Value;

/// A request to be.
#[derive(Clone, Debug)]
pub struct Call {
    /// The method.
    pub method: Method,
    /// Path and query.
    pub uri: String,
    /// The access token.
    pub token: Option<String>,
    /// The body.
    pub body: String,
}

impl Call {
    /// With this method.
    pub fn new(method: Method, uri: &str) -> Self {
        Self { method, uri: uri.to_owned(), token: None, body: String::new() }
    }

    /// A GET.
    pub fn get(uri: &str) -> Self {
        Self::new(Method::GET, uri)
    }

    /// A POST.
    pub fn post(uri: &str) -> Self {
        Self::new(Method::POST, uri)
    }

    /// A PUT.
    pub fn put(uri: &str) -> Self {
        Self::new(Method::PUT, uri)
    }

    /// A DELETE.
    pub fn delete(uri: &str) -> Self {
        Self::new(Method::DELETE, uri)
    }

    /// With this access token.
    #[must_use]
    pub fn by(mut self, token: &str) -> Self {
        self.token = Some(token.to_owned());
        self
    }

    /// With this body.
    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        self.text(&body.to_string())
    }

    /// With this body.
    #[must_use]
    pub fn text(mut self, body: &str) -> Self {
        body.clone_into(&mut self.body);
        self
    }

    /// As a request.
    pub fn into_request(self) -> Request {
        let mut request = Request::builder().method(self.method).uri(self.uri).header(header::CONTENT_TYPE, "text/plain;charset=UTF-8");
        if let Some(token) = self.token {
            request = request.header(header::AUTHORIZATION, token);
        }
        request.body(Body::from(self.body)).unwrap()
    }
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body, as text.
    pub body: String,
}

impl Answer {
    /// Reads a response.
    pub async fn of(response: Response) -> Self {
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        Self { status, body: String::from_utf8(body.to_vec()).unwrap() }
    }

    /// The body as JSON; `null` if there is none.
    pub fn json(&self) -> Value {
        if self.body.is_empty() { Value::Null } else { serde_json::from_str(&self.body).expect(&self.body) }
    }

    /// The body, if the status is this.
    #[track_caller]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.body);
        self.json()
    }

    /// Asserts a failure of the contract's shape with this status and number.
    #[track_caller]
    pub fn expect_failure(&self, status: u16, code: u64) -> String {
        let body = self.expect(status);
        assert_eq!((body["status"].as_str(), body["error_code"].as_u64()), (Some("failure"), Some(code)), "{body}");
        body["description"].as_str().unwrap().to_owned()
    }
}
