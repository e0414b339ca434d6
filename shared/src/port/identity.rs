//! The port `Identity`: Cognito, or built in over [`Table`](super::table::Table). Accounts, codes and
//! tokens; who may do what is not decided here.

use async_trait::async_trait;

use super::table::Cursor;
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
    /// The owner of the cloud has disabled the account.
    #[error("the account is disabled")]
    Disabled,
    /// There is no such account; told only to those who may know.
    #[error("no such account")]
    NoAccount,
    /// The code is wrong.
    #[error("wrong code")]
    WrongCode,
    /// No code was sent, it was used, or it has expired.
    #[error("no code is waited for")]
    NoCode,
    /// The code was guessed at too often.
    #[error("the code was guessed at too often")]
    CodeSpent,
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

/// What an account may do beside what its associations allow (contract `clients.md` D3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Privilege {
    /// Nothing.
    #[default]
    None,
    /// Administers.
    Admin,
    /// Administers the cloud, and admins.
    SuperAdmin,
}

impl Privilege {
    /// The word that is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Admin => "admin",
            Self::SuperAdmin => "super_admin",
        }
    }

    /// The privilege of this word.
    pub fn of(word: &str) -> Option<Self> {
        [Self::None, Self::Admin, Self::SuperAdmin].into_iter().find(|privilege| privilege.as_str() == word)
    }
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
    pub user_name: UserName,
    /// The session that the token belongs to.
    pub session: String,
    /// What the account may do beside.
    pub privilege: Privilege,
}

/// What a code that was sent by letter is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Confirming a new account.
    SignUp,
    /// Logging in without a password.
    LogIn,
    /// A new password for one that was forgotten.
    Reset,
    /// Deleting the account.
    Delete,
    /// Making a guest's account one of this name.
    Convert,
    /// Deleting the account of somebody else, as one who administers.
    DeleteOther,
}

/// An account as those who administer see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The user.
    pub user_id: UserId,
    /// The user's name, an e-mail address.
    pub user_name: UserName,
    /// What it may do beside.
    pub privilege: Privilege,
    /// May it log in?
    pub enabled: bool,
    /// Seconds since the epoch at which it was made.
    pub created: i64,
    /// Seconds since the epoch until which a guest's is good.
    pub until: Option<i64>,
}

/// An account that is being deleted, until all that belongs to it is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaving {
    /// The user.
    pub user_id: UserId,
    /// The name.
    pub user_name: UserName,
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

    /// Makes an account without a password, good until that time (seconds since the epoch; `None`: for
    /// ever), and begins a session.
    async fn sign_up_guest(&self, until: Option<i64>) -> Result<(UserName, Tokens), IdentityError>;

    /// Gives a guest's account this name and password, with the code that was sent to the name. Its
    /// sessions go on.
    async fn convert(&self, guest: &Claims, name: &UserName, code: &str, password: &Password) -> Result<(), IdentityError>;

    /// Begins a session.
    async fn sign_in(&self, name: &UserName, password: &str) -> Result<Tokens, IdentityError>;

    /// Sends a code to the name, and returns a handle to it that cannot be guessed. Where the name has
    /// no account that the code could be for, none is sent, and nobody can tell.
    async fn send_code(&self, name: &UserName, purpose: Purpose) -> Result<String, IdentityError>;

    /// Begins a session with the code that was sent for it, and its handle.
    async fn sign_in_by_code(&self, name: &UserName, handle: &str, code: &str) -> Result<Tokens, IdentityError>;

    /// New id and access tokens of a running session.
    async fn refresh(&self, refresh_token: &str) -> Result<Tokens, IdentityError>;

    /// Ends sessions. Ending one that has ended is no error.
    async fn sign_out(&self, claims: &Claims, which: SignOut) -> Result<(), IdentityError>;

    /// Ends the session of this refresh token, if it is one.
    async fn end(&self, refresh_token: &str) -> Result<(), IdentityError>;

    /// Gives the account the new password; every session but this one ends.
    async fn change_password(&self, claims: &Claims, old: &str, new: &Password) -> Result<(), IdentityError>;

    /// Gives the account the new password with the code that was sent for it; sessions go on
    /// (contract `rest-1.md`, `forgotpassword2`).
    async fn reset_password(&self, name: &UserName, code: &str, new: &Password) -> Result<(), IdentityError>;

    /// Checks an access token, without a read once the keys are known, but one query now and then for
    /// accounts that were closed.
    async fn verify(&self, access_token: &str) -> Result<Claims, IdentityError>;

    /// Checks the code for deleting the account.
    async fn check_deletion(&self, claims: &Claims, code: &str) -> Result<(), IdentityError>;

    /// Closes the account: nobody can log in, its sessions have ended, its tokens mean nothing soon. It
    /// stands among [`Identity::leaving`] until [`Identity::erase`].
    async fn close(&self, name: &UserName) -> Result<Leaving, IdentityError>;

    /// A few accounts that were closed and not erased, and guests whose time has passed; these are closed
    /// by that. Empty when there are none.
    async fn leaving(&self) -> Result<Vec<Leaving>, IdentityError>;

    /// Forgets a closed account.
    async fn erase(&self, account: &Leaving) -> Result<(), IdentityError>;

    /// Makes a confirmed account with this password, as the owner of the cloud does.
    async fn make(&self, name: &UserName, password: &Password, privilege: Privilege) -> Result<Account, IdentityError>;

    /// Makes a confirmed account with a random password, which is sent to the address. If the letter is not taken,
    /// there is no account.
    async fn invite(&self, name: &UserName, privilege: Privilege) -> Result<Account, IdentityError>;

    /// Sends whoever administers a code for deleting this account, and no other.
    async fn send_deletion_code(&self, by: &Claims, account: &Account) -> Result<(), IdentityError>;

    /// Checks that code, and uses it up.
    async fn check_deletion_of(&self, by: &Claims, account: &Account, code: &str) -> Result<(), IdentityError>;

    /// The confirmed account of this name.
    async fn find(&self, name: &UserName) -> Result<Option<Account>, IdentityError>;

    /// A page of confirmed accounts whose folded names begin so, in the order of names.
    async fn list(&self, prefix: &str, limit: usize, after: Option<Cursor>) -> Result<(Vec<Account>, Option<Cursor>), IdentityError>;

    /// Disables the account, which ends its sessions, or enables it again.
    async fn set_enabled(&self, name: &UserName, enabled: bool) -> Result<(), IdentityError>;

    /// Gives the account this privilege. A session has the one with which it began; all end if it is less.
    async fn set_privilege(&self, name: &UserName, privilege: Privilege) -> Result<(), IdentityError>;

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
