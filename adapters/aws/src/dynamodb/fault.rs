//! What goes wrong at DynamoDB, and what may be tried again.

use aws_sdk_dynamodb::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use shared::port::table::{AddError, TableError};

/// What may go wrong inside.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    /// Nothing was done; later it may be.
    #[error("DynamoDB is busy: {0}")]
    Busy(String),
    /// A write may have been done or not.
    #[error("DynamoDB gave no answer, so that nobody knows whether the write was done: {0}")]
    NoAnswer(String),
    /// The record would be larger than DynamoDB takes.
    #[error("the record grew too large for DynamoDB: {0}")]
    TooLarge(String),
    #[error("DynamoDB refused: {0}")]
    Refused(String),
    #[error("the attribute {1} of an item of the table {0} is damaged")]
    Damaged(&'static str, String),
    #[error(transparent)]
    Add(#[from] AddError),
    #[error("this program may not use the table {0}")]
    NoTable(&'static str),
    #[error("the system gave no random bytes")]
    Random,
    #[error("the record changed whenever it was looked at")]
    Contended,
}

impl From<Fault> for TableError {
    fn from(fault: Fault) -> Self {
        let retry = matches!(fault, Fault::Busy(_) | Fault::Random | Fault::Contended);
        Self::Engine { retry, source: Box::new(fault) }
    }
}

impl Fault {
    /// What an error of a write means.
    pub(super) fn of_write<E: ProvideErrorMetadata + std::error::Error + 'static>(error: &SdkError<E>) -> Self {
        let told = DisplayErrorContext(error).to_string();
        let SdkError::ServiceError(service) = error else {
            return if matches!(error, SdkError::ConstructionFailure(_)) { Self::Refused(told) } else { Self::NoAnswer(told) };
        };
        match service.err().code().unwrap_or_default() {
            "ProvisionedThroughputExceededException"
            | "RequestLimitExceeded"
            | "ThrottlingException"
            | "TransactionConflictException"
            | "ReplicatedWriteConflictException" => Self::Busy(told),
            // The same transaction, sent before, is not done yet.
            "TransactionInProgressException" => Self::NoAnswer(told),
            "ValidationException" if is_too_large(service.err().message()) => Self::TooLarge(told),
            _ if service.raw().status().is_server_error() => Self::NoAnswer(told),
            _ => Self::Refused(told),
        }
    }

    /// What an error of a read means: it changes nothing, so that it may be sent again.
    pub(super) fn of_read<E: ProvideErrorMetadata + std::error::Error + 'static>(error: &SdkError<E>) -> Self {
        match Self::of_write(error) {
            Self::NoAnswer(told) => Self::Busy(told),
            fault => fault,
        }
    }
}

/// There is no code of its own for it.
pub(super) fn is_too_large(message: Option<&str>) -> bool {
    message.is_some_and(|message| message.contains("size has exceeded") || message.contains("size to update has exceeded"))
}
