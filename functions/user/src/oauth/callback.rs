//! `/oauth2/idpresponse`: a browser comes back from a provider, with a query (GET) or a form (POST).

use axum::{extract::State, response::Response};
use http::{HeaderMap, StatusCode, header};
use shared::oauth::federate::{self, Back};
use web::{App, Form, Public, Query};

use super::{page, refusal};

const PARAMS: [&str; 4] = ["state", "code", "error", "iss"];

/// On to the client with a code.
pub async fn get(_: Public, State(app): State<App>, headers: HeaderMap, query: Query) -> Response {
    let back = Back { state: query.get("state"), code: query.get("code"), error: query.get("error"), issuer: query.get("iss") };
    let cookie = back.state.and_then(|state| cookie(&headers, &federate::cookie(state)));
    match federate::finish(&app.ports, back, cookie).await {
        Ok(to) => page::go(StatusCode::FOUND, &to),
        Err(refused) => refusal::in_browser(refused),
    }
}

/// A form from another site brings no cookie along, but the GET that it is turned into does.
pub async fn post(_: Public, Form(form): Form) -> Response {
    page::go(StatusCode::SEE_OTHER, &form.path(federate::CALLBACK, &PARAMS))
}

fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let pairs = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok()).flat_map(|text| text.split(';'));
    pairs.filter_map(|pair| pair.trim().split_once('=')).find(|(is, _)| *is == name).map(|(_, value)| value)
}
