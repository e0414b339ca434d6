//! Claims: with a user's token and by a chip's own proof; who gets which id and whose certificate counts.

use data_encoding::{HEXLOWER, HEXUPPER};
use futures_util::future::{join, join_all};
use ring::hmac;
use serde_json::{Value, json};
use shared::{
    access::Grant,
    claim::{
        authority::Authority,
        proof::CHALLENGE_SECONDS,
        secret::{self, Secret},
    },
    node::certificate::{Fingerprint, find, revoke},
    port::Rules,
};
use tests::{Answer, Call, Cloud, NodeKey, User, keys};

const MAC: &str = "240AC4AABBCC";
const SECRET: &str = "000102030405060708090a0b0c0d0e0f";

async fn call(cloud: &Cloud, user: Option<&User>, path: &str, body: &Value) -> Answer {
    let call = Call::post(path).json(body);
    cloud.call(if let Some(user) = user { call.by(&user.access) } else { call }).await
}

async fn initiate(cloud: &Cloud, user: &User, mac: &str) -> Answer {
    call(cloud, Some(user), "/claim/initiate", &json!({ "mac_addr": mac, "platform": "esp32s3" })).await
}

async fn id(cloud: &Cloud, user: &User, mac: &str) -> String {
    initiate(cloud, user, mac).await.expect(200)["node_id"].as_str().unwrap().to_owned()
}

async fn verify(cloud: &Cloud, user: &User, csr: &str) -> Answer {
    call(cloud, Some(user), "/claim/verify?matter=False", &json!({ "csr": csr })).await
}

/// The certificate in an answer, in DER.
fn certificate(answer: &Value) -> Vec<u8> {
    let text = answer["certificate"].as_str().unwrap();
    assert!(text.starts_with("-----BEGIN CERTIFICATE-----\n") && text.ends_with("-----END CERTIFICATE-----\n") && !text.contains('\r'));
    pem::parse(text).unwrap().into_contents()
}

/// The node for which a certificate counts, if it does.
async fn counts_for(cloud: &Cloud, certificate: &[u8]) -> Option<String> {
    let found = find(cloud.ports(), &Fingerprint::of(certificate)).await.unwrap()?;
    (!found.revoked).then(|| found.node.to_string())
}

#[tokio::test]
async fn who_claimed_a_node_once_cannot_take_it_from_its_next_owner() {
    let cloud = Cloud::new();
    let (first, next) = (cloud.user("a").await, cloud.user("b").await);
    let node = id(&cloud, &first, MAC).await;
    let sold = certificate(&verify(&cloud, &first, &NodeKey::new().csr(&node)).await.expect(200));
    cloud.light(&next, &node).await;
    verify(&cloud, &first, &NodeKey::new().csr(&node)).await.expect_failure(400, 100_012);
    assert_eq!(counts_for(&cloud, &sold).await, Some(node.clone()), "the board's own certificate goes on");
    // The control: while it is nobody's or theirs, they may.
    let remove = json!({ "node_id": node, "operation": "remove" });
    cloud.call(Call::put("/v1/user/nodes/mapping").by(&next.access).json(&remove)).await.expect(200);
    verify(&cloud, &first, &NodeKey::new().csr(&node)).await.expect(200);
    cloud.light(&first, &node).await;
    verify(&cloud, &first, &NodeKey::new().csr(&node)).await.expect(200);
}

