//! The port `Federation`: people who prove who they are by an account elsewhere. Each provider is an
//! implementor: OpenID Connect, or GitHub. What such a person may do here is not decided there.

use std::sync::Arc;

use async_trait::async_trait;

use crate::user::name::UserName;

/// What is made anew for each sign-in and must come back with it. Every part is random.
#[derive(Clone, Debug)]
pub struct Handshake {
    /// Comes back in the answer (RFC 6749 §10.12).
    pub state: String,
    /// Comes back in the id token, where there is one.
    pub nonce: String,
    /// Of PKCE, 43 to 128 characters: shown only to the provider's token endpoint (RFC 7636).
    pub verifier: String,
}

/// What the provider's answer brought along.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The code to redeem.
    pub code: String,
    /// Who says that he answers (RFC 9207), if told.
    pub issuer: Option<String>,
}

/// A person as a provider knows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The provider, by a URL that nobody else can have.
    pub issuer: String,
    /// The provider's name of the person, which never goes to somebody else.
    pub subject: String,
    /// An address of which the provider says that it is verified.
    pub email: UserName,
}

/// Why the provider did not say who it is.
#[derive(Debug, thiserror::Error)]
pub enum FederationError {
    /// The provider refused the code, or what it answered does not hold.
    #[error("the provider's answer is not accepted: {0}")]
    Refused(String),
    /// It knows no address, or none that it has verified.
    #[error("the provider has no verified e-mail address")]
    Unverified,
    /// It could not be reached, or answered with nonsense.
    #[error("the provider cannot be asked: {0}")]
    Engine(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl FederationError {
    /// Wraps a failure of what lies below.
    pub fn engine(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Engine(source.into())
    }
}

/// Somebody who knows people.
#[async_trait]
pub trait Provider: Send + Sync + 'static {
    /// The URL at which the person's browser signs in; it comes back to `callback`.
    async fn begin(&self, callback: &str, handshake: &Handshake) -> Result<String, FederationError>;

    /// Who it was, once the browser has come back. Everything is checked that the provider's protocol
    /// lets one check: signature, issuer, audience, time, nonce.
    async fn finish(&self, callback: &str, answer: &Answer, handshake: &Handshake) -> Result<Person, FederationError>;
}

/// A provider by the name that clients call it.
#[derive(Clone)]
pub struct Named {
    /// As in `identity_provider=Google`; letter case does not matter.
    pub name: String,
    /// What its button says after "Continue with".
    pub label: String,
    /// The provider.
    pub provider: Arc<dyn Provider>,
}

/// All that the owner has configured, in the owner's order.
#[derive(Clone, Default)]
pub struct Providers(Vec<Named>);

impl Providers {
    /// These.
    pub fn new(providers: Vec<Named>) -> Self {
        Self(providers)
    }

    /// The one of this name.
    pub fn find(&self, name: &str) -> Option<&Named> {
        self.0.iter().find(|named| named.name.eq_ignore_ascii_case(name))
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &Named> {
        self.0.iter()
    }
}
