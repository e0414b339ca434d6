//! Any issuer of OpenID Connect. What the issuer can do, and its keys, are read from its discovery document
//! and kept for a while.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use openidconnect::{
    AuthType, AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndpointMaybeSet, EndpointNotSet, EndpointSet, IssuerUrl, Nonce,
    OAuth2TokenResponse as _, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RequestTokenError, Scope, TokenResponse as _,
    core::{
        CoreAuthenticationFlow, CoreClient, CoreClientAuthMethod, CoreIdTokenClaims, CoreProviderMetadata, CoreTokenResponse,
        CoreUserInfoClaims,
    },
};
use outbound::check;
use parking_lot::Mutex;
use shared::port::{
    clock::Clock,
    federation::{Answer, FederationError, Handshake, Person, Provider},
};

use crate::{
    apple::{self, AppleKey},
    http::Http,
};

/// Google's issuer.
pub const GOOGLE: &str = "https://accounts.google.com";
/// How long a discovery document is good.
const KEPT: Duration = Duration::from_hours(1);
/// A key that is not among those that are kept may be a new one, but nobody makes us ask at once again.
const AGAIN: Duration = Duration::from_secs(30);

type Result<T> = std::result::Result<T, FederationError>;
type Client = CoreClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointMaybeSet, EndpointMaybeSet>;

/// How we prove to the issuer who we are.
pub enum Proof {
    /// A secret that it gave out.
    Secret(String),
    /// Apple's way.
    Apple(Box<AppleKey>, Arc<dyn Clock>),
}

/// An issuer.
pub struct Oidc {
    http: Http,
    issuer: IssuerUrl,
    client: String,
    proof: Proof,
    scopes: Vec<String>,
    known: Mutex<Option<(Instant, CoreProviderMetadata)>>,
}

impl Oidc {
    /// The issuer of this URL, where we are this client. Beside `openid` and `email` these scopes are asked for.
    /// The error says that the URL is none, or one without TLS.
    pub fn new(http: Http, issuer: &str, client: &str, proof: Proof, scopes: Vec<String>) -> Result<Self> {
        check(&issuer.parse().map_err(FederationError::engine)?).map_err(FederationError::engine)?;
        let issuer = IssuerUrl::new(issuer.to_owned()).map_err(FederationError::engine)?;
        Ok(Self { http, issuer, client: client.to_owned(), proof, scopes, known: Mutex::default() })
    }

    async fn metadata(&self, not_older: Duration) -> Result<CoreProviderMetadata> {
        let known = self.known.lock().as_ref().filter(|(read, _)| read.elapsed() < not_older).map(|(_, metadata)| metadata.clone());
        if let Some(known) = known {
            return Ok(known);
        }
        let found = CoreProviderMetadata::discover_async(self.issuer.clone(), &self.http).await.map_err(FederationError::engine)?;
        *self.known.lock() = Some((Instant::now(), found.clone()));
        Ok(found)
    }

    fn client(&self, metadata: CoreProviderMetadata, callback: &str) -> Result<Client> {
        let (secret, in_body) = match &self.proof {
            Proof::Secret(secret) => (secret.clone(), only_in_body(&metadata)),
            Proof::Apple(key, clock) => (key.secret(&self.client, clock.now()).map_err(FederationError::engine)?, true),
        };
        let redirect = RedirectUrl::new(callback.to_owned()).map_err(FederationError::engine)?;
        let client = CoreClient::from_provider_metadata(metadata, ClientId::new(self.client.clone()), Some(ClientSecret::new(secret)));
        let client = client.set_redirect_uri(redirect);
        Ok(if in_body { client.set_auth_type(AuthType::RequestBody) } else { client })
    }

    fn is_apple(&self) -> bool {
        matches!(self.proof, Proof::Apple(..))
    }

    async fn redeem(&self, client: &Client, answer: &Answer, handshake: &Handshake) -> Result<CoreTokenResponse> {
        let request = client.exchange_code(AuthorizationCode::new(answer.code.clone())).map_err(FederationError::engine)?;
        let verifier = PkceCodeVerifier::new(handshake.verifier.clone());
        let request = if self.is_apple() { request } else { request.set_pkce_verifier(verifier) };
        request.request_async(&self.http).await.map_err(|error| match error {
            RequestTokenError::ServerResponse(refused) => FederationError::Refused(refused.to_string()),
            error => FederationError::engine(error),
        })
    }

