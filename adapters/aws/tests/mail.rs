//! The port `Mail` on Amazon SES, as the local emulator plays it.

use aws::{client::Sdk, ses::SesMail};
use shared::port::mail::{Letter, Mail as _};
use tests::emulator::{Base, MAIL_FROM, config, letters, unique};

fn letter(to: &str) -> Letter {
    Letter { to: to.to_owned(), subject: "Grüße".to_owned(), text: "Your code is 123456.\n".to_owned(), code: Some("123456".to_owned()) }
}

#[tokio::test]
async fn a_letter_is_sent_to_one_address() {
    Base::new().await;
    let to = format!("{}@x.io", unique("a"));
    SesMail::new(Sdk::with(config().await), Some(MAIL_FROM.to_owned())).send(letter(&to)).await.unwrap();
    let sent = letters(&to).await;
    assert_eq!(sent.len(), 1);
    let text = sent[0].to_string();
    assert!(text.contains(MAIL_FROM) && text.contains("Grüße") && text.contains("Your code is 123456."), "{text}");
}

#[tokio::test]
async fn who_has_no_address_sends_none() {
    let to = format!("{}@x.io", unique("b"));
    let refused = SesMail::new(Sdk::with(config().await), None).send(letter(&to)).await.unwrap_err();
    assert!(refused.to_string().contains("sends no letters"), "{refused}");
    assert!(letters(&to).await.is_empty());
}
