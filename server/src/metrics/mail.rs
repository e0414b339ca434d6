//! Counts letters.

use std::sync::Arc;

use async_trait::async_trait;
use shared::port::mail::{Letter, Mail, MailError};

use super::{Metrics, count};

/// Mail whose letters are counted.
pub struct Measured {
    /// The mail.
    pub inner: Arc<dyn Mail>,
    /// Where it is counted.
    pub metrics: Arc<Metrics>,
}

#[async_trait]
impl Mail for Measured {
    async fn send(&self, letter: Letter) -> Result<(), MailError> {
        let sent = self.inner.send(letter).await;
        count(&self.metrics.mails, [("outcome", if sent.is_ok() { "sent" } else { "failed" })]);
        sent
    }
}