#[tokio::test]
async fn a_user_claims_an_id_and_a_certificate_for_it() {
    let cloud = Cloud::new();
    let user = cloud.user("a").await;
    let node = id(&cloud, &user, MAC).await;
    let key = NodeKey::new();
    let answer = verify(&cloud, &user, &key.csr(&node)).await;
    let told = answer.expect(200);
    assert!(answer.body.len() < 3072 && !answer.body.contains(r"\/") && !answer.body.contains(r"\u") && !answer.body.contains(r"\r"));
    assert_eq!(told.as_object().unwrap().len(), 1, "no hosts unless they are asked for");
    let certificate = certificate(&told);
    assert_eq!(counts_for(&cloud, &certificate).await, Some(node.clone()));
    let (_, parsed) = x509_parser::parse_x509_certificate(&certificate).unwrap();
    assert_eq!(parsed.subject().to_string(), format!("CN={node}"));
    assert_eq!((parsed.public_key().raw, parsed.validity().not_after.timestamp()), (&key.public()[..], 253_402_300_799));
    assert!(!parsed.basic_constraints().unwrap().unwrap().value.ca);
    let hosts = json!({ "csr": key.csr(&node), "send_mqtt_host": true, "node_policies": "mqtt,videostream" });
    let told = call(&cloud, Some(&user), "/claim/verify", &hosts).await.expect(200);
    assert_eq!((&told["mqtt_host"], &told["mqtt_cred_host"]), (&json!("mqtt.cloud.test"), &json!("mqtt.cloud.test")));
    let nodes = cloud.call(Call::get("/v1/user/nodes").by(&user.access)).await.expect(200);
    assert_eq!(nodes["nodes"], json!([]), "a claim is no mapping");
}

#[tokio::test]
async fn an_id_is_of_one_user_and_one_mac() {
    let cloud = Cloud::new();
    let (user, other) = (cloud.user("a").await, cloud.user("b").await);
    let first = id(&cloud, &user, MAC).await;
    assert_eq!(id(&cloud, &user, &MAC.to_lowercase()).await, first);
    assert_ne!(id(&cloud, &user, "240AC4AABBCD").await, first);
    assert_ne!(id(&cloud, &other, MAC).await, first);
    let at_once = join_all((0..8).map(|_| id(&cloud, &user, "240AC4AABBCE"))).await;
    assert!(at_once.iter().all(|node| *node == at_once[0]), "{at_once:?}");
}

#[tokio::test]
async fn a_new_key_ends_the_old_certificate_and_the_same_key_none() {
    let cloud = Cloud::new();
    let user = cloud.user("a").await;
    let node = id(&cloud, &user, MAC).await;
    let (key, new) = (NodeKey::new(), NodeKey::new());
    let csr = key.csr(&node);
    let first = certificate(&verify(&cloud, &user, &csr).await.expect(200));
    assert_eq!(certificate(&verify(&cloud, &user, &csr).await.expect(200)), first, "a repeated request");
    assert_eq!(certificate(&verify(&cloud, &user, &key.csr(&node)).await.expect(200)), first, "another request for the same key");
    assert!(cloud.fleet.take_disconnected().is_empty());
    let second = certificate(&verify(&cloud, &user, &new.csr(&node)).await.expect(200));
    assert_eq!((counts_for(&cloud, &first).await, counts_for(&cloud, &second).await), (None, Some(node.clone())));
    assert_eq!(cloud.fleet.take_disconnected(), [node.as_str()]);
    let back = certificate(&verify(&cloud, &user, &csr).await.expect(200));
    assert_ne!(back, first, "what was revoked stays so");
    assert_eq!(counts_for(&cloud, &back).await, Some(node));
}

#[tokio::test]
async fn requests_at_the_same_moment_end_with_one_good_certificate() {
    for _ in 0..6 {
        let cloud = Cloud::new();
        let user = cloud.user("a").await;
        let node = id(&cloud, &user, MAC).await;
        let csr = NodeKey::new().csr(&node);
        let (one, two) = join(verify(&cloud, &user, &csr), verify(&cloud, &user, &csr)).await;
        let certificates = [certificate(&one.expect(200)), certificate(&two.expect(200))];
        assert_eq!(certificates[0], certificates[1]);
        assert_eq!(counts_for(&cloud, &certificates[0]).await, Some(node));
    }
}

#[tokio::test]
async fn the_ca_is_made_once_and_signs_all() {
    let cloud = Cloud::new();
    let user = cloud.user("a").await;
    let every = join_all((0..8).map(|_| Authority::open(cloud.ports()))).await;
    let key = NodeKey::new();
    let node = id(&cloud, &user, MAC).await;
    let issuer_of = |der: &[u8]| x509_parser::parse_x509_certificate(der).unwrap().1.issuer().to_string();
    let ours = issuer_of(&certificate(&verify(&cloud, &user, &key.csr(&node)).await.expect(200)));
    for authority in every {
        let der = authority.unwrap().issue(&node.parse().unwrap(), &key.public(), 1_790_000_000).unwrap();
        assert_eq!(issuer_of(&der), ours, "its name holds a part of its key");
    }
}

