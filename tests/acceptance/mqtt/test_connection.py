"""The broker as the firmware meets it: TLS, CONNECT, acknowledgements, and how connections end."""

import datetime
import shutil
import socket
import ssl
import time

import paho.mqtt.client as mqtt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from support.cloud import Credentials
from support.device import USERNAME, Device, Dropped, Refused, lamp
from support.user import good
from support.wait import settled
from support.wire import Wire


def comes_in(cloud, credentials, **more):
    """Does a connection with these credentials come up and work?"""
    with Device(cloud, credentials, **more) as device:
        device.publish("params/local", {"Lamp": {"Power": True}})
    return True


# How a node comes in.


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("alpn", [False, True])
@pytest.mark.parametrize("key", ["ecdsa", "rsa"])
def test_nodes_come_in_with_every_key_tls_and_port(cloud, version, alpn, key):
    credentials = cloud.add_nodes(key=key)[0]
    assert comes_in(cloud, credentials, alpn=alpn, tls=cloud.tls(credentials, version))


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
@pytest.mark.filterwarnings("ignore")
def test_older_tls_is_refused(cloud, credentials, version):
    context = cloud.tls(credentials)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = version
    with pytest.raises(Refused):
        comes_in(cloud, credentials, tls=context)


@pytest.mark.parametrize("names", [["x-amzn-mqtt-ca"], ["mqtt"], ["x-amzn-mqtt-ca", "http/1.1"], ["unknown"], None])
def test_the_mqtt_port_takes_any_alpn_or_none(cloud, credentials, names):
    with Wire(cloud, credentials, alpn=names) as wire:
        wire.publish("params/local", {"Lamp": {"Power": True}})


@pytest.mark.local("AWS IoT has a port for that, its stand-in has not")
@pytest.mark.parametrize("name", ["x-amzn-mqtt-ca", "mqtt"])
def test_the_https_port_takes_the_alpn_that_it_was_offered(cloud, credentials, name):
    with Wire(cloud, credentials, alpn=[name], port=cloud.alpn_port) as wire:
        assert wire.socket.selected_alpn_protocol() == name


@pytest.mark.parametrize("username", [USERNAME, "", None])
def test_a_user_name_without_a_password_does_not_matter(cloud, credentials, username):
    with Wire(cloud, credentials, username=username) as wire:
        wire.publish("params/local", {"Lamp": {"Power": True}})


def test_mqtt_5_is_spoken_too(cloud, credentials):
    assert comes_in(cloud, credentials, version=mqtt.MQTTv5)


# Who does not.


