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

use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    page::{self, Page},
    refusal,
};

/// What a client asks for by a browser (RFC 6749 §4.1.1, RFC 7636, OpenID Connect Core §3.1.2.1).
#[derive(Debug, Default, Deserialize, JsonSchema)]
pub struct Authorize {
    client_id: Option<String>,
    redirect_uri: Option<String>,
    response_type: Option<String>,
    response_mode: Option<String>,
    state: Option<String>,
    nonce: Option<String>,
    code_challenge: Option<String>,
    code_challenge_method: Option<String>,
    prompt: Option<String>,
    request: Option<String>,
    request_uri: Option<String>,
    /// Straight on to this provider.
    identity_provider: Option<String>,
    /// The name to begin with.
    login_hint: Option<String>,
}

/// What the command line says.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Login {
    client_id: Option<String>,
    /// The port on which it listens.
    port: Option<String>,
}

/// The login page's form.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Submitted {
    #[serde(flatten)]
    asked: Authorize,
    user_name: Option<String>,
    password: Option<String>,
}

/// The login page, or straight on to a provider.
pub async fn get(attempt: Attempt, State(app): State<App>, Query(query): Query<Authorize>) -> Page {
    Page(begin(&attempt, &app, &query).await)
}

async fn begin(attempt: &Attempt, app: &App, query: &Authorize) -> Response {
    let request = match Request::check(&app.ports.rules.oauth, &query.asked()) {
        Ok(request) => request,
        Err(refused) => return refusal::in_browser(refused),
    };
    let Some(provider) = query.identity_provider.as_deref().filter(|name| !name.eq_ignore_ascii_case("COGNITO")) else {
        return page::login(&app.ports, &request, StatusCode::OK, None, query.login_hint.as_deref());
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
pub async fn login(_: Public, State(app): State<App>, Query(query): Query<Login>) -> Page {
    Page(match Request::of_port(&app.ports.rules.oauth, query.client_id.as_deref(), query.port.as_deref()) {
        Ok(request) => page::login(&app.ports, &request, StatusCode::OK, None, None),
        Err(refused) => refusal::in_browser(refused),
    })
}

/// The login page's form: back to the client with a code, or the page once more.
pub async fn post(attempt: Attempt, State(app): State<App>, headers: HeaderMap, Form(form): Form<Submitted>) -> Page {
    Page(submit(&attempt, &app, &headers, &form).await)
}

async fn submit(attempt: &Attempt, app: &App, headers: &HeaderMap, form: &Submitted) -> Response {
    if !is_from_here(&app.ports, headers) {
        return page::stop(StatusCode::FORBIDDEN, "This form was sent from another site.");
    }
    let request = match Request::check(&app.ports.rules.oauth, &form.asked.asked()) {
        Ok(request) => request,
        Err(refused) => return refusal::in_browser(refused),
    };
    let typed = form.user_name.as_deref();
    let again = |failure: Failure| page::login(&app.ports, &request, failure.status(), Some(failure.description()), typed);
    if let Err(failure) = attempt.take() {
        return again(failure);
    }
    let name: UserName = match typed.unwrap_or_default().parse() {
        Ok(name) => name,
        Err(refusal) => return again(Failure::from(refusal)),
    };
    match authorize::with_password(&app.ports, &request, &name, form.password.as_deref().unwrap_or_default()).await {
        Ok(to) => page::go(StatusCode::SEE_OTHER, &to),
        Err(Refused::Domain(error)) => again(error.into()),
        Err(refused) => refusal::in_browser(refused),
    }
}

impl Authorize {
    fn asked(&self) -> Asked<'_> {
        Asked {
            client: self.client_id.as_deref(),
            redirect: self.redirect_uri.as_deref(),
            response_type: self.response_type.as_deref(),
            response_mode: self.response_mode.as_deref(),
            state: self.state.as_deref(),
            nonce: self.nonce.as_deref(),
            challenge: self.code_challenge.as_deref(),
            challenge_method: self.code_challenge_method.as_deref(),
            prompt: self.prompt.as_deref(),
            by_object: self.request.is_some() || self.request_uri.is_some(),
        }
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
