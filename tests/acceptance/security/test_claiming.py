"""Attacks on claiming: a certificate is for the node that its user claimed, and for nothing else."""

import base64
import secrets

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from support.cloud import Credentials
from support.device import Device, Refused
from support.user import good

# What would mean more than an id in a topic, a path or a key.
STRANGE = ["", "+", "#", "a/b", "node/+", "$aws", "../x", "a b", "a\tb", "ä", "x" * 64, "x" * 200, "a,CN=b", "*"]


@pytest.fixture(autouse=True)
def claiming(needs):
    needs("POST", "/claim/initiate")


def new_mac():
    """A MAC that nobody has claimed."""
    return secrets.token_hex(6).upper()


def csr(name, key, names=()):
    """A request for a certificate of this common name."""
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, one, _validate=False) for one in (name, *names)]
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(attributes))
    return request.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def initiate(user, mac, platform="ESP32S3"):
    return user.post("/claim/initiate", {"mac_addr": mac, "platform": platform})


def verify(user, request):
    return user.post("/claim/verify?matter=False", {"csr": request})


def refused(answer):
    """A failure of the contract's shape without a certificate in it."""
    assert answer.status_code in (400, 401, 403) and answer.json()["status"] == "failure", answer.text
    assert answer.json()["description"] and "BEGIN CERTIFICATE" not in answer.text, answer.text


@pytest.fixture
def key():
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture
def claimed(tmp_path):
    """Claims a node for a user as the command line does."""

    def claim(user, mac):
        key = ec.generate_private_key(ec.SECP256R1())
        node = good(initiate(user, mac))["node_id"]
        certificate = good(verify(user, csr(node, key)))["certificate"]
        credentials = Credentials(node, tmp_path / f"{node}-{secrets.token_hex(2)}")
        credentials.folder.mkdir()
        credentials.certificate.write_text(certificate)
        pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        credentials.key.write_bytes(pem)
        return credentials

    return claim


def test_a_claimed_node_comes_in(cloud, user, claimed):
    """What the attacks below are held against: the honest way works."""
    with Device(cloud, claimed(user, new_mac())) as device:
        user.map(device)
    assert user.nodes() == [device.id]


def test_nobody_gets_a_certificate_for_a_node_that_another_claims(user, new_user, key):
    node = good(initiate(new_user(), new_mac()))["node_id"]
    refused(verify(user, csr(node, key)))


def test_nobody_gets_a_certificate_for_a_node_that_exists(cloud, user, new_user, key, device, claimed):
    theirs = claimed(new_user(), new_mac())
    good(initiate(user, new_mac()))
    for node in (device.id, theirs.id):
        refused(verify(user, csr(node, key)))
    with Device(cloud, theirs) as still:
        still.publish("params/local", {"Lamp": {"Power": True}})


def test_nobody_takes_a_mac_over(cloud, user, new_user, claimed):
    mac, owner = new_mac(), new_user()
    first = claimed(owner, mac)
    second = claimed(user, mac)
    assert first.id != second.id, "who claims the same MAC gets another node"
    with Device(cloud, first) as still, Device(cloud, second):
        owner.map(still)
    assert user.nodes() == []


def test_a_claim_again_ends_the_certificate_before(cloud, user, claimed):
    mac = new_mac()
    first = claimed(user, mac)
    second = claimed(user, mac)
    assert first.id == second.id, "the same user and MAC are the same node"
    with Device(cloud, second), pytest.raises(Refused):
        Device(cloud, first).connect()


def test_a_claimed_certificate_is_for_its_own_client_id(cloud, user, claimed, device):
    credentials = claimed(user, new_mac())
    for other in (device.id, credentials.id.lower() + "x", "+", "#"):
        with pytest.raises(Refused):
            Device(cloud, credentials, client_id=other).connect()


@pytest.mark.filterwarnings("ignore:Attribute's length")
@pytest.mark.parametrize("name", STRANGE)
def test_a_name_that_means_something_is_certified_to_nobody(user, key, name):
    good(initiate(user, new_mac()))
    refused(verify(user, csr(name, key)))


def test_a_second_name_is_not_certified_beside_the_right_one(user, key, device):
    node = good(initiate(user, new_mac()))["node_id"]
    for names in ((device.id,), ("+",)):
        answer = verify(user, csr(node, key, names))
        if answer.status_code == 200:
            certificate = x509.load_pem_x509_certificate(answer.json()["certificate"].encode())
            names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
            assert [one.value for one in names] == [node]
    refused(verify(user, csr(device.id, key, (node,))))


@pytest.mark.parametrize("mac", [*STRANGE, "AABBCCDDEE+F", "AABBCCDDEE/F", "AABBCCDDEE#F", "AABBCCDDEEF", "AABBCCDDEEFF0", "GGGGGGGGGGGG"])
def test_what_is_no_mac_claims_nothing(user, mac):
    refused(initiate(user, mac))


def test_a_request_that_another_key_signed_is_refused(user, key):
    node = good(initiate(user, new_mac()))["node_id"]
    der = x509.load_pem_x509_csr(csr(node, key).encode()).public_bytes(serialization.Encoding.DER)
    # In the middle stands the public key, at the end the signature.
    for place in (len(der) // 2, len(der) - 4):
        changed = der[:place] + bytes([der[place] ^ 1]) + der[place + 1 :]
        lines = base64.encodebytes(changed).decode()
        refused(verify(user, f"-----BEGIN CERTIFICATE REQUEST-----\n{lines}-----END CERTIFICATE REQUEST-----\n"))


def test_what_a_request_asks_for_beside_its_name_is_not_granted(user, key):
    node = good(initiate(user, new_mac()))["node_id"]
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, node)])
    request = x509.CertificateSigningRequestBuilder().subject_name(name)
    request = request.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    request = request.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    pem = request.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()
    answer = verify(user, pem)
    if answer.status_code != 200:
        refused(answer)
        return
    certificate = x509.load_pem_x509_certificate(answer.json()["certificate"].encode())
    assert certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False
    with pytest.raises(x509.ExtensionNotFound):
        certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)


def test_without_a_token_and_without_a_registered_secret_nothing_is_certified(cloud, key):
    http, mac = cloud.http(), new_mac()
    begun = http.post("/claim/initiate", json={"mac_addr": mac, "platform": "ESP32S3"})
    assert "node_id" not in begun.text
    for auth in (begun.json().get("auth_id", "none"), "none", ""):
        for proof in ("00" * 64, begun.json().get("challenge", ""), ""):
            body = {"auth_id": auth, "challenge_response": proof, "csr": csr(mac, key)}
            refused(http.post("/claim/verify", json=body))