def write_credentials(folder, node, key, issuer_key=None, issuer=None):
    """A certificate for this node, signed by its own key or by another CA."""
    folder.mkdir()
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, node)])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer or name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=100))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(issuer_key or key, SHA256())
    )
    (folder / "node.crt").write_bytes(certificate.public_bytes(Encoding.PEM))
    (folder / "node.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return Credentials(node, folder)


def der(tag, content):
    return bytes([tag, len(content)]) + content


def with_a_strangers_key(credentials, folder):
    """The node's own certificate with a key that is not its: TLS libraries refuse such a pair, so the file
    claims the certificate's public key beside another private one."""
    folder.mkdir()
    shutil.copy(credentials.certificate, folder / "node.crt")
    public = (
        load_pem_private_key(credentials.key.read_bytes(), None)
        .public_key()
        .public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    )
    private = ec.generate_private_key(ec.SECP256R1()).private_numbers().private_value.to_bytes(32, "big")
    curve = der(0x06, bytes.fromhex("2a8648ce3d030107"))
    structure = der(0x02, b"\x01") + der(0x04, private) + der(0xA0, curve) + der(0xA1, der(0x03, b"\x00" + public))
    pem = ssl.DER_cert_to_PEM_cert(der(0x30, structure)).replace("CERTIFICATE", "EC PRIVATE KEY")
    (folder / "node.key").write_text(pem)
    return Credentials(credentials.id, folder)


@pytest.mark.parametrize("alpn", [False, True])
@pytest.mark.parametrize("kind", ["self-signed", "of another CA", "of the cloud's CA's name", "with a stranger's key", "none"])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_nobody_comes_in_without_a_registered_certificate_and_its_key(cloud, credentials, tmp_path, alpn, kind, version):
    key, folder = ec.generate_private_key(ec.SECP256R1()), tmp_path / "forged"
    if kind == "self-signed":
        forged = write_credentials(folder, credentials.id, key)
    elif kind == "of another CA":
        other = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Another CA")])
        forged = write_credentials(folder, credentials.id, key, ec.generate_private_key(ec.SECP256R1()), other)
    elif kind == "of the cloud's CA's name":
        name = x509.load_pem_x509_certificate(cloud.ca.read_bytes()).subject
        forged = write_credentials(folder, credentials.id, key, ec.generate_private_key(ec.SECP256R1()), name)
    elif kind == "with a stranger's key":
        forged = with_a_strangers_key(credentials, folder)
    else:
        forged = None
    with pytest.raises(Refused):
        comes_in(cloud, credentials, alpn=alpn, tls=cloud.tls(forged, version))
    assert comes_in(cloud, credentials, alpn=alpn, tls=cloud.tls(credentials, version)), "the control: the node itself"


def test_the_client_id_is_the_certificates(cloud, device, credentials):
    for other in (device.id, credentials.id.swapcase(), credentials.id + "2", "nobody", ""):
        with pytest.raises(Refused):
            Wire(cloud, credentials, client_id=other)
    device.publish("params/local", {"Lamp": {"Power": True}})
    assert not device.gone.is_set(), "the node whose name was taken was not disturbed"


def test_a_revoked_node_is_thrown_out_and_stays_out(cloud, user, new_device, simulate):
    credentials, other = cloud.add_nodes(2)
    device, bystander = new_device(credentials), new_device(other)
    user.map(device)
    cloud.revoke(device.id)
    device.wait_gone("the revoked node is disconnected", seconds=10)
    for alpn in (False, True):
        with pytest.raises(Refused):
            Device(cloud, credentials, alpn=alpn).connect()
    settled(lambda: user.online(device.id), False, "it is shown offline")
    bystander.publish("params/local", {"Lamp": {"Power": True}})


def test_a_handshake_that_says_nothing_disturbs_nobody(cloud, credentials):
    silent = [socket.create_connection((cloud.host, port)) for port in (cloud.mqtts_port, cloud.alpn_port) for _ in range(20)]
    try:
        assert comes_in(cloud, credentials) and comes_in(cloud, credentials, alpn=True)
        good(cloud.http().get("/healthz"))
    finally:
        for connection in silent:
            connection.close()


# Acknowledgements.


def test_acknowledgements_come_within_a_second(cloud, user, device):
    user.map(device)
    device.boot(lamp())
    slowest = 0
    for number in range(50):
        began = time.monotonic()
        device.report({"Lamp": {"Level": number}})
        slowest = max(slowest, time.monotonic() - began)
    assert slowest < 1, f"the slowest took {slowest:.3f} s: the node would have sent it again"


def test_what_was_acknowledged_can_be_read_at_once(user, device):
    user.map(device)
    device.boot(lamp())
    for number in range(50):
        device.report({"Lamp": {"Level": number}})
        assert user.params(device.id)["Lamp"]["Level"] == number


@pytest.mark.local("AWS IoT knows the rules that there are")
def test_any_rule_name_is_taken(user, device):
    user.map(device)
    for number, rule in enumerate(["esp_node_config", "x", "some-rule_1"]):
        config = {"node_id": device.id, "info": {"fw_version": str(number)}}
        device.publish("", config, topic=f"$aws/rules/{rule}/node/{device.id}/config")
        assert good(user.get(f"/v1/user/nodes/config?node_id={device.id}"))["info"]["fw_version"] == str(number)


@pytest.mark.parametrize(
    "suffix",
    [
        "alert",
        "otafetch",
        "otastatus",
        "tsdata",
        "simple_tsdata",
        "from-node",
        "params/local/a-group",
        "direct/params/local/g",
        "diagnostics/from-node",
        "anything",
    ],
)
def test_what_the_cloud_does_not_use_is_acknowledged_all_the_same(device, suffix):
    device.publish(suffix, b"\x01\x00\x03\x01\x00")
    device.publish("", b"{}", topic=f"$aws/rules/some_rule/node/{device.id}/{suffix}")


@pytest.mark.local("AWS IoT hangs up too, its stand-in does not")
def test_a_message_with_qos_2_ends_the_connection(device):
    device.publish("params/local", b"{}", qos=2, wait=False)
    device.wait_gone("the broker hangs up, as IoT Core does")


def test_a_message_with_qos_0_is_stored_too(user, device):
    user.map(device)
    device.boot(lamp())
    device.publish("params/local", {"Lamp": {"Level": 3}}, qos=0, wait=False)
    settled(lambda: user.params(device.id).get("Lamp", {}).get("Level"), 3, "the value is stored")


@pytest.mark.parametrize(
    "size, taken",
    [(100_000, True), pytest.param(200_000, False, marks=pytest.mark.local("AWS IoT hangs up too, its stand-in does not"))],
)
def test_large_messages_are_taken_and_too_large_ones_end_the_connection(device, size, taken):
    payload = b'{"Lamp":{"Name":"' + b"x" * size + b'"}}'
    if taken:
        device.publish("params/local", payload)
    else:
        with pytest.raises(Dropped):
            device.publish("params/local", payload)
        assert device.gone.is_set()


@pytest.mark.local("AWS IoT hangs up too, its stand-in does not")
@pytest.mark.parametrize(
    "data",
    [b"\x00\x00", b"\xf0\x00", b"\x30\xff\xff\xff\xff\x01", b"\x10\x00", b"\x82\x02\x00\x01", b"GET / HTTP/1.1\r\n" + b"x" * 100],
)
def test_bytes_that_are_no_mqtt_end_this_connection_alone(cloud, device, credentials, data):
    wire = Wire(cloud, credentials)
    wire.send(data)
    wire.wait_gone()
    wire.socket.close()
    device.publish("params/local", b"{}")


def test_a_retained_message_is_not_kept_for_anybody(cloud, device):
    device.client.publish(device.topic("from-node"), b"old", qos=1, retain=True)
    # Either way is IoT Core's: hanging up, or taking it. What counts is that nothing comes back later.
    if device.gone.is_set():
        return
    device.close()
    with Device(cloud, device.credentials) as again:
        again.boot()
        assert again.received_nothing()


# Presence.


@pytest.fixture
def mapped(user, device):
    user.map(device)
    return device.boot(lamp(), {"Connectivity": {"Connected": True}})


def seen(user, node):
    """Whether the node is shown online in both places that say so."""
    listed = user.node(node)["status"]["connectivity"].get("connected")
    # It may change between the two answers, so a difference counts only if it stays.
    return listed if user.online(node) == listed else None


def test_a_node_is_shown_online_and_after_a_goodbye_offline(user, mapped):
    settled(lambda: seen(user, mapped.id), True, "online")
    mapped.close()
    settled(lambda: seen(user, mapped.id), False, "offline")
    timestamp = good(user.get(f"/v1/user/nodes/status?node_id={mapped.id}"))["connectivity"]["timestamp"]
    assert abs(timestamp / 1000 - time.time()) < 30, f"since when, in milliseconds: {timestamp}"


def test_after_a_cut_connection_a_node_is_shown_offline(user, mapped):
    settled(lambda: seen(user, mapped.id), True, "online")
    mapped.drop()
    settled(lambda: seen(user, mapped.id), False, "offline")


@pytest.mark.local("AWS IoT hangs up too, its stand-in does not")
def test_a_node_that_falls_silent_is_shown_offline(cloud, user, mapped):
    mapped.close()
    settled(lambda: seen(user, mapped.id), False, "offline")
    silent = Wire(cloud, mapped.credentials, keep_alive=1)
    settled(lambda: seen(user, mapped.id), True, "online")
    silent.wait_gone()
    settled(lambda: seen(user, mapped.id), False, "offline")
    silent.socket.close()


def test_the_same_client_id_takes_the_connection_over(cloud, user, mapped):
    with Device(cloud, mapped.credentials) as second:
        mapped.wait_gone("the first connection is ended")
        second.boot()
        good(user.set(mapped.id, {"Lamp": {"Level": 8}}))
        assert second.receive_params() == b'{"Lamp":{"Level":8}}'
        settled(lambda: seen(user, mapped.id), True, "still online: the second connection is there", seconds=5)
        # What the end of the first connection says may come late.
        for _ in range(5):
            second.report({"Lamp": {"Level": 8}})
            assert seen(user, mapped.id) is True
    settled(lambda: seen(user, mapped.id), False, "offline")


def test_many_take_overs_end_in_the_truth(cloud, user, mapped):
    devices = [Device(cloud, mapped.credentials).connect() for _ in range(10)]
    for device in devices[:-1]:
        device.wait_gone("taken over")
    settled(lambda: seen(user, mapped.id), True, "the last one is there")
    devices[-1].drop()
    settled(lambda: seen(user, mapped.id), False, "offline")
    for device in devices[:-1]:
        device.close()


WILL = ('{"Connectivity":{"Connected":false}}', '{"Connectivity":{"Connected":true}}')


@pytest.fixture
def willed(cloud, user, mapped):
    """The same node with its last will."""
    mapped.close()
    device = Device(cloud, mapped.credentials, will=(mapped.topic("params/local"), WILL[0])).connect()
    device.publish("params/local", WILL[1])
    assert user.params(mapped.id)["Connectivity"]["Connected"] is True
    yield device
    device.close()


def test_a_cut_connection_publishes_the_will(user, willed):
    willed.drop()
    settled(lambda: user.params(willed.id)["Connectivity"]["Connected"], False, "the will is stored")


def test_a_take_over_publishes_the_will(cloud, user, willed):
    with Device(cloud, willed.credentials) as second:
        settled(lambda: user.params(willed.id)["Connectivity"]["Connected"], False, "the will is stored")
        settled(lambda: user.online(willed.id), True, "the session says whether it is online, not the will", seconds=5)
        second.publish("params/local", WILL[1])
        assert user.params(willed.id)["Connectivity"]["Connected"] is True


def test_a_goodbye_publishes_no_will(cloud, user, willed):
    willed.close()
    settled(lambda: user.online(willed.id), False, "offline")
    assert user.params(willed.id)["Connectivity"]["Connected"] is True


def test_a_will_on_a_strangers_topic_is_not_taken(cloud, user, mapped, credentials):
    before = user.params(mapped.id)
    evil = Device(cloud, credentials, will=(mapped.topic("params/local"), WILL[0]))
    try:
        evil.connect()
        evil.drop()
    except Refused:
        pass
    mapped.report({"Lamp": {"Level": 1}})
    assert user.params(mapped.id)["Connectivity"] == before["Connectivity"]


def test_a_simulated_node_comes_back_by_itself_after_it_was_thrown_out(cloud, user, credentials, simulate):
    node = simulate(credentials).up()
    with Device(cloud, credentials):
        node.expect("disconnected")
        node.expect("waiting", seconds=1)
    node.expect("connected", first=False)
    node.expect("subscribed", filter=f"node/{node.id}/params/remote", granted=True)
