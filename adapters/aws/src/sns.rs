//! The port `Events` on Amazon SNS: a message of one topic for each, with the kind as an attribute, by which
//! subscriptions choose.

use async_trait::async_trait;
use aws_sdk_sns::{Client, error::DisplayErrorContext, types::MessageAttributeValue};
use shared::port::events::{Events, EventsError, Happening};
use tokio::sync::OnceCell;

use crate::client::Sdk;

/// A topic.
pub struct SnsEvents {
    sdk: Sdk,
    topic: Option<String>,
    client: OnceCell<Client>,
}

impl SnsEvents {
    /// The topic of this ARN. Where there is none nobody listens.
    pub fn new(sdk: Sdk, topic: Option<String>) -> Self {
        Self { sdk, topic, client: OnceCell::new() }
    }
}

#[async_trait]
impl Events for SnsEvents {
    fn listens(&self) -> bool {
        self.topic.is_some()
    }

    async fn tell(&self, Happening { event_type, envelope, .. }: &Happening) -> Result<(), EventsError> {
        let Some(topic) = &self.topic else { return Ok(()) };
        let client = self.client.get_or_init(|| async { Client::new(self.sdk.config().await) }).await;
        let kind = MessageAttributeValue::builder().data_type("String").string_value(event_type).build();
        let kind = kind.map_err(|error| EventsError::NotTaken(error.into()))?;
        let publish = client.publish().topic_arn(topic).message(envelope).message_attributes("event_type", kind);
        let told = publish.send().await;
        told.map(drop).map_err(|error| EventsError::NotTaken(format!("Publish: {}", DisplayErrorContext(error)).into()))
    }
}
