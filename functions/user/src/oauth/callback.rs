//! `/oauth2/idpresponse`: a browser comes back from a provider, with a query (GET) or a form (POST).

use axum::extract::State;
use http::{HeaderMap, StatusCode, header};
use schemars::JsonSchema;
use serde::Deserialize;
use shared::oauth::federate::{self, Back};
use web::{App, Form, Public, Query, extract::form::with_query};

use super::{
    page::{self, Page},
    refusal,
};

/// What the provider says (RFC 6749 §4.1.2, RFC 9207).
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Answer {
    state: Option<String>,
    code: Option<String>,
    error: Option<String>,
    iss: Option<String>,
}

/// On to the client with a code.
pub async fn get(_: Public, State(app): State<App>, headers: HeaderMap, Query(answer): Query<Answer>) -> Page {
    let Answer { state, code, error, iss } = &answer;
    let back = Back { state: state.as_deref(), code: code.as_deref(), error: error.as_deref(), issuer: iss.as_deref() };
    let cookie = back.state.and_then(|state| cookie(&headers, &federate::cookie(state)));
    Page(match federate::finish(&app.ports, back, cookie).await {
        Ok(to) => page::go(StatusCode::FOUND, &to),
        Err(refused) => refusal::in_browser(refused),
    })
}

/// A form from another site brings no cookie along, but the GET that it is turned into does.
pub async fn post(_: Public, Form(answer): Form<Answer>) -> Page {
    let Answer { state, code, error, iss } = &answer;
    let params = [("state", state), ("code", code), ("error", error), ("iss", iss)];
    let params = params.map(|(name, value)| (name, value.as_deref()));
    Page(page::go(StatusCode::SEE_OTHER, &with_query(federate::CALLBACK, params)))
}

fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let pairs = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok()).flat_map(|text| text.split(';'));
    pairs.filter_map(|pair| pair.trim().split_once('=')).find(|(is, _)| *is == name).map(|(_, value)| value)
}
