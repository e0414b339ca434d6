"""`raincloud admin node`: what the owner does on the machine itself."""

import csv
import json
import subprocess
import sys

import pytest
from cryptography import x509
from support.cloud import objects
from support.device import Device, Refused
from support.simulated import Simulated


def test_a_node_gets_all_that_its_factory_needs(cloud, tmp_path):
    out = tmp_path / "out"
    done = cloud.run("admin", "node", "add", "--data", cloud.data, "--out", out, "--json")
    (told,) = objects(done.stdout)
    node = told["node_id"]
    folder = out / node
    assert str(folder) == told["folder"]
    assert (out / "ca.crt").read_bytes() == cloud.ca.read_bytes()
    certificate = x509.load_pem_x509_certificate((folder / "node.crt").read_bytes())
    assert certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value == node
    assert certificate.not_valid_after_utc.year == 9999
    assert certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(cloud.ca.read_bytes()))
    rows = list(csv.reader((folder / "node_info.csv").read_text().splitlines()))
    assert rows[0] == ["key", "type", "encoding", "value"] and rows[1] == ["rmaker_creds", "namespace", "", ""]
    values = {row[0]: row[3] for row in rows[2:]}
    assert values["node_id"] == node and values["mqtt_host"] == cloud.host
    assert values["client_cert"] == str(folder / "node.crt") and values["client_key"] == str(folder / "node.key")


def test_espressifs_own_tool_makes_an_image_of_the_table(cloud, credentials, tmp_path):
    image = tmp_path / "fctry.bin"
    command = [
        sys.executable,
        "-m",
        "esp_idf_nvs_partition_gen",
        "generate",
        credentials.folder / "node_info.csv",
        image,
        "0x6000",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=30)
    assert image.is_file() and image.stat().st_size == 0x6000, done.stdout + done.stderr
    assert credentials.id.encode() in image.read_bytes() and b"BEGIN CERTIFICATE" in image.read_bytes()


def test_many_nodes_are_made_at_once_each_its_own(cloud):
    every = cloud.add_nodes(20)
    assert len({credentials.id for credentials in every}) == 20
    assert len({credentials.certificate.read_text() for credentials in every}) == 20
    with Device(cloud, every[-1]), Device(cloud, every[0]):
        pass


def test_rsa_keys_are_those_that_older_firmware_reads(cloud):
    (credentials,) = cloud.add_nodes(key="rsa")
    assert credentials.key.read_text().startswith("-----BEGIN RSA PRIVATE KEY-----")


def test_people_are_told_what_they_have_and_what_to_do_next(cloud, tmp_path):
    done = cloud.run("admin", "node", "add", "--data", cloud.data, "--out", tmp_path / "out")
    assert "registered" in done.stdout and "node --credentials" in done.stdout and done.stderr == ""


def test_the_list_shows_every_node_and_who_is_revoked(new_cloud):
    cloud = new_cloud().start()
    assert objects_of_list(cloud) == {}
    every = cloud.add_nodes(105)
    cloud.revoke(every[3].id)
    listed = objects_of_list(cloud)
    assert set(listed) == {credentials.id for credentials in every}
    assert [node for node, told in listed.items() if told["revoked"]] == [every[3].id]
    text = cloud.run("admin", "node", "list", "--data", cloud.data).stdout
    assert all(credentials.id in text for credentials in every) and text.count("revoked") == 1


def objects_of_list(cloud):
    lines = cloud.run("admin", "node", "list", "--data", cloud.data, "--json").stdout.splitlines()
    told = [json.loads(line) for line in lines]
    assert all(isinstance(one["registered_at"], int) and isinstance(one["revoked"], bool) for one in told)
    return {one["node_id"]: one for one in told}


def test_nodes_can_be_made_before_the_first_start(new_cloud):
    cloud = new_cloud()
    (credentials,) = cloud.add_nodes()
    cloud.start()
    with Device(cloud, credentials) as device:
        device.publish("params/local", {})


def test_revoking_says_so(cloud, credentials):
    done = cloud.run("admin", "node", "revoke", "--data", cloud.data, "--json", credentials.id)
    assert objects(done.stdout) == [{"node_id": credentials.id, "revoked": True}]
    cloud.run("admin", "node", "revoke", "--data", cloud.data, credentials.id)
    with pytest.raises(Refused):
        Device(cloud, credentials).connect()


def failed(cloud, *command):
    done = cloud.run(*command, check=False)
    assert done.returncode > 0 and len(done.stderr.splitlines()) == 1 and done.stdout == "", (
        f"{done.returncode}\n{done.stdout}\n{done.stderr}"
    )
    return done.stderr


def test_what_cannot_be_done_is_told_in_one_line(cloud, tmp_path):
    assert "nobody" in failed(cloud, "admin", "node", "revoke", "--data", cloud.data, "nobody")
    assert "a/b" in failed(cloud, "admin", "node", "revoke", "--data", cloud.data, "a/b")
    assert "missing" in failed(cloud, "admin", "node", "list", "--data", tmp_path / "missing")
    assert not (tmp_path / "missing").exists()
    (tmp_path / "file").write_text("")
    assert "file" in failed(cloud, "admin", "node", "add", "--data", cloud.data, "--out", tmp_path / "file")
    assert "--count" in failed(cloud, "admin", "node", "add", "--data", cloud.data, "--out", tmp_path / "out", "--count", "0")


def test_credentials_of_another_cloud_are_not_mixed_in(cloud, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "ca.crt").write_text("another CA")
    assert "ca.crt" in failed(cloud, "admin", "node", "add", "--data", cloud.data, "--out", out)
    assert [path.name for path in out.iterdir()] == ["ca.crt"]


def test_a_simulated_node_without_credentials_says_so_in_one_line(cloud, tmp_path):
    assert "node.crt" in failed(cloud, "node", "--credentials", tmp_path)


@pytest.mark.local("AWS has the CA that everybody knows; its stand-in has one of its own")
def test_a_simulated_node_finds_its_cloud_by_its_folder(cloud, credentials):
    # As printed for people: no host, no CA; only the port differs from the default here.
    node = Simulated(cloud, credentials, bare=True)
    try:
        node.up()
    finally:
        node.close()