#[tokio::test]
async fn a_certificate_is_for_an_id_that_this_user_was_given() {
    let cloud = Cloud::new();
    let (user, other) = (cloud.user("a").await, cloud.user("b").await);
    let node = id(&cloud, &user, MAC).await;
    let key = NodeKey::new();
    let good = certificate(&verify(&cloud, &user, &key.csr(&node)).await.expect(200));
    cloud.key("factory").await;
    for csr in [NodeKey::new().csr(&node), key.csr(&node), key.csr("factory"), key.csr("anything"), key.csr(MAC)] {
        let why = verify(&cloud, &other, &csr).await.expect_failure(400, 100_012);
        assert!(why.contains("not given"), "{why}");
    }
    assert_eq!(counts_for(&cloud, &good).await, Some(node));
}

#[tokio::test]
async fn of_a_request_only_name_and_key_are_taken() {
    let cloud = Cloud::new();
    let user = cloud.user("a").await;
    let node = id(&cloud, &user, MAC).await;
    let key = NodeKey::new();
    let mut params = keys::params(&node);
    params.subject_alt_names = vec![rcgen::SanType::DnsName("cloud.test".try_into().unwrap())];
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params.key_usages = vec![rcgen::KeyUsagePurpose::KeyCertSign];
    params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    let der = certificate(&verify(&cloud, &user, &key.request(&params)).await.expect(200));
    let (_, parsed) = x509_parser::parse_x509_certificate(&der).unwrap();
    assert!(parsed.subject_alternative_name().unwrap().is_none() && !parsed.is_ca());
    assert!(!parsed.key_usage().unwrap().unwrap().value.key_cert_sign());
    let usage = parsed.extended_key_usage().unwrap().unwrap().value;
    assert!(usage.client_auth && !usage.server_auth);
}

#[tokio::test]
async fn strange_requests_are_refused_in_words() {
    let cloud = Cloud::new();
    let user = cloud.user("a").await;
    let node = id(&cloud, &user, MAC).await;
    let key = NodeKey::new();
    let mut two_names = keys::params(&node);
    two_names.distinguished_name.push(rcgen::DnType::CustomDnType(vec![2, 5, 4, 3]), "other");
    let csr = key.csr(&node);
    let broken = csr.replacen("MI", "MJ", 1);
    for csr in [json!(key.request(&two_names)), json!(broken), json!(""), json!(csr.replace('\n', "\\n")), Value::Null] {
        let why = call(&cloud, Some(&user), "/claim/verify", &json!({ "csr": csr })).await.expect_failure(400, 100_012);
        assert!(why.starts_with("the certificate request is not valid"), "{why}");
    }
    call(&cloud, Some(&user), "/claim/verify", &json!({ "csr": 1 })).await.expect_failure(400, 100_006);
    let why = call(&cloud, Some(&user), "/claim/verify?matter=True", &json!({ "csr": csr })).await.expect_failure(400, 100_012);
    assert!(why.contains("Matter"), "{why}");
    for (body, says) in [
        (json!({ "mac_addr": "24:0A:C4:AA:BB:CC", "platform": "esp32" }), "mac_addr"),
        (json!({ "mac_addr": "240AC4AABB+C", "platform": "esp32" }), "mac_addr"),
        (json!({ "platform": "esp32" }), "mac_addr"),
        (json!({ "mac_addr": MAC }), "platform"),
        (json!({ "mac_addr": MAC, "platform": "esp8266" }), "platform"),
    ] {
        for user in [Some(&user), None] {
            let why = call(&cloud, user, "/claim/initiate", &body).await.expect_failure(400, 100_012);
            assert!(why.contains(says), "{why}");
        }
    }
    for path in ["/claim/initiate", "/claim/verify"] {
        cloud.call(Call::post(path).by("no token").text("{}")).await.expect_failure(401, 100_047);
        cloud.call(Call::post(path).by("").text("{}")).await.expect_failure(401, 100_047);
    }
}

