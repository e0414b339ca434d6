//! The port `Mail` on Amazon SES.

use async_trait::async_trait;
use aws_sdk_sesv2::{
    Client,
    error::{BuildError, DisplayErrorContext},
    types::{Body, Content, Destination, EmailContent, Message},
};
use shared::port::mail::{Letter, Mail, MailError};
use tokio::sync::OnceCell;

use crate::client::Sdk;

/// Letters from one address.
pub struct SesMail {
    sdk: Sdk,
    from: Option<String>,
    client: OnceCell<Client>,
}

impl SesMail {
    /// From this address, which SES must know to be the account's. Whoever has none sends no letters.
    pub fn new(sdk: Sdk, from: Option<String>) -> Self {
        Self { sdk, from, client: OnceCell::new() }
    }
}

#[async_trait]
impl Mail for SesMail {
    async fn send(&self, letter: Letter) -> Result<(), MailError> {
        let from = self.from.as_ref().ok_or_else(|| MailError("this function sends no letters".into()))?;
        let client = self.client.get_or_init(|| async { Client::new(self.sdk.config().await) }).await;
        let message = message(&letter).map_err(|error| MailError(error.into()))?;
        let to = Destination::builder().to_addresses(letter.to).build();
        let content = EmailContent::builder().simple(message).build();
        let sent = client.send_email().from_email_address(from).destination(to).content(content).send().await;
        sent.map(drop).map_err(|error| MailError(format!("SendEmail: {}", DisplayErrorContext(error)).into()))
    }
}

fn message(letter: &Letter) -> Result<Message, BuildError> {
    let content = |text: &str| Content::builder().data(text).charset("UTF-8").build();
    Ok(Message::builder().subject(content(&letter.subject)?).body(Body::builder().text(content(&letter.text)?).build()).build())
}
