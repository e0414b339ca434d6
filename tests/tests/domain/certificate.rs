//! Certificates: known by fingerprint, a node's alone, revoked for good.

use shared::{
    Refusal,
    access::Grant,
    node::certificate::{self, Fingerprint, NewCertificate, end_revoked, find, register, revoke},
};
use tests::Cloud;

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
