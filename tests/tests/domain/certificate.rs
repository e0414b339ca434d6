//! Certificates: known by fingerprint, a node's alone, revoked for good.

use serde_json::json;
use shared::{
    Refusal,
    access::Grant,
    node::certificate::{self, Fingerprint, NewCertificate, end_revoked, find, register, revoke},
};
use tests::{Answer, Call, Cloud, NodeKey, User};

fn node(id: &str) -> Grant<shared::access::role::Itself> {
    Grant::trusted_because("a test registers nodes", id.parse().unwrap())
}

fn known_by(mark: u8) -> NewCertificate {
    NewCertificate { fingerprint: Fingerprint([mark; 32]), der: vec![mark] }
}

#[tokio::test]
async fn a_node_has_one_certificate_and_the_old_one_ends() {
    let cloud = Cloud::new();
    let ports = cloud.ports();
    let (first, second) = (Fingerprint([1; 32]), Fingerprint([2; 32]));
    register(ports, &node("n1"), &known_by(1)).await.unwrap();
    register(ports, &node("n1"), &known_by(1)).await.unwrap();
    assert!(!find(ports, &first).await.unwrap().unwrap().revoked);
    register(ports, &node("n1"), &known_by(2)).await.unwrap();
    assert!(find(ports, &first).await.unwrap().unwrap().revoked);
    assert_eq!(find(ports, &second).await.unwrap().unwrap().node.as_str(), "n1");
    assert!(find(ports, &Fingerprint([3; 32])).await.unwrap().is_none());
    for (id, taken) in [("n2", 2), ("n1", 1)] {
        let refused = register(ports, &node(id), &known_by(taken)).await.unwrap_err();
        assert!(matches!(refused, shared::Error::Refused(Refusal::InvalidRequest(_))), "{refused}");
    }
    assert_eq!(find(ports, &second).await.unwrap().unwrap().node.as_str(), "n1");
}

#[tokio::test]
async fn revoking_ends_the_connection_also_from_another_process() {
    let cloud = Cloud::new();
    let ports = cloud.ports();
    register(ports, &node("n1"), &known_by(1)).await.unwrap();
    let after = end_revoked(ports, None).await.unwrap();
    revoke(ports, &node("n1")).await.unwrap();
    assert_eq!(cloud.fleet.take_disconnected(), ["n1"]);
    assert!(find(ports, &Fingerprint([1; 32])).await.unwrap().unwrap().revoked);
    let after = end_revoked(ports, after).await.unwrap();
    assert_eq!(cloud.fleet.take_disconnected(), ["n1"]);
    let after = end_revoked(ports, after).await.unwrap();
    assert!(cloud.fleet.take_disconnected().is_empty() && after.is_some());
    assert!(revoke(ports, &node("n2")).await.is_err());
}

#[tokio::test]
async fn the_owner_sees_all_nodes_in_pages() {
    let cloud = Cloud::new();
    for number in 0..25_u8 {
        register(cloud.ports(), &node(&format!("n{number:02}")), &known_by(number)).await.unwrap();
    }
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let (page, next) = certificate::list(cloud.ports(), 10, after).await.unwrap();
        seen.extend(page.into_iter().map(|registered| registered.node.to_string()));
        after = next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, (0..25).map(|number| format!("n{number:02}")).collect::<Vec<_>>());
}

/// Things that the broker is asked for when a certificate is replaced, or revoked.
const MOST: usize = 5;

async fn claim(cloud: &Cloud, user: &User) -> String {
    let chip = json!({ "mac_addr": "240AC4AABBCC", "platform": "esp32s3" });
    let told = cloud.call(Call::post("/claim/initiate").by(&user.access).json(&chip)).await.expect(200);
    told["node_id"].as_str().unwrap().to_owned()
}

async fn verify(cloud: &Cloud, user: &User, id: &str, key: &NodeKey) -> Answer {
    cloud.call(Call::post("/claim/verify").by(&user.access).json(&json!({ "csr": key.csr(id) }))).await
}

/// The fingerprint of the certificate that was told.
fn told(answer: &Answer) -> String {
    let pem = answer.expect(200)["certificate"].as_str().unwrap().to_owned();
    Fingerprint::of(pem::parse(pem).unwrap().contents()).to_string()
}

/// What a certificate that opens connections has: a record that says whose it is.
async fn assert_written(cloud: &Cloud, id: &str, but_may_be_revoked: bool) {
    for (fingerprint, client) in cloud.fleet.certificates() {
        let bytes = data_encoding::HEXLOWER.decode(fingerprint.as_bytes()).unwrap();
        let known = find(cloud.ports(), &Fingerprint(bytes.try_into().unwrap())).await.unwrap().unwrap();
        assert_eq!((known.node.as_str(), client.as_str()), (id, id));
        assert!(but_may_be_revoked || !known.revoked);
    }
}

#[tokio::test]
async fn a_claim_that_is_interrupted_leaves_no_unknown_certificate_and_is_put_right_by_the_next() {
    for things in 0..=MOST {
        for same_key in [true, false] {
            let cloud = Cloud::new();
            let user = cloud.user("a").await;
            let id = claim(&cloud, &user).await;
            told(&verify(&cloud, &user, &id, &NodeKey::new()).await);
            let (second, third) = (NodeKey::new(), NodeKey::new());
            cloud.fleet.fail_after(Some(things));
            let interrupted = verify(&cloud, &user, &id, &second).await;
            assert_eq!(interrupted.status == 200, things >= 3, "{things}: {}", interrupted.body);
            assert_written(&cloud, &id, true).await;
            cloud.fleet.fail_after(None);
            let last = told(&verify(&cloud, &user, &id, if same_key { &second } else { &third }).await);
            assert_eq!(cloud.fleet.certificates(), [(last, id.clone())].into());
            assert_written(&cloud, &id, false).await;
        }
    }
}

#[tokio::test]
async fn what_was_revoked_opens_nothing_whatever_interrupts() {
    for things in 0..=MOST {
        let cloud = Cloud::new();
        let user = cloud.user("a").await;
        let id = claim(&cloud, &user).await;
        told(&verify(&cloud, &user, &id, &NodeKey::new()).await);
        let key = NodeKey::new();
        told(&verify(&cloud, &user, &id, &key).await);
        cloud.fleet.fail_after(Some(things));
        let done = revoke(cloud.ports(), &node(&id)).await;
        assert_eq!(done.is_ok(), things >= 3, "{things}");
        assert_written(&cloud, &id, false).await;
        cloud.fleet.fail_after(None);
        revoke(cloud.ports(), &node(&id)).await.unwrap();
        assert!(cloud.fleet.certificates().is_empty());
        assert_ne!(verify(&cloud, &user, &id, &key).await.status, 200);
        assert!(cloud.fleet.certificates().is_empty());
    }
}
