"""Self claim: `POST /claim/initiate` and `/claim/verify` by a chip without a token."""

import hashlib
import hmac
import json
import secrets
import socket
import ssl

import pytest
from support import keys
from support.cloud import objects
from support.device import Device, lamp
from support.user import failed


def new_mac():
    return secrets.token_hex(6).upper()


@pytest.fixture
def chip(cloud, tmp_path):
    """A chip whose secret is registered, as its MAC address and secret."""
    mac, secret = new_mac(), secrets.token_bytes(16)
    (tmp_path / "secret").write_text(secret.hex() + "\n")
    cloud.run("admin", "claim", "add", "--data", cloud.data, "--mac", mac.lower(), "--secret-file", tmp_path / "secret")
    return mac, secret


def post(cloud, path, body):
    """POST as the firmware does: over TLS, one connection, no content type, no token; and what it reads of it."""
    payload = json.dumps(body).encode()
    raw = socket.create_connection((cloud.host, cloud.alpn_port), timeout=15)
    with ssl.create_default_context(cafile=cloud.ca).wrap_socket(raw, server_hostname=cloud.host) as connection:
        head = f"POST {path} HTTP/1.1\r\nHost: {cloud.host}\r\nContent-Length: {len(payload)}\r\nConnection: close\r\n\r\n"
        connection.sendall(head.encode() + payload)
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    headers = dict(line.lower().split(": ", 1) for line in head.decode().split("\r\n")[1:])
    assert int(headers["content-length"]) == len(body) and len(body) < 3072
    return int(head.split()[1]), json.loads(body)


def ask(cloud, mac, platform="esp32s3"):
    return post(cloud, "/claim/initiate", {"mac_addr": mac, "platform": platform})


def response(secret, challenge):
    return hmac.new(secret, challenge.encode(), hashlib.sha512).hexdigest().upper()


def prove(cloud, mac, secret, key):
    status, told = ask(cloud, mac)
    assert status == 200 and 0 < len(told["auth_id"]) <= 63 and 0 < len(told["challenge"]) <= 129
    body = {"auth_id": told["auth_id"], "challenge_response": response(secret, told["challenge"]), "csr": keys.csr(key, mac)}
    return post(cloud, "/claim/verify", body)


@pytest.mark.parametrize("make", [keys.ecdsa, keys.rsa_of])
def test_a_chip_claims_for_itself_and_connects(cloud, user, chip, tmp_path, make):
    mac, secret = chip
    key = make()
    status, told = prove(cloud, mac, secret, key)
    assert status == 200, told
    # It would keep the name for ever, and this one means itself to it.
    assert cloud.host == "localhost" and "mqtt_host" not in told
    with Device(cloud, keys.store(tmp_path / "chip", mac, key, told["certificate"]), alpn=True) as device:
        user.map(device)
        device.boot(lamp(), {"Lamp": {"Power": True}})
    assert user.params(mac)["Lamp"]["Power"] is True


def test_a_chip_without_a_secret_learns_nothing(cloud, chip):
    mac, secret = chip
    key = keys.ecdsa()
    wrong, unknown = prove(cloud, mac, secrets.token_bytes(16), key), prove(cloud, new_mac(), secret, key)
    assert wrong == unknown and wrong[0] == 400 and wrong[1]["status"] == "failure"


def test_a_token_that_is_not_valid_is_not_taken_for_none(cloud, chip):
    body = {"mac_addr": chip[0], "platform": "esp32s3"}
    failed(cloud.http().post("/claim/initiate", json=body, headers={"Authorization": "nonsense"}), 401, 100_047)


def test_who_asks_too_often_has_to_wait(new_cloud):
    cloud = new_cloud("--attempts-per-minute", "3").start()
    http = cloud.http()
    body = {"mac_addr": new_mac(), "platform": "esp32s3"}
    statuses = [http.post("/claim/initiate", json=body).status_code for _ in range(5)]
    assert statuses == [200, 200, 200, 429, 429]


def macs(cloud):
    return [one["mac"] for one in objects(cloud.run("admin", "claim", "list", "--data", cloud.data, "--json").stdout)]


def test_the_owner_registers_many_chips_and_forgets_one(new_cloud, tmp_path):
    cloud = new_cloud().start()
    chips = {new_mac(): secrets.token_bytes(16) for _ in range(250)}
    table = tmp_path / "chips.csv"
    table.write_text("mac,secret\n" + "".join(f"{mac},{secret.hex()}\n" for mac, secret in chips.items()))
    done = cloud.run("admin", "claim", "add", "--data", cloud.data, "--csv", table, "--json")
    assert objects(done.stdout) == [{"registered": 250}]
    assert macs(cloud) == sorted(chips)
    listed = cloud.run("admin", "claim", "list", "--data", cloud.data).stdout
    assert not any(secret.hex() in listed for secret in chips.values())
    mac, secret = chips.popitem()
    assert prove(cloud, mac, secret, keys.ecdsa())[0] == 200
    cloud.run("admin", "claim", "remove", "--data", cloud.data, mac)
    assert prove(cloud, mac, secret, keys.ecdsa())[0] == 400
    assert macs(cloud) == sorted(chips)
    again = cloud.run("admin", "claim", "remove", "--data", cloud.data, mac, check=False)
    assert again.returncode > 0 and mac in again.stderr and len(again.stderr.splitlines()) == 1


def test_a_wrong_line_registers_nothing_and_shows_no_secret(new_cloud, tmp_path):
    cloud = new_cloud().start()
    secret = secrets.token_hex(16)
    table = tmp_path / "chips.csv"
    for text in [f"{new_mac()},{secret}\nnonsense,{secret}\n", f"{new_mac()},{secret}\n{new_mac()},{secret}0\n"]:
        table.write_text(text)
        done = cloud.run("admin", "claim", "add", "--data", cloud.data, "--csv", table, check=False)
        assert done.returncode > 0 and "line 2" in done.stderr and secret not in done.stderr + done.stdout
        assert len(done.stderr.splitlines()) == 1
    assert cloud.run("admin", "claim", "list", "--data", cloud.data, "--json").stdout == ""
