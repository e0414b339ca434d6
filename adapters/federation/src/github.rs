//! GitHub: OAuth 2.0 without OpenID Connect. Who it is, and which of the addresses are verified, is asked of
//! GitHub's API with the token.

use async_trait::async_trait;
use http::{StatusCode, header};
use oauth2::{
    AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndpointNotSet, EndpointSet, PkceCodeChallenge, PkceCodeVerifier,
    RedirectUrl, RequestTokenError, Scope, TokenResponse as _, TokenUrl, basic::BasicClient,
};
use outbound::check;
use serde::{Deserialize, de::DeserializeOwned};
use shared::port::federation::{Answer, FederationError, Handshake, Person, Provider};

use crate::http::Http;

/// GitHub itself; a company may have one of its own.
pub const PUBLIC: &str = "https://github.com";
const PUBLIC_API: &str = "https://api.github.com";

type Result<T> = std::result::Result<T, FederationError>;
type Client = BasicClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet>;

/// GitHub.
pub struct GitHub {
    http: Http,
    url: String,
    api: String,
    client: Client,
}

#[derive(Deserialize)]
struct Account {
    id: u64,
}

#[derive(Deserialize)]
struct Address {
    email: String,
    primary: bool,
    verified: bool,
}

impl GitHub {
    /// The GitHub at this URL, where we are this client. The error says that the URL is none, or one
    /// without TLS.
    pub fn new(http: Http, url: &str, client: &str, secret: &str) -> Result<Self> {
        let url = url.trim_end_matches('/');
        check(&url.parse().map_err(FederationError::engine)?).map_err(FederationError::engine)?;
        let api = if url == PUBLIC { PUBLIC_API.to_owned() } else { format!("{url}/api/v3") };
        let authorize = AuthUrl::new(format!("{url}/login/oauth/authorize")).map_err(FederationError::engine)?;
        let token = TokenUrl::new(format!("{url}/login/oauth/access_token")).map_err(FederationError::engine)?;
        let client = BasicClient::new(ClientId::new(client.to_owned()))
            .set_client_secret(ClientSecret::new(secret.to_owned()))
            .set_auth_uri(authorize)
            .set_token_uri(token);
        Ok(Self { http, url: url.to_owned(), api, client })
    }

    fn client(&self, callback: &str) -> Result<Client> {
        let redirect = RedirectUrl::new(callback.to_owned()).map_err(FederationError::engine)?;
        Ok(self.client.clone().set_redirect_uri(redirect))
    }

    async fn ask<T: DeserializeOwned>(&self, path: &str, token: &str) -> Result<T> {
        let request = http::Request::get(format!("{}{path}", self.api))
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .header(header::ACCEPT, "application/vnd.github+json")
            .header(header::USER_AGENT, "raincloud")
            .body(Vec::new())
            .map_err(FederationError::engine)?;
        let answer = self.http.ask(request).await.map_err(FederationError::engine)?;
        if answer.status() != StatusCode::OK {
            return Err(FederationError::engine(format!("{path} was answered with {}", answer.status())));
        }
        serde_json::from_slice(answer.body()).map_err(FederationError::engine)
    }
}

#[async_trait]
impl Provider for GitHub {
    async fn begin(&self, callback: &str, handshake: &Handshake) -> Result<String> {
        let client = self.client(callback)?;
        let state = handshake.state.clone();
        let verifier = PkceCodeVerifier::new(handshake.verifier.clone());
        let request = client
            .authorize_url(move || CsrfToken::new(state))
            .add_scope(Scope::new("user:email".to_owned()))
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier));
        Ok(request.url().0.into())
    }

    async fn finish(&self, callback: &str, answer: &Answer, handshake: &Handshake) -> Result<Person> {
        let client = self.client(callback)?;
        let request = client
            .exchange_code(AuthorizationCode::new(answer.code.clone()))
            .set_pkce_verifier(PkceCodeVerifier::new(handshake.verifier.clone()));
        let tokens = request.request_async(&self.http).await.map_err(|error| match error {
            RequestTokenError::ServerResponse(refused) => FederationError::Refused(refused.to_string()),
            // GitHub says with status 200 that it refuses.
            RequestTokenError::Parse(error, _) => FederationError::Refused(error.to_string()),
            error => FederationError::engine(error),
        })?;
        let token = tokens.access_token().secret();
        let account: Account = self.ask("/user", token).await?;
        let addresses: Vec<Address> = self.ask("/user/emails?per_page=100", token).await?;
        let address = addresses.into_iter().find(|address| address.primary && address.verified);
        let email = address.ok_or(FederationError::Unverified)?.email.parse().map_err(|_| FederationError::Unverified)?;
        Ok(Person { issuer: self.url.clone(), subject: account.id.to_string(), email })
    }
}

