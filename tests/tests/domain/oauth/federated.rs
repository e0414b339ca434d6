//! Signing in by an account elsewhere. The provider's protocol is tested in `tests/acceptance` with a real
//! one; here it is somebody who answers as told, to see what we make of the answer.

use std::result::Result;

use async_trait::async_trait;
use data_encoding::BASE64URL_NOPAD;
use parking_lot::Mutex;
use ring::digest::{SHA256, digest};
use serde_json::json;
use shared::port::{
    federation::{Answer, FederationError, Handshake, Named, Person, Provider},
    table::{Key, TableId},
};
use tests::Call;

use super::*;
use crate::directory::whose;

#[derive(Default)]
struct Elsewhere {
    person: Mutex<Option<Person>>,
    began: Mutex<Vec<Handshake>>,
}

#[async_trait]
impl Provider for Elsewhere {
    async fn begin(&self, callback: &str, handshake: &Handshake) -> Result<String, FederationError> {
        self.began.lock().push(handshake.clone());
        Ok(format!("https://elsewhere.test/?redirect_uri={callback}&state={}", handshake.state))
    }

    async fn finish(&self, _: &str, answer: &Answer, handshake: &Handshake) -> Result<Person, FederationError> {
        let began = self.began.lock().iter().any(|began| began.nonce == handshake.nonce && began.verifier == handshake.verifier);
        assert!(began, "the handshake is the one that began");
        match answer.code.as_str() {
            "right" => self.person.lock().clone().ok_or(FederationError::Unverified),
            _ => Err(FederationError::Refused("wrong code".to_owned())),
        }
    }
}

struct World {
    cloud: Cloud,
    elsewhere: Arc<Elsewhere>,
}

impl World {
    fn new() -> Self {
        let elsewhere = Arc::new(Elsewhere::default());
        let named = Named { name: "Work".to_owned(), label: "Work".to_owned(), provider: elsewhere.clone() };
        let world = Self { cloud: cloud_with(Providers::new(vec![named])), elsewhere };
        world.knows("s1", "A@x.io");
        world
    }

    fn knows(&self, subject: &str, email: &str) {
        let person = Person { issuer: "https://elsewhere.test".to_owned(), subject: subject.to_owned(), email: email.parse().unwrap() };
        *self.elsewhere.person.lock() = Some(person);
    }

    /// State and cookie of a sign-in that begins.
    async fn begin(&self) -> (String, String) {
        let seen = get(&self.cloud, "/authorize", &request(&[("identity_provider", "WORK"), ("state", "mine"), ("nonce", "n1")])).await;
        assert_eq!((seen.status, seen.param("redirect_uri").as_deref()), (302, Some("https://cloud.test/oauth2/idpresponse")), "{seen:?}");
        let cookie = seen.cookie.as_ref().unwrap();
        for part in ["; HttpOnly", "; SameSite=Lax", "; Secure", "; Path=/oauth2/idpresponse", "; Max-Age=600"] {
            assert!(cookie.contains(part), "{cookie}");
        }
        (seen.param("state").unwrap(), cookie.split(';').next().unwrap().to_owned())
    }

    async fn back(&self, state: &str, cookie: &str, more: &[(&str, &str)]) -> Seen {
        let uri = format!("/oauth2/idpresponse?{}", encoded(&[&[("state", state)], more].concat()));
        send(&self.cloud, Method::GET, &uri, &[("cookie", &format!("other=1; {cookie}"))], String::new()).await
    }

    /// The tokens of a whole sign-in.
    async fn sign_in(&self) -> Value {
        let (state, cookie) = self.begin().await;
        let seen = self.back(&state, &cookie, &[("code", "right")]).await;
        assert_eq!((seen.status, seen.param("state").as_deref()), (302, Some("mine")), "{seen:?}");
        redeem(&self.cloud, "raincloud", LOCAL, &seen.param("code").unwrap(), &[]).await.expect(200)
    }

    async fn user_id(&self) -> String {
        claims(&self.sign_in().await["id_token"])["custom:user_id"].as_str().unwrap().to_owned()
    }

    async fn log_in(&self, password: &str) -> tests::Answer {
        self.cloud.call(Call::post("/v1/login2").json(&json!({ "user_name": "a@x.io", "password": password }))).await
    }

    async fn sign_up(&self) {
        self.cloud.call(Call::post("/v1/user2").json(&json!({ "user_name": "a@x.io", "password": PASSWORD }))).await.expect(201);
    }
}

#[tokio::test]
async fn a_new_person_gets_an_account_without_a_password() {
    let world = World::new();
    let tokens = world.sign_in().await;
    let id = claims(&tokens["id_token"]);
    assert_eq!((&id["email"], &id["nonce"], &id["aud"]), (&"A@x.io".into(), &"n1".into(), &"raincloud".into()));
    assert_eq!(whose(&world.cloud, "a@x.io").await.as_deref(), id["custom:user_id"].as_str());
    for password in [PASSWORD, "", "$argon2id$"] {
        world.log_in(password).await.expect_failure(400, 101_009);
    }
    world
        .cloud
        .call(Call::post("/v1/user2").json(&json!({ "user_name": "a@x.io", "password": PASSWORD })))
        .await
        .expect_failure(400, 101_006);
}

