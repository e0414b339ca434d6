//! `GET /authorize` (and `/oauth2/authorize`): a client sends a browser; `POST`: the user signs in with a
//! password; `GET /login`: the command line sends a browser, and says no more than its port. Contract
//! `clients.md` A2, `rest-3.md`; a refusal is a page, or goes back to the client in the words of RFC 6749.

use axum::{extract::State, response::Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use shared::{
    Ports,
    oauth::{
        Fault, PublicUrl, Refused, Request, authorize,
        federate::{self, AWAY_SECONDS, CALLBACK, Leaving},
        request::Asked,
    },
    user::name::UserName,
};
use web::{App, Attempt, Failure, Form, Public, Query};

use super::{page, refusal};

/// The login page, or straight on to a provider.
pub async fn get(attempt: Attempt, State(app): State<App>, query: Query) -> Response {
    let request = match Request::check(&app.ports.rules.oauth, &asked(&query)) {
        Ok(request) => request,
        Err(refused) => return refusal::in_browser(refused),
    };
    let Some(provider) = query.get("identity_provider").filter(|name| !name.eq_ignore_ascii_case("COGNITO")) else {
        return page::login(&app.ports, &request, StatusCode::OK, None, query.get("login_hint"));
    };
    // Each such request is remembered for a while, so an address has only so many.
    if let Err(failure) = attempt.take() {
        return refusal::told(&failure);
    }
    match federate::begin(&app.ports, request, provider).await {
        Ok(leaving) => leave(&app.ports, &leaving),
        Err(refused) => refusal::in_browser(refused),
    }
}

/// The login page of a command line that listens on `port`.
pub async fn login(_: Public, State(app): State<App>, query: Query) -> Response {
    match Request::of_port(&app.ports.rules.oauth, query.get("client_id"), query.get("port")) {
        Ok(request) => page::login(&app.ports, &request, StatusCode::OK, None, None),
        Err(refused) => refusal::in_browser(refused),
    }
}

/// The login page's form: back to the client with a code, or the page once more.
pub async fn post(attempt: Attempt, State(app): State<App>, headers: HeaderMap, Form(form): Form) -> Response {
    if !is_from_here(&app.ports, &headers) {
        return page::stop(StatusCode::FORBIDDEN, "This form was sent from another site.");
    }
    let request = match Request::check(&app.ports.rules.oauth, &asked(&form)) {
        Ok(request) => request,
        Err(refused) => return refusal::in_browser(refused),
    };
    let typed = form.get("user_name");
    let again = |failure: Failure| page::login(&app.ports, &request, failure.status(), Some(failure.description()), typed);
    if let Err(failure) = attempt.take() {
        return again(failure);
    }
    let name: UserName = match typed.unwrap_or_default().parse() {
        Ok(name) => name,
        Err(refusal) => return again(Failure::from(refusal)),
    };
    match authorize::with_password(&app.ports, &request, &name, form.get("password").unwrap_or_default()).await {
        Ok(to) => page::go(StatusCode::SEE_OTHER, &to),
        Err(Refused::Domain(error)) => again(error.into()),
        Err(refused) => refusal::in_browser(refused),
    }
}

fn asked(params: &Query) -> Asked<'_> {
    Asked {
        client: params.get("client_id"),
        redirect: params.get("redirect_uri"),
        response_type: params.get("response_type"),
        response_mode: params.get("response_mode"),
        state: params.get("state"),
        nonce: params.get("nonce"),
        challenge: params.get("code_challenge"),
        challenge_method: params.get("code_challenge_method"),
        prompt: params.get("prompt"),
        by_object: params.get("request").or(params.get("request_uri")).is_some(),
    }
}

/// Nobody signs a user in as somebody else by a form on another site. Browsers say where a form comes from;
/// a program that says nothing has no user to deceive.
fn is_from_here(ports: &Ports, headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).map(|value: &HeaderValue| value.to_str().unwrap_or_default());
    if let Some(site) = text(header::HeaderName::from_static("sec-fetch-site")) {
        // "none" is the user, who sends the form once more.
        return site == "same-origin" || site == "none";
    }
    let Some(origin) = text(header::ORIGIN) else { return true };
    let public = ports.rules.oauth.public_url.as_ref().is_some_and(|url| url.as_str() == origin);
    let host = origin.split_once("://").map(|(_, host)| host);
    public || (host.is_some() && host == text(header::HOST))
}

/// To the provider, with the cookie by which this browser is known when it comes back.
fn leave(ports: &Ports, leaving: &Leaving) -> Response {
    let secure = if ports.rules.oauth.public_url.as_ref().is_some_and(PublicUrl::is_secure) { "; Secure" } else { "" };
    let cookie = format!("{}={}; Max-Age={AWAY_SECONDS}; Path={CALLBACK}; HttpOnly; SameSite=Lax{secure}", leaving.cookie, leaving.value);
    let mut response = page::go(StatusCode::FOUND, &leaving.to);
    match HeaderValue::from_str(&cookie) {
        Ok(cookie) => response.headers_mut().insert(header::SET_COOKIE, cookie),
        Err(_) => return refusal::in_browser(Fault::NotBegunHere.into()),
    };
    response
}
