//! The one table: error → status, number and body. Statuses and numbers are the contract's
//! (`rest-1.md`); 401 is for a bad token alone (`clients.md` D10), and a limit is a 429 where the
//! contract lists the number under 500.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use schemars::JsonSchema;
use serde::Serialize;
use shared::{Error, Refusal};

use crate::openapi::{Operation, Output};

/// What handlers return.
pub type Result<T> = std::result::Result<T, Failure>;

/// An answer that is no success: `{"status":"failure","error_code":<number>,"description":<text>}`.
#[derive(Debug)]
pub struct Failure {
    status: StatusCode,
    code: u32,
    description: String,
}

/// The body of a failure; also the entry of a list in which some entries fail.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(description = "It was not done, and nothing was changed.")]
pub struct FailureBody {
    #[schemars(extend("const" = "failure"))]
    status: &'static str,
    /// The contract's number for what is wrong.
    error_code: u32,
    /// What is wrong, for people.
    description: String,
}

impl Failure {
    /// A failure of the web itself, which the domain knows nothing of.
    pub fn new(status: StatusCode, code: u32, description: impl Into<String>) -> Self {
        Self { status, code, description: description.into() }
    }

    /// Its body.
    pub fn into_body(self) -> FailureBody {
        FailureBody { status: "failure", error_code: self.code, description: self.description }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (self.status, Json(self.into_body())).into_response()
    }
}

impl Output for Failure {
    fn describe(operation: &mut Operation) {
        // A limit may meet any operation.
        for status in [StatusCode::BAD_REQUEST, StatusCode::TOO_MANY_REQUESTS, StatusCode::INTERNAL_SERVER_ERROR] {
            operation.refuse(status);
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let (status, code) = of_refusal(&refusal);
        Self::new(status, code, refusal.to_string())
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Refused(refusal) => refusal.into(),
            // Controllers look for the word (contract `mqtt-and-node.md` §6.7).
            Error::Unauthenticated => {
                Self::new(StatusCode::UNAUTHORIZED, 100_047, "Unauthorized: the access token is missing, malformed or expired")
            }
            error => {
                tracing::error!(error = &error as &dyn std::error::Error, "a request failed");
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, 100_001, "internal error, please try again")
            }
        }
    }
}

fn of_refusal(refusal: &Refusal) -> (StatusCode, u32) {
    let code = match refusal {
        Refusal::InvalidBody(_) => 100_006,
        Refusal::InvalidRequest(_) | Refusal::InvalidParam(_) => 100_012,
        Refusal::UserNameMissing => 101_001,
        Refusal::NotAnEmail => 101_002,
        Refusal::PasswordOrCodeMissing => 101_003,
        Refusal::WeakPassword => 101_004,
        Refusal::AccountExists => 101_006,
        Refusal::WrongPassword => 101_009,
        Refusal::AlreadyConfirmed => 101_011,
        Refusal::WrongCode => 101_012,
        Refusal::NotConfirmed => 101_015,
        Refusal::InvalidRefresh => 101_017,
        Refusal::TooManyTries => return (StatusCode::TOO_MANY_REQUESTS, 101_019),
        Refusal::InvalidLogoutAll => 101_036,
        Refusal::NoPhoneNumbers => 101_037,
        Refusal::NodeIdMissing => 100_009,
        Refusal::NotYourNode => 100_010,
        Refusal::NotPrimary => 100_004,
        Refusal::NoConfig => 103_002,
        Refusal::NoParams => 102_006,
        Refusal::InvalidOperation => 103_003,
        Refusal::SecretKeyBlank => 103_004,
        Refusal::InvalidNodeId => 103_005,
        Refusal::SecretKeyTooLong => 103_006,
        Refusal::NoMapping => 103_013,
        Refusal::RequestIdMissing => 103_016,
        Refusal::NoMappingRequest => 103_018,
        Refusal::InvalidStart => 105_043,
    };
    (StatusCode::BAD_REQUEST, code)
}
