//! Checking tokens where the table `identity` may not be read: in every function but the user function.

use std::sync::Arc;

use builtin::accounts::{Accounts, Settings};
use serde_json::json;
use shared::port::{
    identity::{Identity as _, IdentityError},
    table::{Batch, Key, TableId, When, Write},
};
use tests::{Call, Cloud, ports::Only};

const TOKENS: &str = "tokens";

/// Accounts as in another function, which may read `access` alone.
fn elsewhere(cloud: &Cloud) -> Accounts {
    let ports = cloud.ports();
    let settings = Settings { issuer: "https://cloud.test".to_owned(), former_issuer: None };
    let table = Only::over(&ports.table, &[TableId::Access]);
    Accounts::new(table, cloud.mail.clone(), ports.clock.clone(), ports.ids.clone(), settings)
}

async fn is_good(accounts: &Accounts, token: &str) -> bool {
    match accounts.verify(token).await {
        Ok(_) => true,
        Err(IdentityError::InvalidToken) => false,
        Err(error) => panic!("{error}"),
    }
}

async fn write(cloud: &Cloud, write: Write) {
    cloud.ports().table.write(Batch::of(write).unwrap()).await.unwrap();
}

#[tokio::test]
async fn tokens_are_checked_without_the_table_of_secrets() {
    let (cloud, other) = (Cloud::new(), Cloud::new());
    let checker = elsewhere(&cloud);
    let foreign = other.user("a").await;
    assert!(!is_good(&checker, &foreign.access).await, "there is no key yet");
    let user = cloud.user("a").await;
    assert!(is_good(&checker, &user.access).await, "a key that came after the first look is found at once");
    assert!(!is_good(&checker, &foreign.access).await);
    assert!(!is_good(&checker, "a.b.c").await);
}

#[tokio::test]
async fn who_is_closed_is_refused_everywhere_within_seconds() {
    let cloud = Cloud::new();
    let checker = elsewhere(&cloud);
    let (user, other) = (cloud.user("a").await, cloud.user("b").await);
    assert!(is_good(&checker, &user.access).await);
    cloud.call(Call::delete("/v1/user2?request=true").by(&user.access)).await.expect(200);
    let code = cloud.mail.code("a@x.io");
    cloud.call(Call::delete(&format!("/v1/user2?verification_code={code}")).by(&user.access)).await.expect(200);
    cloud.clock.pass(10);
    assert!(!is_good(&checker, &user.access).await);
    assert!(!is_good(&elsewhere(&cloud), &user.access).await, "a process that has just begun knows it too");
    assert!(is_good(&checker, &other.access).await);
}

#[tokio::test]
async fn a_key_from_before_public_keys_were_published_stays_good() {
    let old = Cloud::new();
    let user = old.user("a").await;
    let key = Key::new(TableId::Identity, "keys", "signing");
    let private = old.ports().table.get(&key).await.unwrap().unwrap();
    let fields = || private.fields.iter().map(|(name, field)| (name.clone(), field.value.clone()));

    // The private key alone, as an earlier version left it, perhaps beside a public one that is not its.
    for stale in [false, true] {
        let cloud = Cloud::new();
        write(&cloud, Write::put(key.clone(), fields(), When::Absent)).await;
        if stale {
            let public = [("kid", "other".into()), ("public", shared::port::table::Value::Bytes(vec![4; 65]))];
            write(&cloud, Write::put(Key::new(TableId::Access, TOKENS, "key#signing"), public, When::Absent)).await;
        }
        let checker = elsewhere(&cloud);
        assert!(!is_good(&checker, &user.access).await);
        let told = cloud.call(Call::get("/.well-known/jwks.json")).await.expect(200);
        assert_eq!(told, old.call(Call::get("/.well-known/jwks.json")).await.expect(200));
        cloud.clock.pass(10);
        assert!(is_good(&checker, &user.access).await);
    }
}

#[tokio::test]
async fn two_processes_that_begin_at_the_same_moment_sign_with_one_key() {
    let cloud = Cloud::new();
    let ports = cloud.ports();
    let settings = Settings { issuer: "https://cloud.test".to_owned(), former_issuer: None };
    let begin = || Accounts::new(ports.table.clone(), cloud.mail.clone(), ports.clock.clone(), ports.ids.clone(), settings.clone());
    let all: Vec<_> = (0..8).map(|_| Arc::new(begin())).collect();
    let told = futures_util::future::join_all(all.iter().map(|accounts| accounts.public_keys())).await;
    let first = told[0].as_ref().unwrap();
    assert!(told.iter().all(|keys| keys.as_ref().unwrap() == first));
    let published = ports.table.get(&Key::new(TableId::Access, TOKENS, "key#signing")).await.unwrap().unwrap();
    assert_eq!(json!(published.str("kid")), first["keys"][0]["kid"]);
}