#[cfg(test)]
mod tests {
    use axum::{
        Json, Router,
        extract::Form,
        http::HeaderMap,
        routing::{get, post},
    };
    use serde_json::{Value, json};

    use super::*;

    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

    /// What GitHub's documentation says that it answers.
    async fn github(addresses: Value) -> GitHub {
        let token = async |Form(form): Form<Vec<(String, String)>>| {
            let has = |name: &str, value: &str| form.contains(&(name.to_owned(), value.to_owned()));
            let right = has("code", "right") && has("code_verifier", VERIFIER) && has("redirect_uri", "https://c.io/back");
            Json(if right {
                json!({ "access_token": "gho_1", "scope": "user:email", "token_type": "bearer" })
            } else {
                json!({ "error": "bad_verification_code", "error_description": "incorrect or expired" })
            })
        };
        let known = |headers: &HeaderMap| headers["authorization"] == "Bearer gho_1" && headers.contains_key("user-agent");
        let user = async move |headers: HeaderMap| Json(if known(&headers) { json!({ "id": 7, "login": "x" }) } else { Value::Null });
        let emails = move |headers: HeaderMap| {
            let told = if known(&headers) { addresses.clone() } else { Value::Null };
            async move { Json(told) }
        };
        let routes = Router::new()
            .route("/login/oauth/access_token", post(token))
            .route("/api/v3/user", get(user))
            .route("/api/v3/user/emails", get(emails));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        GitHub::new(Http::new().unwrap(), &url, "client", "secret").unwrap()
    }

    async fn finish(github: &GitHub, code: &str) -> Result<Person> {
        let handshake = Handshake { state: "s".to_owned(), nonce: "n".to_owned(), verifier: VERIFIER.to_owned() };
        github.finish("https://c.io/back", &Answer { code: code.to_owned(), issuer: None }, &handshake).await
    }

    #[tokio::test]
    async fn a_person_is_known_by_number_and_by_the_verified_primary_address() {
        let addresses = json!([
            { "email": "other@x.io", "primary": false, "verified": true, "visibility": null },
            { "email": "a@x.io", "primary": true, "verified": true, "visibility": "private" },
        ]);
        let github = github(addresses).await;
        let person = finish(&github, "right").await.unwrap();
        assert_eq!((person.subject.as_str(), person.email.as_str(), &person.issuer), ("7", "a@x.io", &github.url));
        assert!(matches!(finish(&github, "wrong").await, Err(FederationError::Refused(_))));
        let handshake = Handshake { state: "s1".to_owned(), nonce: String::new(), verifier: VERIFIER.to_owned() };
        let to = github.begin("https://c.io/back", &handshake).await.unwrap();
        for part in ["/login/oauth/authorize?", "state=s1", "client_id=client", "scope=user%3Aemail", "code_challenge_method=S256"] {
            assert!(to.contains(part), "{to}");
        }
        assert!(!to.contains("secret") && !to.contains(VERIFIER), "{to}");
    }

    #[tokio::test]
    async fn an_address_that_is_not_verified_is_none() {
        for addresses in [
            json!([]),
            json!([{ "email": "a@x.io", "primary": true, "verified": false }]),
            json!([{ "email": "a@x.io", "primary": false, "verified": true }]),
        ] {
            let github = github(addresses).await;
            assert!(matches!(finish(&github, "right").await, Err(FederationError::Unverified)));
        }
    }
}