    /// Checks the id token; with keys read anew if those that are kept do not do.
    async fn claims(&self, client: &Client, callback: &str, tokens: &CoreTokenResponse, nonce: &Nonce) -> Result<CoreIdTokenClaims> {
        let token = tokens.id_token().ok_or_else(|| FederationError::Refused("there is no id token".to_owned()))?;
        if let Ok(claims) = token.claims(&client.id_token_verifier(), nonce) {
            return Ok(claims.clone());
        }
        let client = self.client(self.metadata(AGAIN).await?, callback)?;
        let claims = token.claims(&client.id_token_verifier(), nonce);
        claims.cloned().map_err(|error| FederationError::Refused(error.to_string()))
    }

    /// Some issuers tell the address only when asked with the access token.
    async fn address(&self, client: &Client, tokens: &CoreTokenResponse, claims: &CoreIdTokenClaims) -> Result<(String, bool)> {
        if let Some(email) = claims.email() {
            return Ok((email.to_string(), claims.email_verified() == Some(true)));
        }
        let request = client.user_info(tokens.access_token().clone(), Some(claims.subject().clone()));
        let Ok(request) = request else { return Err(FederationError::Unverified) };
        let told: CoreUserInfoClaims = request.request_async(&self.http).await.map_err(FederationError::engine)?;
        let email = told.email().ok_or(FederationError::Unverified)?;
        Ok((email.to_string(), told.email_verified() == Some(true)))
    }
}

fn only_in_body(metadata: &CoreProviderMetadata) -> bool {
    let methods = metadata.token_endpoint_auth_methods_supported();
    methods.is_some_and(|methods| {
        methods.contains(&CoreClientAuthMethod::ClientSecretPost) && !methods.contains(&CoreClientAuthMethod::ClientSecretBasic)
    })
}

#[async_trait]
impl Provider for Oidc {
    async fn begin(&self, callback: &str, handshake: &Handshake) -> Result<String> {
        let client = self.client(self.metadata(KEPT).await?, callback)?;
        let (state, nonce) = (handshake.state.clone(), handshake.nonce.clone());
        let mut request =
            client.authorize_url(CoreAuthenticationFlow::AuthorizationCode, move || CsrfToken::new(state), move || Nonce::new(nonce));
        request = request.add_scope(Scope::new("email".to_owned()));
        for scope in &self.scopes {
            request = request.add_scope(Scope::new(scope.clone()));
        }
        request = if self.is_apple() {
            // Apple tells the address only in this way, and knows no PKCE.
            request.add_extra_param("response_mode", "form_post")
        } else {
            let verifier = PkceCodeVerifier::new(handshake.verifier.clone());
            request.set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier))
        };
        Ok(request.url().0.into())
    }

    async fn finish(&self, callback: &str, answer: &Answer, handshake: &Handshake) -> Result<Person> {
        if answer.issuer.as_deref().is_some_and(|issuer| issuer != self.issuer.as_str()) {
            return Err(FederationError::Refused("another issuer answered".to_owned()));
        }
        let client = self.client(self.metadata(KEPT).await?, callback)?;
        let tokens = self.redeem(&client, answer, handshake).await?;
        let claims = self.claims(&client, callback, &tokens, &Nonce::new(handshake.nonce.clone())).await?;
        let (email, verified) = self.address(&client, &tokens, &claims).await?;
        if !verified {
            return Err(FederationError::Unverified);
        }
        let email = email.parse().map_err(|_| FederationError::Unverified)?;
        Ok(Person { issuer: self.issuer.to_string(), subject: claims.subject().to_string(), email })
    }
}

impl Oidc {
    /// Apple, where we are this client.
    pub fn apple(http: Http, client: &str, key: AppleKey, clock: Arc<dyn Clock>) -> Result<Self> {
        Self::new(http, apple::ISSUER, client, Proof::Apple(Box::new(key), clock), Vec::new())
    }
}