#[tokio::test]
async fn a_quota_counts_chips_and_holds_at_the_same_moment() {
    let cloud = Cloud::with_rules(Rules { claims_per_user: 3, ..Rules::default() });
    let (user, other) = (cloud.user("a").await, cloud.user("b").await);
    let macs: Vec<_> = (0..8).map(|number| format!("240AC4AABB{number:02X}")).collect();
    let answers = join_all(macs.iter().map(|mac| initiate(&cloud, &user, mac))).await;
    let (given, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 200);
    assert_eq!((given.len(), refused.len()), (3, 5));
    for answer in refused {
        assert!(answer.expect_failure(400, 100_012).contains("quota"));
    }
    let mut again = 0;
    for mac in &macs {
        again += usize::from(initiate(&cloud, &user, mac).await.status == 200);
    }
    assert_eq!(again, 3, "what was claimed may be claimed again");
    initiate(&cloud, &other, MAC).await.expect(200);
}

#[tokio::test]
async fn a_node_that_the_owner_revoked_is_not_brought_back_by_its_user() {
    let cloud = Cloud::new();
    let user = cloud.user("a").await;
    let node = id(&cloud, &user, MAC).await;
    let key = NodeKey::new();
    verify(&cloud, &user, &key.csr(&node)).await.expect(200);
    revoke(cloud.ports(), &Grant::trusted_because("a test", node.parse().unwrap())).await.unwrap();
    for key in [key, NodeKey::new()] {
        let why = verify(&cloud, &user, &key.csr(&node)).await.expect_failure(400, 100_012);
        assert!(why.contains("revoked"), "{why}");
    }
}

/// A chip that claims for itself.
struct Chip<'a> {
    cloud: &'a Cloud,
    mac: &'a str,
}

struct Asked {
    id: String,
    challenge: String,
}

impl Chip<'_> {
    async fn ask(&self) -> Asked {
        let told = call(self.cloud, None, "/claim/initiate", &json!({ "mac_addr": self.mac, "platform": "esp32s3" })).await.expect(200);
        assert_eq!(told.as_object().unwrap().len(), 2);
        Asked { id: told["auth_id"].as_str().unwrap().to_owned(), challenge: told["challenge"].as_str().unwrap().to_owned() }
    }

    async fn answer(&self, asked: &Asked, secret: &str, csr: &str) -> Answer {
        let key = hmac::Key::new(hmac::HMAC_SHA512, &HEXLOWER.decode(secret.as_bytes()).unwrap());
        let response = HEXUPPER.encode(hmac::sign(&key, asked.challenge.as_bytes()).as_ref());
        let body = json!({ "auth_id": asked.id, "challenge_response": response, "csr": csr });
        call(self.cloud, None, "/claim/verify", &body).await
    }

    async fn claim(&self, key: &NodeKey) -> Answer {
        self.answer(&self.ask().await, SECRET, &key.csr(self.mac)).await
    }
}

async fn with_secret() -> Cloud {
    let cloud = Cloud::new();
    secret::add(cloud.ports(), &[(MAC.parse().unwrap(), SECRET.parse::<Secret>().unwrap())]).await.unwrap();
    cloud
}

#[tokio::test]
async fn a_chip_with_a_registered_secret_claims_for_itself() {
    let cloud = with_secret().await;
    let chip = Chip { cloud: &cloud, mac: MAC };
    let asked = chip.ask().await;
    assert!(asked.id.len() <= 63 && asked.challenge.len() <= 129 && asked.challenge.is_ascii());
    let key = NodeKey::new();
    let answer = chip.answer(&asked, SECRET, &key.csr(MAC)).await;
    let told = answer.expect(200);
    assert!(answer.body.len() < 3072);
    assert_eq!((&told["mqtt_host"], &told["mqtt_cred_host"]), (&json!("mqtt.cloud.test"), &json!("mqtt.cloud.test")));
    let first = certificate(&told);
    assert_eq!(counts_for(&cloud, &first).await.as_deref(), Some(MAC));
    let why = chip.answer(&asked, SECRET, &key.csr(MAC)).await.expect_failure(400, 100_012);
    assert!(why.contains("challenge response"), "{why}");
    let new = NodeKey::new();
    let second = certificate(&chip.claim(&new).await.expect(200));
    assert_eq!((counts_for(&cloud, &first).await, counts_for(&cloud, &second).await.as_deref()), (None, Some(MAC)));
    assert!(secret::remove(cloud.ports(), &MAC.parse().unwrap()).await.unwrap());
    assert!(!secret::remove(cloud.ports(), &MAC.parse().unwrap()).await.unwrap());
    chip.claim(&new).await.expect_failure(400, 100_012);
    assert_eq!(counts_for(&cloud, &second).await.as_deref(), Some(MAC), "the certificate stays");
}

