//! GitHub: OAuth 2.0 without OpenID Connect. Who it is, and which of the addresses are verified, is asked of
//! GitHub's API with the token.

use async_trait::async_trait;
use http::{StatusCode, header};
use oauth2::{
    AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndpointNotSet, EndpointSet, PkceCodeChallenge, PkceCodeVerifier,
    RedirectUrl, RequestTokenError, Scope, TokenResponse as _, TokenUrl, basic::BasicClient,
};
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
    /// The GitHub at this URL, where we are this client. The error says that the URL is none.
    pub fn new(http: Http, url: &str, client: &str, secret: &str) -> Result<Self> {
        let url = url.trim_end_matches('/');
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