#[tokio::test]
async fn with_the_account_goes_all_that_says_whose_it_is_elsewhere() {
    let world = World::new();
    let tokens = world.sign_in().await;
    let access = tokens["access_token"].as_str().unwrap();
    let issuer = "https://elsewhere.test";
    let hash = digest(&SHA256, &[&(issuer.len() as u64).to_be_bytes(), issuer.as_bytes(), b"s1"].concat());
    let link = (format!("federated#{}", BASE64URL_NOPAD.encode(hash.as_ref())), "link");
    assert!(world.cloud.ports().table.get(&Key::new(TableId::Identity, link.0.clone(), link.1)).await.unwrap().is_some());
    world.cloud.call(Call::delete("/v1/user2?request=true").by(access)).await.expect(200);
    let code = world.cloud.mail.code("A@x.io");
    world.cloud.call(Call::delete(&format!("/v1/user2?verification_code={code}")).by(access)).await.expect(200);
    for (partition, sort) in [link, ("account#a@x.io".to_owned(), "credential")] {
        let key = Key::new(TableId::Identity, partition, sort);
        assert_eq!(world.cloud.ports().table.get(&key).await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_person_stays_the_same_when_the_address_changes() {
    let world = World::new();
    let user = world.user_id().await;
    assert_eq!(world.user_id().await, user);
    world.knows("s1", "new@x.io");
    assert_eq!(world.user_id().await, user);
    // Somebody else who has the old address now, says the provider, has the account of that address.
    world.knows("s2", "other@x.io");
    assert_ne!(world.user_id().await, user);
}

#[tokio::test]
async fn a_confirmed_account_of_the_address_is_the_persons() {
    let world = World::new();
    let user = world.cloud.user("a").await;
    assert_eq!(world.user_id().await, user.id);
    world.log_in(PASSWORD).await.expect(200);
}

#[tokio::test]
async fn who_signed_up_with_the_address_first_gains_nothing() {
    let world = World::new();
    world.sign_up().await;
    let code = world.cloud.mail.code("a@x.io");
    assert_eq!(whose(&world.cloud, "a@x.io").await, None);
    let tokens = world.sign_in().await;
    assert!(whose(&world.cloud, "a@x.io").await.is_some());
    world.log_in(PASSWORD).await.expect_failure(400, 101_009);
    let confirm = json!({ "user_name": "a@x.io", "verification_code": code });
    world.cloud.call(Call::post("/v1/user2").json(&confirm)).await.expect_failure(400, 101_011);
    let access = tokens["access_token"].as_str().unwrap();
    world.cloud.call(Call::get("/v1/user2").by(access)).await.expect(200);
}

#[tokio::test]
async fn an_address_that_is_not_verified_makes_nothing() {
    let world = World::new();
    *world.elsewhere.person.lock() = None;
    let (state, cookie) = world.begin().await;
    let seen = world.back(&state, &cookie, &[("code", "right")]).await;
    assert_eq!((seen.status, seen.param("error").as_deref(), seen.param("state").as_deref()), (302, Some("access_denied"), Some("mine")));
    assert!(seen.location.unwrap().starts_with(LOCAL));
    world.sign_up().await;
}

#[tokio::test]
async fn only_the_browser_that_left_comes_back_and_once() {
    let world = World::new();
    let (state, cookie) = world.begin().await;
    let (other_state, other_cookie) = world.begin().await;
    let right = [("code", "right")];
    let value = cookie.split_once('=').unwrap().1;
    let name = other_cookie.split_once('=').unwrap().0;
    for (state, cookie) in [
        (state.as_str(), ""),
        (&state, &other_cookie),
        (&state, &format!("{name}={value}")),
        (&format!("{state}0"), &cookie),
        ("", &cookie),
        (&other_state, &cookie),
    ] {
        let seen = world.back(state, cookie, &right).await;
        assert!(seen.status == 400 && seen.location.is_none(), "{state} {cookie}: {seen:?}");
    }
    assert_eq!(world.back(&state, &cookie, &right).await.status, 302);
    assert_eq!(world.back(&state, &cookie, &right).await.status, 400);
    world.cloud.clock.pass(600);
    assert_eq!(world.back(&other_state, &other_cookie, &right).await.status, 400);
}

#[tokio::test]
async fn what_the_provider_refuses_goes_back_to_the_client() {
    let world = World::new();
    for (more, error) in [
        (&[("error", "access_denied"), ("error_description", "<b>")][..], "access_denied"),
        (&[("code", "wrong")], "access_denied"),
        (&[], "invalid_request"),
    ] {
        let (state, cookie) = world.begin().await;
        let seen = world.back(&state, &cookie, more).await;
        assert_eq!((seen.status, seen.param("error").as_deref(), seen.param("state").as_deref()), (302, Some(error), Some("mine")));
        assert!(!seen.location.unwrap().contains("%3Cb"));
    }
    let seen = get(&world.cloud, "/authorize", &request(&[("identity_provider", "Nobody")])).await;
    assert_eq!(seen.param("error").as_deref(), Some("invalid_request"));
}

#[tokio::test]
async fn an_answer_as_a_form_comes_back_as_a_query_so_that_the_cookie_does_too() {
    let world = World::new();
    let (state, cookie) = world.begin().await;
    let seen = post(&world.cloud, "/oauth2/idpresponse", &[("state", &state), ("code", "right"), ("user", "{}")]).await;
    let location = seen.location.unwrap();
    assert!(seen.status == 303 && location.starts_with("/oauth2/idpresponse?") && !location.contains("user"), "{location}");
    let seen = send(&world.cloud, Method::GET, &location, &[("cookie", &cookie)], String::new()).await;
    assert_eq!(seen.status, 302);
}

#[tokio::test]
async fn the_page_offers_providers_under_the_public_address() {
    let world = World::new();
    let seen = get(&world.cloud, "/authorize", &request(&[("state", "s\"1")])).await;
    assert!(seen.body.contains("Continue with Work"), "{}", seen.body);
    assert!(
        seen.body.contains("href=\"https://cloud.test/authorize?response_type=code&amp;") && seen.body.contains("identity_provider=Work\""),
        "{}",
        seen.body
    );
}
