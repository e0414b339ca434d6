"""Host-driven and assisted claims: `POST /claim/initiate` and `/claim/verify` with a user's token."""

import pytest
from cryptography import x509
from support import keys
from support.cloud import Credentials
from support.device import Device, Refused, lamp
from support.user import failed, good

MAC = "240AC4AABBCC"


@pytest.mark.parametrize("key_type", ["ecdsa", "rsa"])
def test_the_command_line_claims_and_the_node_connects(cloud, user, new_cli, tmp_path, key_type):
    cli = new_cli(cloud.base).claim_at(cloud.base).log_in(user.name)
    out = tmp_path / "out"
    printed = cli.run("claim", "--mac", MAC, "--platform", "esp32s3", "--key_type", key_type, "--outdir", out)
    # There is no chip at a serial port; all before that is done.
    assert "Claiming done" in printed and "please provide the <port> argument" in printed, printed
    folder = out / user.id / MAC
    node_id = (folder / "node.info").read_text()
    assert (folder / "endpoint.info").read_text() == cloud.mqtt_host()
    assert (folder / f"{MAC}.bin").stat().st_size == 0x6000
    credentials = Credentials(node_id, folder)
    certificate = x509.load_pem_x509_certificate(credentials.certificate.read_bytes())
    assert certificate.subject.rfc4514_string() == f"CN={node_id}"
    assert certificate.not_valid_after_utc.year == 9999
    assert certificate.public_key() == keys.load(credentials).public_key()
    with Device(cloud, credentials, alpn=True) as device:
        user.map(device)
        device.boot(lamp(), {"Lamp": {"Power": True}})
    assert user.params(node_id)["Lamp"]["Power"] is True


def test_the_command_line_is_told_that_there_is_no_matter(cloud, user, new_cli, tmp_path):
    cli = new_cli(cloud.base).claim_at(cloud.base).log_in(user.name)
    printed = cli.run("claim", "--matter", "--mac", MAC, "--platform", "esp32c3", "--outdir", tmp_path / "out")
    assert "no Matter attestation" in printed, printed


def claim(user, key, mac=MAC, **more):
    node_id = good(user.post("/claim/initiate", {"mac_addr": mac, "platform": "esp32s3"}))["node_id"]
    return node_id, good(user.post("/claim/verify", {"csr": keys.csr(key, node_id), **more}))


def test_an_app_passes_answers_on_that_a_chip_can_read(cloud, user):
    initiated = user.post("/claim/initiate", {"mac_addr": MAC, "platform": "esp32"})
    assert initiated.status_code == 200 and len(initiated.content) < 200
    node_id = initiated.json()["node_id"]
    # The largest key gives the longest answer.
    answer = user.post("/claim/verify", {"csr": keys.csr(keys.rsa_of(4096), node_id), "send_mqtt_host": True, "node_policies": "videostream"})
    assert answer.status_code == 200 and len(answer.content) < 3072
    assert int(answer.headers["content-length"]) == len(answer.content) and "transfer-encoding" not in answer.headers
    for escaped in ["\\/", "\\u", "\\r"]:
        assert escaped not in answer.text
    told = answer.json()
    # A chip would keep the name for ever, and "localhost" means itself to it.
    host = cloud.mqtt_host()
    hosts = {} if host == "localhost" else {"mqtt_host": host, "mqtt_cred_host": host}
    assert told == {"certificate": told["certificate"], **hosts}
    assert answer.text.count("\\n") == told["certificate"].count("\n")


def test_a_claim_with_a_new_key_ends_the_connection_by_the_old_one(cloud, user, tmp_path):
    old, new = keys.ecdsa(), keys.ecdsa()
    node_id, told = claim(user, old)
    before = keys.store(tmp_path / "old", node_id, old, told["certificate"])
    device = Device(cloud, before).connect()
    again_id, told = claim(user, new)
    assert again_id == node_id
    device.wait_gone("the old certificate's connection ends")
    device.close()
    with pytest.raises(Refused):
        Device(cloud, before).connect()
    with Device(cloud, keys.store(tmp_path / "new", node_id, new, told["certificate"])):
        pass


def test_nobody_gets_a_certificate_of_anothers_id(cloud, user, new_user, credentials):
    node_id, _ = claim(user, keys.ecdsa())
    for name in [node_id, credentials.id, "n1"]:
        failed(new_user().post("/claim/verify", {"csr": keys.csr(keys.ecdsa(), name)}), 400, 100_012)
    with Device(cloud, credentials):
        pass


def test_a_quota_is_the_owners_setting(new_cloud, user_of):
    cloud = new_cloud("--claims-per-user", "1").start()
    user = user_of(cloud)
    claim(user, keys.ecdsa())
    claim(user, keys.ecdsa())
    told = failed(user.post("/claim/initiate", {"mac_addr": "240AC4AABBCD", "platform": "host"}), 400, 100_012)
    assert "quota" in told


def test_the_ca_of_claims_outlives_a_restart(new_cloud, user_of):
    cloud = new_cloud().start()
    _, told = claim(user_of(cloud), keys.ecdsa())
    first = x509.load_pem_x509_certificate(told["certificate"].encode())
    cloud.stop()
    cloud.start()
    _, told = claim(user_of(cloud), keys.ecdsa(), "240AC4AABBCD")
    assert x509.load_pem_x509_certificate(told["certificate"].encode()).issuer == first.issuer
