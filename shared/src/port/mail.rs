//! The port `Mail`: SES or SMTP, or a mailbox folder on the machine itself.

use async_trait::async_trait;

/// A letter to one address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// The receiver's e-mail address.
    pub to: String,
    /// One line.
    pub subject: String,
    /// Plain text.
    pub text: String,
    /// The code in the letter, where there is one, so that a mailbox can show it alone.
    pub code: Option<String>,
}

/// The letter could not be handed over.
#[derive(Debug, thiserror::Error)]
#[error("mail was not accepted: {0}")]
pub struct MailError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Sends letters.
#[async_trait]
pub trait Mail: Send + Sync + 'static {
    /// Hands the letter over; it is not lost any more when this returns, though it may still be on its way.
    async fn send(&self, letter: Letter) -> Result<(), MailError>;
}
