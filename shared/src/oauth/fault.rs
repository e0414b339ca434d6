//! Why a browser or a client does not get what it asked for, in OAuth's own words.

use super::with_params;
use crate::{Refusal, port::federation::FederationError};

/// A refusal in the words of RFC 6749 (§4.1.2.1, §5.2) and OpenID Connect Core (§3.1.2.6).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each variant's message says it")]
pub enum Fault {
    #[error("{0}")]
    InvalidRequest(&'static str),
    #[error("the client is not known here, or its secret is wrong")]
    InvalidClient,
    #[error("the redirect address is not registered for this client")]
    UnknownRedirect,
    #[error("the authorization code is wrong, used, expired, or for somebody else")]
    InvalidCode,
    #[error("the refresh token is wrong, or its session has ended")]
    InvalidRefresh,
    #[error("grant_type is authorization_code or refresh_token")]
    UnsupportedGrantType,
    #[error("response_type is code")]
    UnsupportedResponseType,
    #[error("the user has to be asked")]
    LoginRequired,
    #[error("{0}")]
    AccessDenied(String),
    #[error("this sign-in was begun in another browser, or too long ago; please start again")]
    NotBegunHere,
    #[error("the sign-in provider did not answer; please try again later")]
    ProviderSilent,
}

impl Fault {
    /// The value of `error`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::InvalidRequest(_) | Self::UnknownRedirect | Self::NotBegunHere => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidCode | Self::InvalidRefresh => "invalid_grant",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::UnsupportedResponseType => "unsupported_response_type",
            Self::LoginRequired => "login_required",
            Self::AccessDenied(_) => "access_denied",
            Self::ProviderSilent => "temporarily_unavailable",
        }
    }
}

/// Why it did not go on.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The browser goes back to the client with the fault, at this URL: only ever a registered one.
    #[error("back to the client: {0}")]
    Back(String),
    /// Told to whoever asked. A browser shows it on a page of ours: where to go back to is not certain.
    #[error(transparent)]
    Here(#[from] Fault),
    /// The domain's own reason, such as a wrong password.
    #[error(transparent)]
    Domain(crate::Error),
}

impl Refused {
    /// Back to the client at its redirect address.
    pub(super) fn back(redirect: &str, state: Option<&str>, fault: &Fault) -> Self {
        let description = fault.to_string();
        let params = [("error", Some(fault.code())), ("error_description", Some(description.as_str())), ("state", state)];
        Self::Back(with_params(redirect, &params))
    }
}

impl<E: Into<crate::Error>> From<E> for Refused {
    fn from(error: E) -> Self {
        Self::Domain(error.into())
    }
}

impl From<FederationError> for Fault {
    fn from(error: FederationError) -> Self {
        match error {
            FederationError::Refused(why) => {
                tracing::warn!(why, "a provider's answer was not accepted");
                Self::AccessDenied("the sign-in provider's answer was not accepted".to_owned())
            }
            FederationError::Unverified => Self::AccessDenied("the sign-in provider has not verified your e-mail address".to_owned()),
            FederationError::Engine(error) => {
                tracing::error!(error = &*error as &dyn std::error::Error, "a sign-in provider cannot be asked");
                Self::ProviderSilent
            }
        }
    }
}

/// Is this the domain saying that a session has ended?
pub(super) fn is_ended(error: &crate::Error) -> bool {
    matches!(error, crate::Error::Refused(Refusal::InvalidRefresh))
}

/// What the functions of this module return.
pub type Result<T> = std::result::Result<T, Refused>;
