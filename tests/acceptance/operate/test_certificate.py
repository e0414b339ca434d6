"""Certificates that are not of the cloud's own CA: from an authority by ACME, and from files. They are
exchanged while it serves."""

import os
import shutil
import stat

import pytest
import requests
from support.authority import Pebble, TestCa, issuer, shown
from support.device import Device
from support.user import good
from support.wait import until


@pytest.fixture
def authority(tmp_path):
    """Starts an authority for a cloud: its certificates live so many seconds."""
    started = []

    def start(cloud, seconds, tls_port=None):
        pebble = Pebble(tmp_path / f"pebble-{len(started)}", cloud.http_port, tls_port or cloud.alpn_port, seconds)
        started.append(pebble)
        return pebble

    yield start
    for pebble in started:
        pebble.close()


def wait_for_authority(cloud):
    """Waits until a certificate of the authority serves, on both ports, and returns it."""
    until(lambda: issuer(shown(cloud.alpn_port)).startswith("Pebble"), "a certificate of the authority", seconds=60)
    return shown(cloud.alpn_port)


@pytest.mark.parametrize("challenge", ["tls-alpn-01", "http-01"])
def test_a_certificate_is_ordered_and_renewed_while_nodes_stay_connected(new_cloud, authority, simulate, challenge):
    cloud = new_cloud()
    pebble = authority(cloud, seconds=18)
    cloud.flags = (*cloud.flags, *pebble.flags(challenge))
    own_ca = cloud.ca
    cloud.start()
    assert good(cloud.http().get("/mqtt_host"))["mqtt_host"] == "localhost"
    first = wait_for_authority(cloud)
    for port in (cloud.alpn_port, cloud.mqtts_port):
        # The name on the MQTT port is checked without a certificate of a node: the handshake of TLS 1.3
        # ends for the client before the server has looked.
        assert shown(port, "localhost", trust=pebble.root).serial_number == first.serial_number
        assert issuer(shown(port, "127.0.0.1", trust=own_ca)).startswith("Raincloud CA")
    good(requests.get(f"https://localhost:{cloud.alpn_port}/readyz", verify=str(pebble.root), timeout=10))

    # Nodes as they are in the field: they trust the authority, and know the name.
    cloud.ca = pebble.root
    node = simulate(cloud.add_nodes()[0], cloud=cloud).up()
    by_alpn = simulate(cloud.add_nodes()[0], cloud=cloud, alpn=True).up()
    with Device(cloud, cloud.add_nodes()[0]) as device:
        until(lambda: shown(cloud.alpn_port).serial_number != first.serial_number, "a renewed certificate", seconds=60)
        second = shown(cloud.mqtts_port, "localhost", trust=pebble.root)
        assert second.serial_number != first.serial_number
        device.publish("config", {"node_id": device.id, "config_version": "2020-03-20", "info": {}, "devices": []})
        assert not device.gone.is_set()
    for simulated in (node, by_alpn):
        assert not [event for event in simulated.events if event["event"] == "disconnected"]
    folder = cloud.data / "acme"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for name in ("account.json", "certificate.pem"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600, name


def test_a_certificate_is_kept_over_a_restart_and_while_the_authority_is_away(new_cloud, authority):
    cloud = new_cloud()
    pebble = authority(cloud, seconds=3600)
    flags = pebble.flags("tls-alpn-01")
    cloud.flags = (*cloud.flags, *flags)
    cloud.start()
    first = wait_for_authority(cloud)
    cloud.stop()
    pebble.close()
    cloud.start()
    assert shown(cloud.alpn_port, trust=pebble.root).serial_number == first.serial_number
    # What is lost is ordered again, also of an authority that does not know the account any more.
    cloud.stop()
    (cloud.data / "acme/certificate.pem").unlink()
    pebble.start()
    cloud.start()
    assert wait_for_authority(cloud).serial_number != first.serial_number
    shown(cloud.alpn_port, trust=pebble.root)
    # It is this authority's: another one is asked anew, and our CA serves meanwhile.
    cloud.stop()
    cloud.flags = [flag.replace("/dir", "/other") for flag in cloud.flags]
    cloud.start()
    assert issuer(shown(cloud.alpn_port)).startswith("Raincloud CA")


def test_what_the_authority_can_not_see_stops_nothing(new_cloud, authority):
    cloud = new_cloud()
    pebble = authority(cloud, seconds=3600, tls_port=1)
    cloud.flags = (*cloud.flags, *pebble.flags("tls-alpn-01"))
    cloud.start()
    until(lambda: "no certificate from" in cloud.text(), "the failure is told", seconds=60)
    told = next(line for line in cloud.text().splitlines() if "no certificate from" in line)
    assert "localhost could not be proved" in told and "next try in 1 min" in told, told
    assert issuer(shown(cloud.alpn_port, trust=cloud.ca)).startswith("Raincloud CA")
    with Device(cloud, cloud.add_nodes()[0]) as device:
        assert device.subscribe(device.topic("params/remote"))


def test_a_directory_that_nobody_answers_at_stops_nothing(new_cloud, tmp_path):
    ca = TestCa(tmp_path)
    nowhere = ["--acme-directory", "https://127.0.0.1:1/dir", "--acme-ca", str(ca.file)]
    cloud = new_cloud("--acme-domain", "cloud.example.com", "--acme-agree", *nowhere).start()
    assert good(cloud.http().get("/mqtt_host"))["mqtt_host"] == "cloud.example.com"
    until(lambda: "no certificate from https://127.0.0.1:1/dir" in cloud.text(), "the failure is told")
    # Nodes that trust our CA come in by that name, too.
    assert issuer(shown(cloud.mqtts_port, "cloud.example.com", trust=cloud.ca)).startswith("Raincloud CA")


def test_files_of_the_owner_serve_and_are_read_again(new_cloud, tmp_path):
    ca = TestCa(tmp_path)
    cert, key = tmp_path / "own.crt", tmp_path / "own.key"
    ca.issue(cert, key, "localhost")
    cloud = new_cloud("--cert", str(cert), "--cert-key", str(key)).start()
    own_ca, cloud.ca = cloud.ca, ca.file
    first = shown(cloud.alpn_port, trust=ca.file)
    assert issuer(shown(cloud.alpn_port, "127.0.0.1", trust=own_ca)).startswith("Raincloud CA")
    with Device(cloud, cloud.add_nodes()[0]) as device:
        ca.issue(tmp_path / "new.crt", tmp_path / "new.key", "localhost")
        os.replace(tmp_path / "new.crt", cert)
        os.replace(tmp_path / "new.key", key)
        until(lambda: shown(cloud.mqtts_port).serial_number != first.serial_number, "the new certificate", seconds=30)
        shown(cloud.mqtts_port, trust=ca.file)
        assert device.subscribe(device.topic("params/remote"))
        # What is of no use is told, and the one before serves on.
        shutil.copy(own_ca, cert)
        until(lambda: "the certificate before serves on" in cloud.text(), "the mistake is told", seconds=30)
        shown(cloud.mqtts_port, trust=ca.file)


@pytest.mark.parametrize(
    "flags, says",
    [
        (["--acme-domain", "cloud.example.com"], "--acme-agree"),
        (["--acme-domain", "192.0.2.1", "--acme-agree"], "192.0.2.1"),
        (["--acme-domain", "a.example.com", "--acme-agree", "--https", "off"], "--https, which is off"),
        (["--cert", "missing.pem"], "--cert-key"),
        (["--cert", "missing.pem", "--cert-key", "missing.key"], "cannot read missing.pem"),
        (["--cert", "a", "--cert-key", "b", "--acme-domain", "a.example.com", "--acme-agree"], "choose one"),
    ],
)
def test_settings_that_can_not_be_are_told_in_one_line(new_cloud, flags, says):
    cloud = new_cloud()
    ports = ["--http", "0", "--https", "0", "--mqtts", "0"] if "--https" not in flags else ["--http", "0", "--mqtts", "0"]
    done = cloud.run("serve", "--data", cloud.data, *ports, *flags, check=False)
    assert done.returncode > 0 and done.stdout == "", done.stdout
    assert says in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr
