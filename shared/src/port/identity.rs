//! The port `Identity`: Cognito, or built in over [`Table`](super::table::Table). Accounts, codes and
//! tokens; who may do what is not decided here.

use async_trait::async_trait;

use crate::{
    id::UserId,
    port::federation::Person,
    user::name::{Password, UserName},
};

/// Why an account operation was refused or failed.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// A confirmed account has this name.
    #[error("the account exists")]
    Exists,
    /// No such account, or the password is wrong; which of the two is not told.
    #[error("wrong user name or password")]
    WrongPassword,
    /// The password is right, but the account's address was never confirmed.
    #[error("the account is not confirmed")]
    NotConfirmed,
    /// The account is confirmed already.
    #[error("the account is confirmed already")]
    AlreadyConfirmed,
    /// The code is wrong, expired, used, or was guessed at too often.
    #[error("wrong code")]
    WrongCode,
    /// Too many tries, or too many codes asked for; later again.
    #[error("too many tries")]
    TooManyTries,
    /// The refresh token is unknown, expired or its session has ended.
    #[error("the refresh token is not valid")]
    InvalidRefresh,
    /// The access token is malformed, forged, expired or no access token.
    #[error("the access token is not valid")]
    InvalidToken,
    /// Storage, mail or the identity provider failed.
    #[error("identity failed: {0}")]
    Engine(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl IdentityError {
    /// Wraps a failure of what lies below.
    pub fn engine(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Engine(source.into())
    }
}

/// What a login gives. Claims and form: contract `clients.md` D1 to D3.
#[derive(Clone)]
pub struct Tokens {
    /// Says who the user is; for clients.
    pub id: String,
    /// Opens the API, for an hour at most.
    pub access: String,
    /// Gets new id and access tokens until its session ends; only at login.
    pub refresh: Option<String>,
}

/// Whom the tokens of an OAuth session are for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relying {
    /// The client's id: `aud` of the id token, `client_id` of the access token.
    pub client: String,
    /// `nonce` of the id token.
    pub nonce: Option<String>,
}

/// What a valid access token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// The user.
    pub user_id: UserId,
    /// The user's name, an e-mail address.
    pub user_name: String,
    /// The session that the token belongs to.
    pub session: String,
}

/// Which sessions a logout ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignOut {
    /// The caller's own.
    This,
    /// Every session of the caller.
    All,
    /// The one of this refresh token, if it is the caller's.
    Refresh(String),
}

/// Accounts and tokens.
#[async_trait]
pub trait Identity: Send + Sync + 'static {
    /// Makes an account that waits for its confirmation, and sends the code. An unconfirmed account
    /// of the same name is replaced.
    async fn sign_up(&self, name: &UserName, password: &Password) -> Result<(), IdentityError>;

    /// Confirms the account with the code that was sent.
    async fn confirm(&self, name: &UserName, code: &str) -> Result<(), IdentityError>;

    /// Begins a session.
    async fn sign_in(&self, name: &UserName, password: &str) -> Result<Tokens, IdentityError>;

    /// New id and access tokens of a running session.
    async fn refresh(&self, refresh_token: &str) -> Result<Tokens, IdentityError>;

    /// Ends sessions. Ending one that has ended is no error.
    async fn sign_out(&self, claims: &Claims, which: SignOut) -> Result<(), IdentityError>;

    /// Checks an access token, without a read once the keys are known.
    async fn verify(&self, access_token: &str) -> Result<Claims, IdentityError>;

    /// Begins a session for a person whom a provider has proved. The first time the person's link is
    /// made: to the confirmed account of that address; to an account that waits for its confirmation,
    /// whose password is forgotten because anybody may have set it; or to a new one without a password.
    async fn sign_in_federated(&self, person: &Person) -> Result<Tokens, IdentityError>;

    /// Makes a session that belongs to nobody else the client's, and gives its first tokens.
    async fn hand_over(&self, refresh_token: &str, to: &Relying) -> Result<Tokens, IdentityError>;

    /// New id and access tokens of a running session of this client's.
    async fn refresh_for(&self, refresh_token: &str, client: &str) -> Result<Tokens, IdentityError>;

    /// The keys with which anybody can check tokens: a JSON Web Key Set (RFC 7517).
    async fn public_keys(&self) -> Result<serde_json::Value, IdentityError>;
}
