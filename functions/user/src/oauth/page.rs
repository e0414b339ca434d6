//! The pages that people see. Plain HTML without scripts, in one answer: everything is escaped, nothing is
//! loaded, nobody may frame it, and its form goes nowhere but here and on to the client.

use std::sync::LazyLock;

use axum::response::{Html, IntoResponse, Response};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use ring::digest::{SHA256, digest};
use serde_json::json;
use shared::{
    Ports,
    oauth::{Request, authorize_path},
};
use web::openapi::{Operation, Output};

const STYLE: &str = "\
:root{color-scheme:light dark}\
*{box-sizing:border-box}\
body{margin:0;min-height:100vh;display:grid;place-items:center;padding:1rem;font:1rem/1.5 system-ui,sans-serif;background:Canvas;color:CanvasText}\
main{width:100%;max-width:22rem}\
h1{font-size:1.5rem;margin:0 0 .25rem}\
p{margin:0 0 1rem}\
label{display:block;font-weight:600;margin-top:1rem}\
input{width:100%;font:inherit;padding:.6rem;margin-top:.25rem;border:1px solid GrayText;border-radius:.4rem;background:Field;color:FieldText}\
button,.provider{display:block;width:100%;font:inherit;font-weight:600;text-align:center;text-decoration:none;padding:.7rem;margin-top:1rem;border-radius:.4rem;border:1px solid #0b57d0;cursor:pointer}\
button{background:#0b57d0;color:#fff}\
.provider{background:Canvas;color:LinkText;border-color:GrayText}\
.error{padding:.6rem;border:2px solid #c5221f;border-radius:.4rem}\
.or{text-align:center;margin:1.25rem 0 0}\
small{display:block;margin-top:1.5rem;overflow-wrap:anywhere}\
:focus-visible{outline:3px solid Highlight;outline-offset:2px}";

/// By which browsers know the style that they may use: no other, though something were injected.
static STYLE_HASH: LazyLock<String> = LazyLock::new(|| STANDARD.encode(digest(&SHA256, STYLE.as_bytes())));

/// A page, or a way on to another.
pub struct Page(pub(super) Response);

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        self.0
    }
}

impl Output for Page {
    fn describe(operation: &mut Operation) {
        for status in [StatusCode::FOUND, StatusCode::SEE_OTHER] {
            operation.answer_empty(status);
        }
        for status in [
            StatusCode::OK,
            StatusCode::BAD_REQUEST,
            StatusCode::FORBIDDEN,
            StatusCode::TOO_MANY_REQUESTS,
            StatusCode::INTERNAL_SERVER_ERROR,
            StatusCode::SERVICE_UNAVAILABLE,
        ] {
            operation.answer_as(status, "text/html", json!({ "type": "string", "description": "A page for people" }));
        }
    }
}

/// The login page for this request; with what went wrong the last time, and the name that was typed.
pub(super) fn login(ports: &Ports, request: &Request, status: StatusCode, error: Option<&str>, name: Option<&str>) -> Response {
    let body = html! {
        h1 { "Sign in" }
        p { "to continue to " strong { (request.client()) } }
        @if let Some(error) = error { p.error role="alert" { (error) } }
        form method="post" action="/authorize" {
            @for (field, value) in request.params() { input type="hidden" name=(field) value=(value); }
            label for="user_name" { "E-mail address" }
            input #user_name name="user_name" type="email" autocomplete="username" autocapitalize="none" spellcheck="false"
                value=(name.unwrap_or_default()) required autofocus[name.is_none()];
            label for="password" { "Password" }
            input #password name="password" type="password" autocomplete="current-password" required autofocus[name.is_some()];
            button type="submit" { "Sign in" }
        }
        @if ports.providers.iter().next().is_some() { p.or { "or" } }
        @for named in ports.providers.iter() {
            a.provider href=(authorize_path(ports, request, &named.name)) { "Continue with " (named.label) }
        }
        small { "You will go back to " (place(request.redirect())) }
    };
    // Browsers apply form-action also to where the answer to the form sends them.
    respond(status, &format!("'self' {}", place(request.redirect())), &document("Sign in", &body))
}

/// The end of the way: what is wrong.
pub(super) fn stop(status: StatusCode, what: &str) -> Response {
    let body = html! {
        h1 { "This did not work" }
        p.error role="alert" { (what) }
        p { "Go back to the app that brought you here and start again." }
    };
    respond(status, "'none'", &document("This did not work", &body))
}

/// Elsewhere, and nothing of this is kept.
pub(super) fn go(status: StatusCode, to: &str) -> Response {
    match HeaderValue::from_str(to) {
        Ok(to) => (status, [(header::LOCATION, to)], kept_from_others()).into_response(),
        Err(_) => stop(StatusCode::BAD_REQUEST, "the address to go back to is not valid"),
    }
}

/// Scheme and host of a URI; of an app's own scheme, or with an address that policies can't name, that alone.
fn place(uri: &str) -> String {
    let (scheme, rest) = uri.split_once(':').unwrap_or((uri, ""));
    match rest.strip_prefix("//") {
        Some(rest) if (scheme == "https" || scheme == "http") && !rest.starts_with('[') => {
            format!("{scheme}://{}", rest.split(['/', '?']).next().unwrap_or_default())
        }
        _ => format!("{scheme}:"),
    }
}

fn document(title: &str, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="robots" content="noindex";
                title { (title) " - Raincloud" }
                style { (PreEscaped(STYLE)) }
            }
            body { main { (body) } }
        }
    }
}

fn respond(status: StatusCode, form_action: &str, document: &Markup) -> Response {
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{}'; form-action {form_action}; frame-ancestors 'none'; base-uri 'none'",
        *STYLE_HASH
    );
    let mut headers = kept_from_others();
    // A redirect address is checked to hold nothing that ends a directive.
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    (status, headers, Html(document.0.clone())).into_response()
}

/// Not stored, not framed, and not told to other sites: the address holds what belongs to one sign-in.
fn kept_from_others() -> HeaderMap {
    let headers: [(HeaderName, &str); 3] =
        [(header::CACHE_CONTROL, "no-store"), (header::X_FRAME_OPTIONS, "DENY"), (header::REFERRER_POLICY, "same-origin")];
    headers.into_iter().map(|(name, value)| (name, HeaderValue::from_static(value))).collect()
}

#[cfg(test)]
mod tests {
    use super::place;

    #[test]
    fn a_place_is_what_a_policy_can_name() {
        for (uri, is) in [
            ("http://localhost:9/x?y=https://z", "http://localhost:9"),
            ("https://app.example.com?x", "https://app.example.com"),
            ("rainmaker://com.espressif.novahome/success", "rainmaker:"),
            ("com.example.app:/x", "com.example.app:"),
            ("http://[::1]:9/", "http:"),
        ] {
            assert_eq!(place(uri), is);
        }
    }
}
