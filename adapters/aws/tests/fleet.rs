//! The port `Fleet` on AWS IoT Core, as the local emulator plays it.

#![expect(clippy::unwrap_used, reason = "a test that meets an error is to fail")]

use aws::{
    client::Sdk,
    iot::{IotFleet, Settings},
};
use aws_sdk_iot::{Client, types::CertificateStatus};
use bytes::Bytes;
use shared::{node::certificate::Fingerprint, port::fleet::Fleet as _};
use tests::{
    NodeKey,
    emulator::{config, policy, unique},
};

struct World {
    control: Client,
    policy: String,
    fleet: IotFleet,
    node: String,
    certificate: Vec<u8>,
    fingerprint: String,
}

/// What AWS IoT knows of a certificate.
#[derive(Debug, PartialEq)]
struct Known {
    status: CertificateStatus,
    things: Vec<String>,
    policies: Vec<String>,
}

impl World {
    async fn new() -> Self {
        let (config, policy, node) = (config().await, policy().await, unique("node"));
        let control = Client::new(&config);
        let settings = Settings { policy: Some(policy.clone()), host: None };
        let certificate = NodeKey::new().certificate(&node);
        let fingerprint = Fingerprint::of(&certificate).to_string();
        Self { control, policy, fleet: IotFleet::new(Sdk::with(config), settings), node, certificate, fingerprint }
    }

    async fn known(&self) -> Known {
        let told = self.control.describe_certificate().certificate_id(&self.fingerprint).send().await.unwrap();
        let certificate = told.certificate_description.unwrap();
        let arn = certificate.certificate_arn.unwrap();
        let things = self.control.list_principal_things().principal(&arn).send().await.unwrap().things;
        let policies = self.control.list_attached_policies().target(&arn).send().await.unwrap().policies;
        let names = policies.unwrap_or_default().into_iter().filter_map(|policy| policy.policy_name);
        Known { status: certificate.status.unwrap(), things: things.unwrap_or_default(), policies: names.collect() }
    }

    fn revoked(&self) -> Known {
        Known { status: CertificateStatus::Revoked, things: vec![], policies: vec![self.policy.clone()] }
    }

    fn open(&self) -> Known {
        Known { status: CertificateStatus::Active, things: vec![self.node.clone()], policies: vec![self.policy.clone()] }
    }
}

#[tokio::test]
async fn a_certificate_opens_connections_until_it_is_revoked() {
    let world = World::new().await;
    for _ in 0..2 {
        world.fleet.register(&world.node, &world.certificate).await.unwrap();
        assert_eq!(world.known().await, world.open());
    }
    let other = NodeKey::new().certificate(&world.node);
    world.fleet.register(&world.node, &other).await.unwrap();
    for _ in 0..2 {
        world.fleet.revoke(&world.node, &world.fingerprint).await.unwrap();
        assert_eq!(world.known().await, world.revoked());
    }
    // What is revoked stays so.
    world.fleet.register(&world.node, &world.certificate).await.unwrap();
    assert_eq!(world.known().await.status, CertificateStatus::Revoked);
    let rest = World { fingerprint: Fingerprint::of(&other).to_string(), ..world };
    assert_eq!(rest.known().await, rest.open());
}

#[tokio::test]
async fn what_was_interrupted_is_finished_by_doing_it_again() {
    let world = World::new().await;
    world.control.create_thing().thing_name(&world.node).send().await.unwrap();
    let text = pem::encode(&pem::Pem::new("CERTIFICATE", world.certificate.clone()));
    let register = world.control.register_certificate_without_ca().certificate_pem(text);
    register.status(CertificateStatus::Active).send().await.unwrap();
    world.fleet.register(&world.node, &world.certificate).await.unwrap();
    assert_eq!(world.known().await, world.open());

    let revoke = world.control.update_certificate().certificate_id(&world.fingerprint).new_status(CertificateStatus::Revoked);
    revoke.send().await.unwrap();
    world.fleet.revoke(&world.node, &world.fingerprint).await.unwrap();
    assert_eq!(world.known().await, world.revoked());
}

#[tokio::test]
async fn what_never_was_is_revoked_and_disconnected_without_a_word() {
    let world = World::new().await;
    world.fleet.revoke(&world.node, &world.fingerprint).await.unwrap();
    world.fleet.disconnect(&world.node).await.unwrap();
}

#[tokio::test]
async fn who_has_no_policy_of_nodes_registers_none() {
    let world = World::new().await;
    let other = IotFleet::new(Sdk::with(config().await), Settings::default());
    assert!(other.register(&world.node, &world.certificate).await.is_err());
    assert!(world.control.describe_certificate().certificate_id(&world.fingerprint).send().await.is_err());
}

#[tokio::test]
async fn what_is_published_is_taken_or_an_error() {
    let world = World::new().await;
    let payload = Bytes::from_static(br#"{"Light":{"Power":true}}"#);
    let told = world.fleet.publish(format!("node/{}/params/remote", world.node), payload.clone()).await.unwrap();
    assert_eq!(told, None, "AWS does not tell who listens");
    let refused = world.fleet.publish("$aws/nobody/may".to_owned(), payload).await.unwrap_err();
    assert!(refused.to_string().contains("Publish: "), "{refused}");
}

#[tokio::test]
async fn nodes_connect_at_the_accounts_endpoint_or_at_a_name_for_it() {
    let world = World::new().await;
    let host = world.fleet.host().await.unwrap();
    assert!(host.contains('.') && !host.contains([':', '/']), "{host}");
    let settings = Settings { host: Some("mqtt.example.com".to_owned()), policy: None };
    assert_eq!(IotFleet::new(Sdk::with(config().await), settings).host().await.unwrap(), "mqtt.example.com");
}
