//! `POST /token` and `/oauth2/token` (contract `clients.md` A2, D15; `rest-3.md`): parameters in the body or
//! in the query, the client by Basic, by parameters, or public. Refusals in the form of RFC 6749 §5.2.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shared::{
    oauth::{Client, Fault, Result, token},
    port::identity::Tokens,
};
use web::{
    App, Form, Public, Query,
    extract::form::decode,
    openapi::{Operation, Output},
};

use super::refusal::{self, RefusalBody};

/// Seconds for which access tokens are good (the port `Identity` gives none that last longer).
const SECONDS: i64 = 3600;

/// What a client says (RFC 6749 §4.1.3, §6; RFC 7636 §4.5).
#[derive(Debug, Default, Deserialize, JsonSchema)]
pub struct Request {
    grant_type: Option<String>,
    code: Option<String>,
    redirect_uri: Option<String>,
    code_verifier: Option<String>,
    refresh_token: Option<String>,
    client_id: Option<String>,
    client_secret: Option<String>,
}

/// RFC 6749 §5.1, OpenID Connect Core §3.1.3.3.
#[derive(Serialize, JsonSchema)]
struct Reply {
    access_token: String,
    token_type: &'static str,
    /// Seconds.
    expires_in: i64,
    id_token: String,
    scope: &'static str,
    /// Only for a code.
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
}

/// Tokens, or a refusal in RFC 6749's form.
pub struct Answer(Response);

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        self.0
    }
}

impl Output for Answer {
    fn describe(operation: &mut Operation) {
        operation.answer::<Reply>(StatusCode::OK);
        for status in [
            StatusCode::BAD_REQUEST,
            StatusCode::UNAUTHORIZED,
            StatusCode::TOO_MANY_REQUESTS,
            StatusCode::INTERNAL_SERVER_ERROR,
            StatusCode::SERVICE_UNAVAILABLE,
        ] {
            operation.answer::<RefusalBody>(status);
        }
    }
}

/// Gives tokens for a code or a refresh token. Neither can be guessed.
pub async fn post(
    _: Public,
    State(app): State<App>,
    headers: HeaderMap,
    Query(query): Query<Request>,
    Form(form): Form<Request>,
) -> Answer {
    let request = form.or(query);
    let basic = Basic::of(&headers);
    Answer(match give(&app, &request, basic.as_ref()).await {
        Ok(tokens) => reply(tokens),
        Err(refused) => refusal::in_json(refused, basic.is_some()),
    })
}

impl Request {
    /// With the parameters of the query for what is not in the body: a client sends an empty one.
    fn or(self, query: Self) -> Self {
        Self {
            grant_type: self.grant_type.or(query.grant_type),
            code: self.code.or(query.code),
            redirect_uri: self.redirect_uri.or(query.redirect_uri),
            code_verifier: self.code_verifier.or(query.code_verifier),
            refresh_token: self.refresh_token.or(query.refresh_token),
            client_id: self.client_id.or(query.client_id),
            client_secret: self.client_secret.or(query.client_secret),
        }
    }
}

fn need<'a>(param: Option<&'a String>, missing: &'static str) -> std::result::Result<&'a str, Fault> {
    param.map(String::as_str).ok_or(Fault::InvalidRequest(missing))
}

async fn give(app: &App, request: &Request, basic: Option<&Basic>) -> Result<Tokens> {
    let client = client(app, request, basic)?;
    match need(request.grant_type.as_ref(), "grant_type is missing")? {
        "authorization_code" => {
            let code = need(request.code.as_ref(), "code is missing")?;
            let redirect = need(request.redirect_uri.as_ref(), "redirect_uri is missing")?;
            token::of_code(&app.ports, client, code, redirect, request.code_verifier.as_deref()).await
        }
        "refresh_token" => {
            let token = need(request.refresh_token.as_ref(), "refresh_token is missing")?;
            token::of_refresh(&app.ports, client, token).await
        }
        _ => Err(Fault::UnsupportedGrantType.into()),
    }
}

fn client<'a>(app: &'a App, request: &Request, basic: Option<&Basic>) -> std::result::Result<&'a Client, Fault> {
    let oauth = &app.ports.rules.oauth;
    let Some(basic) = basic else {
        return oauth.authenticate(need(request.client_id.as_ref(), "client_id is missing")?, request.client_secret.as_deref());
    };
    let Basic(Some((id, secret))) = basic else { return Err(Fault::InvalidClient) };
    if request.client_id.as_ref().is_some_and(|named| named != id) || request.client_secret.is_some() {
        return Err(Fault::InvalidRequest("the client is named in two ways"));
    }
    oauth.authenticate(id, Some(secret.as_str()).filter(|secret| !secret.is_empty()))
}

fn reply(tokens: Tokens) -> Response {
    let body = Reply {
        access_token: tokens.access,
        token_type: "Bearer",
        expires_in: SECONDS,
        id_token: tokens.id,
        scope: "openid email",
        refresh_token: tokens.refresh,
    };
    ([(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))], Json(body)).into_response()
}

/// Id and secret of an `Authorization: Basic` header, which may be unreadable.
struct Basic(Option<(String, String)>);

impl Basic {
    fn of(headers: &HeaderMap) -> Option<Self> {
        let text = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
        let (scheme, encoded) = text.split_once(' ')?;
        scheme.eq_ignore_ascii_case("Basic").then(|| Self(Self::read(encoded.trim())))
    }

    /// Both are percent-encoded before they are joined (RFC 6749 §2.3.1).
    fn read(encoded: &str) -> Option<(String, String)> {
        let pair = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
        let (id, secret) = pair.split_once(':')?;
        Some((decode(id), decode(secret)))
    }
}