#[tokio::test]
async fn who_lacks_the_secret_gets_nothing_and_learns_nothing() {
    let cloud = with_secret().await;
    let (chip, unknown) = (Chip { cloud: &cloud, mac: MAC }, Chip { cloud: &cloud, mac: "240AC4AABBCD" });
    let key = NodeKey::new();
    let wrong = "f".repeat(32);
    let (asked, of_unknown) = (chip.ask().await, unknown.ask().await);
    assert_eq!((asked.id.len(), asked.challenge.len()), (of_unknown.id.len(), of_unknown.challenge.len()));
    let known = chip.answer(&asked, &wrong, &key.csr(MAC)).await;
    assert_eq!(known, unknown.answer(&of_unknown, &wrong, &key.csr(unknown.mac)).await);
    known.expect_failure(400, 100_012);
    // The secret that stands in for none opens nothing.
    unknown.answer(&unknown.ask().await, &"0".repeat(32), &key.csr(unknown.mac)).await.expect_failure(400, 100_012);
    // For another chip, with another's challenge, without an answer.
    chip.answer(&chip.ask().await, SECRET, &key.csr(unknown.mac)).await.expect_failure(400, 100_012);
    chip.answer(&of_unknown, SECRET, &key.csr(MAC)).await.expect_failure(400, 100_012);
    for body in [
        json!({ "csr": key.csr(MAC) }),
        json!({ "csr": key.csr(MAC), "auth_id": asked.id }),
        json!({ "csr": key.csr(MAC), "auth_id": "a/b" }),
    ] {
        call(&cloud, None, "/claim/verify", &body).await.expect_failure(400, 100_012);
    }
    // The third try is the last.
    assert_eq!(chip.answer(&asked, SECRET, &key.csr(MAC)).await.status, 200);
    let asked = chip.ask().await;
    for _ in 0..3 {
        chip.answer(&asked, &wrong, &key.csr(MAC)).await.expect_failure(400, 100_012);
    }
    chip.answer(&asked, SECRET, &key.csr(MAC)).await.expect_failure(400, 100_012);
    for platform in ["esp32", "esp32c2", "host"] {
        let body = json!({ "mac_addr": MAC, "platform": platform });
        call(&cloud, None, "/claim/initiate", &body).await.expect_failure(400, 100_012);
    }
}

#[tokio::test]
async fn a_challenge_is_good_for_minutes_and_for_one_certificate() {
    let cloud = with_secret().await;
    let chip = Chip { cloud: &cloud, mac: MAC };
    let key = NodeKey::new();
    let asked = chip.ask().await;
    cloud.clock.pass(CHALLENGE_SECONDS);
    chip.answer(&asked, SECRET, &key.csr(MAC)).await.expect_failure(400, 100_012);
    for _ in 0..10 {
        let asked = chip.ask().await;
        let (one, two) = (key.csr(MAC), NodeKey::new().csr(MAC));
        let (one, two) = join(chip.answer(&asked, SECRET, &one), chip.answer(&asked, SECRET, &two)).await;
        let mut statuses = [one.status, two.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 400]);
    }
}

#[tokio::test]
async fn the_owner_sees_the_chips_in_pages() {
    let cloud = Cloud::new();
    let chips: Vec<_> = (0..25).map(|number| (format!("240AC4AABB{number:02X}").parse().unwrap(), SECRET.parse().unwrap())).collect();
    secret::add(cloud.ports(), &chips).await.unwrap();
    secret::add(cloud.ports(), &chips[..1]).await.unwrap();
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let (page, next) = secret::list(cloud.ports(), 10, after).await.unwrap();
        assert!(page.iter().all(|chip| chip.registered_at == 1_790_000_000));
        seen.extend(page.into_iter().map(|chip| chip.mac));
        after = next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, chips.into_iter().map(|(mac, _)| mac).collect::<Vec<_>>());
}
