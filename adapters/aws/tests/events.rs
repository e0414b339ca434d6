//! The port `Events` on Amazon SNS, as the local emulator plays it.

use aws::{client::Sdk, sns::SnsEvents};
use shared::port::events::{Events as _, Happening};
use tests::{
    emulator::{config, unique},
    listener::Listener,
};

fn happening(id: &str) -> Happening {
    let event_type = "rmaker.event.user_node_added".to_owned();
    Happening { id: id.to_owned(), envelope: format!(r#"{{"version":1,"id":"{id}","event_type":"{event_type}"}}"#), event_type }
}

#[tokio::test]
async fn who_subscribes_gets_the_envelope_and_the_kind_beside_it() {
    let mut listener = Listener::new().await;
    let events = SnsEvents::new(Sdk::with(config().await), Some(listener.topic.clone()));
    assert!(events.listens());
    events.tell(&happening("one")).await.unwrap();
    let told = listener.next().await;
    assert_eq!(told["Message"], happening("one").envelope);
    assert_eq!(told["MessageAttributes"]["event_type"]["Value"], "rmaker.event.user_node_added");
    assert!(told.get("Subject").is_none(), "{told}");
}

#[tokio::test]
async fn a_topic_that_is_not_there_takes_nothing() {
    let topic = format!("arn:aws:sns:eu-west-1:000000000000:{}", unique("gone"));
    let refused = SnsEvents::new(Sdk::with(config().await), Some(topic)).tell(&happening("two")).await.unwrap_err();
    assert!(refused.to_string().contains("Publish: "), "{refused}");
    assert!(!SnsEvents::new(Sdk::with(config().await), None).listens());
}
