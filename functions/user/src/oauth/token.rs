//! `POST /token` and `/oauth2/token` (contract `clients.md` A2, D15; `rest-3.md`): parameters in the body or
//! in the query, the client by Basic, by parameters, or public. Refusals in the form of RFC 6749 §5.2.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderValue, header};
use serde_json::json;
use shared::{
    oauth::{Client, Fault, Result, token},
    port::identity::Tokens,
};
use web::{App, Form, Public, Query};

use super::refusal;

/// Seconds for which access tokens are good (the port `Identity` gives none that last longer).
const SECONDS: i64 = 3600;

/// Gives tokens for a code or a refresh token. Neither can be guessed.
pub async fn post(_: Public, State(app): State<App>, headers: HeaderMap, query: Query, Form(form): Form) -> Response {
    let params = Params { form, query };
    let basic = Basic::of(&headers);
    match give(&app, &params, basic.as_ref()).await {
        Ok(tokens) => reply(tokens),
        Err(refused) => refusal::in_json(refused, basic.is_some()),
    }
    .into_response()
}

async fn give(app: &App, params: &Params, basic: Option<&Basic>) -> Result<Tokens> {
    let client = client(app, params, basic)?;
    match params.need("grant_type", "grant_type is missing")? {
        "authorization_code" => {
            let code = params.need("code", "code is missing")?;
            let redirect = params.need("redirect_uri", "redirect_uri is missing")?;
            token::of_code(&app.ports, client, code, redirect, params.get("code_verifier")).await
        }
        "refresh_token" => token::of_refresh(&app.ports, client, params.need("refresh_token", "refresh_token is missing")?).await,
        _ => Err(Fault::UnsupportedGrantType.into()),
    }
}

fn client<'a>(app: &'a App, params: &Params, basic: Option<&Basic>) -> std::result::Result<&'a Client, Fault> {
    let oauth = &app.ports.rules.oauth;
    let Some(basic) = basic else {
        return oauth.authenticate(params.need("client_id", "client_id is missing")?, params.get("client_secret"));
    };
    let Basic(Some((id, secret))) = basic else { return Err(Fault::InvalidClient) };
    if params.get("client_id").is_some_and(|named| named != id) || params.get("client_secret").is_some() {
        return Err(Fault::InvalidRequest("the client is named in two ways"));
    }
    oauth.authenticate(id, Some(secret.as_str()).filter(|secret| !secret.is_empty()))
}

fn reply(tokens: Tokens) -> Response {
    let mut body = json!({
        "access_token": tokens.access,
        "token_type": "Bearer",
        "expires_in": SECONDS,
        "id_token": tokens.id,
        "scope": "openid email",
    });
    if let Some(refresh) = tokens.refresh {
        body["refresh_token"] = refresh.into();
    }
    ([(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))], Json(body)).into_response()
}

/// The parameters of the body, and those of the query for what is not in the body: a client sends an empty one.
struct Params {
    form: Query,
    query: Query,
}

impl Params {
    fn get(&self, name: &str) -> Option<&str> {
        self.form.get(name).or_else(|| self.query.get(name))
    }

    fn need(&self, name: &str, missing: &'static str) -> std::result::Result<&str, Fault> {
        self.get(name).ok_or(Fault::InvalidRequest(missing))
    }
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
        Some((Query::decode(id), Query::decode(secret)))
    }
}
