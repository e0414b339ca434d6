//! Somebody who subscribes to a topic of the local AWS emulator by HTTP and keeps what comes.

use aws_sdk_sns::Client;
use axum::{Router, routing};
use serde_json::Value;
use tokio::{net::TcpListener, sync::mpsc};

use crate::emulator::{config, unique};

/// A topic of its own and whoever listens to it.
pub struct Listener {
    /// The topic's ARN.
    pub topic: String,
    notifications: mpsc::UnboundedReceiver<Value>,
}

impl Listener {
    /// A new one, whose subscription is confirmed.
    pub async fn new() -> Self {
        let (sender, mut notifications) = mpsc::unbounded_channel();
        let keep = async move |body: String| sender.send(serde_json::from_str::<Value>(&body).unwrap()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let here = format!("http://{}/", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, Router::new().route("/", routing::post(keep))).await });

        let client = Client::new(&config().await);
        let topic = client.create_topic().name(unique("topic")).send().await.unwrap().topic_arn.unwrap();
        client.subscribe().topic_arn(&topic).protocol("http").endpoint(here).send().await.unwrap();
        let asked = notifications.recv().await.unwrap();
        let token = asked["Token"].as_str().unwrap();
        client.confirm_subscription().topic_arn(&topic).token(token).send().await.unwrap();
        Self { topic, notifications }
    }

    /// The next notification.
    pub async fn next(&mut self) -> Value {
        self.notifications.recv().await.unwrap()
    }
}
