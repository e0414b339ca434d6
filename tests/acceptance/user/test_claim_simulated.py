"""A simulated node that gets its credentials from the cloud itself, as firmware without flashed ones does."""

import json
import secrets

import pytest
from support.cloud import Credentials, objects
from support.user import good
from support.wait import settled


@pytest.fixture(autouse=True)
def claiming(cloud):
    """Skips where the cloud does not know claiming."""
    if cloud.http().post("/claim/initiate", json={}).status_code == 404:
        pytest.skip("this cloud has no claiming")


def new_mac():
    """A MAC that no chip has."""
    return "02" + secrets.token_hex(5).upper()


def claim(cloud, folder, mac, *how):
    """Claims and signs something, which ends by itself; returns what a program is told."""
    command = ["node", "--credentials", folder, "--claim-url", cloud.base, "--mac", mac, "--challenge", "c", "--json"]
    done = cloud.run(*command, *how, "--ca", cloud.ca, check=False)
    if done.returncode:
        return done.stderr
    (told,) = objects(done.stdout)
    return told["node_id"]


def works(cloud, user, simulate, credentials):
    """Can the node come in without claiming again, and be mapped and controlled?"""
    request = user.ask_to_map(credentials.id, "the secret")
    node = simulate(credentials, "--map", f"{user.id}:the secret", cloud=cloud).up()
    settled(lambda: user.mapping_status(request), "confirmed", "the mapping is confirmed")
    good(user.set(node.id, {"Light": {"Hue": 12}}))
    node.expect("set", param="Hue", value=12, by="remote")
    node.close()


@pytest.mark.parametrize("key", ["ecdsa", "rsa"])
def test_a_chip_claims_with_its_secret(cloud, user, simulate, tmp_path, key):
    mac, secret, folder = new_mac(), tmp_path / "secret", tmp_path / "node"
    secret.write_text(secrets.token_hex(16))
    how = ["--claim", "self", "--secret-file", secret, "--key", key]
    assert "claiming failed" in claim(cloud, folder, mac, *how), "nobody knows this chip"
    assert not (folder / "node.crt").exists()

    cloud.run("admin", "claim", "add", "--data", cloud.data, "--mac", mac, "--secret-file", secret)
    assert claim(cloud, folder, mac, *how) == mac
    before = (folder / "node.crt").read_bytes()
    assert claim(cloud, folder, mac, *how) == mac
    assert (folder / "node.crt").read_bytes() == before, "a node that has credentials claims no more"
    works(cloud, user, simulate, Credentials(mac, folder))

    wrong = tmp_path / "wrong"
    wrong.write_text(secrets.token_hex(16))
    told = claim(cloud, tmp_path / "other", mac, "--claim", "self", "--secret-file", wrong)
    assert "claiming failed" in told and not (tmp_path / "other/node.crt").exists()


def test_a_user_claims_for_a_chip(cloud, user, simulate, tmp_path):
    token, folder = tmp_path / "token", tmp_path / "node"
    token.write_text(user.access)
    node_id = claim(cloud, folder, new_mac(), "--claim", "user", "--token-file", token)
    assert (folder / "node.info").read_text() == node_id
    works(cloud, user, simulate, Credentials(node_id, folder))

    token.write_text("no.such.token")
    told = claim(cloud, tmp_path / "other", new_mac(), "--claim", "user", "--token-file", token)
    assert "claiming failed" in told and "401" in told, told


@pytest.mark.parametrize("what", ["config", "params", "initparams"])
def test_what_a_node_signs_an_app_can_post_for_it(cloud, user, new_cli, tmp_path, what):
    token, folder = tmp_path / "token", tmp_path / "node"
    token.write_text(user.access)
    node_id = claim(cloud, folder, new_mac(), "--claim", "user", "--token-file", token)
    challenge = user.post("/v1/user/nodes/mapping/initiate", {"timeout": 360})
    if challenge.status_code == 404:
        pytest.skip("this cloud has no challenges")
    challenge = good(challenge)
    (answer,) = objects(cloud.run("node", "--credentials", folder, "--challenge", challenge["challenge"], "--json").stdout)
    good(user.post("/v1/user/nodes/mapping/verify", {"request_id": challenge["request_id"], **answer}))
    assert user.nodes() == [node_id], "mapped before it ever was on the network"

    # Params are shown as the config declares them, so that goes first.
    (config,) = objects(cloud.run("node", "--credentials", folder, "--sign-state", "config").stdout)
    if what != "config":
        good(user.post(f"/v1/user/nodes/{node_id}/proxy/config", config))
    (body,) = objects(cloud.run("node", "--credentials", folder, "--sign-state", what).stdout)
    posted = user.post(f"/v1/user/nodes/{node_id}/proxy/{what}", body)
    if posted.status_code == 404:
        pytest.skip("this cloud takes nothing from apps for their nodes")
    good(posted)
    stored = user.params(node_id) if what != "config" else good(user.get("/v1/user/nodes/config", params={"node_id": node_id}))
    assert json.loads(body["node_payload"])["data"].keys() <= stored.keys()
    forged = {**body, "node_payload": body["node_payload"].replace("Light", "Lamp")}
    assert user.post(f"/v1/user/nodes/{node_id}/proxy/{what}", forged).status_code == 400
