"""`POST /v1/user/nodes/mapping/initiate` and `/verify`: a node is mapped by what it signs, before it was ever
online; and what it signs reaches the cloud through an app."""

import json
import time

import pytest
from support import keys
from support.device import Device, lamp
from support.user import failed, good


def initiate(user, body=None):
    told = good(user.post("/v1/user/nodes/mapping/initiate", {"timeout": 360} if body is None else body))
    return told["request_id"], told["challenge"]


def verify(user, request, node_id, signature, **more):
    body = {"request_id": request, "node_id": node_id, "challenge_response": signature, **more}
    return user.post("/v1/user/nodes/mapping/verify", body)


@pytest.mark.parametrize("kind, salt", [("ecdsa", None), ("rsa", 32), ("rsa", 0), ("rsa", 20), ("rsa", 222)])
def test_a_node_is_mapped_by_what_it_signed(cloud, user, kind, salt):
    (credentials,) = cloud.add_nodes(key=kind)
    request, challenge = initiate(user, {})
    assert user.mapping_status(request) == "requested"
    signature = keys.sign(keys.load(credentials), challenge, salt)
    assert good(verify(user, request, credentials.id, signature))["status"] == "success"
    assert user.mapping_status(request) == "confirmed"
    failed(verify(user, request, credentials.id, signature), 400, 103_033)
    # It was never online.
    node = user.node(credentials.id)
    assert node["role"] == "primary" and "config" not in node and None not in node.values()
    assert node["status"] == {"connectivity": {}} and node["params"] == {}
    with Device(cloud, credentials) as device:
        device.boot(lamp(), {"Lamp": {"Power": True}})
    assert user.params(credentials.id)["Lamp"]["Power"] is True


def test_the_command_line_shows_a_node_that_was_never_online(cloud, user, cli, credentials):
    request, challenge = initiate(user)
    good(verify(user, request, credentials.id, keys.sign(keys.load(credentials), challenge)))
    assert credentials.id in cli.good("getnodes")
    assert credentials.id in cli.good("getnodedetails", credentials.id)
    assert cli.json("getnodestatus", credentials.id) == {"connectivity": {}}
    for command in [("getnodeconfig",), ("getparams",), ("setparams", "--data", '{"Light":{"Power":true}}')]:
        # No crash, which `run` checks; what there is to say is that nothing was reported yet.
        cli.run(command[0], credentials.id, *command[1:])


def test_other_keys_other_users_and_revoked_nodes_are_refused(cloud, user, new_user, credentials):
    (evil,) = cloud.add_nodes()
    key = keys.load(credentials)
    other = new_user()
    request, challenge = initiate(user)
    failed(verify(user, request, credentials.id, keys.sign(keys.load(evil), challenge)), 400, 103_031)
    failed(verify(other, request, credentials.id, keys.sign(key, challenge)), 400, 103_018)
    failed(verify(user, request, "nobody", keys.sign(key, challenge)), 400, 100_015)
    cloud.revoke(credentials.id)
    failed(verify(user, request, credentials.id, keys.sign(key, challenge)), 400, 103_031)
    assert user.nodes() == [] and other.nodes() == []


def test_a_new_owner_takes_the_node_over(user, new_user, device):
    user.map(device)
    second = new_user()
    request, challenge = initiate(second)
    good(verify(second, request, device.id, keys.sign(keys.load(device.credentials), challenge), tags=["room:hall"], metadata={"k": 1}))
    assert second.nodes() == [device.id] and user.nodes() == []
    assert not device.gone.is_set()


def bring(user, node_id, action, key, data, timestamp=None, **more):
    text = json.dumps({"data": data, "timestamp": int(time.time()) if timestamp is None else timestamp})
    body = {"node_payload": text, "signature": keys.sign(key, text), **more}
    return user.post(f"/v1/user/nodes/{node_id}/proxy/{action}", body)


@pytest.mark.parametrize("kind", ["ecdsa", "rsa"])
def test_an_app_brings_what_a_node_without_a_network_signed(cloud, user, new_user, kind):
    (credentials,) = cloud.add_nodes(key=kind)
    key = keys.load(credentials)
    request, challenge = initiate(user)
    good(verify(user, request, credentials.id, keys.sign(key, challenge)))
    good(bring(user, credentials.id, "config", key, {"node_id": credentials.id, **lamp()}))
    good(bring(user, credentials.id, "initparams", key, {"Lamp": {"Power": True, "Name": "Hall"}}))
    assert user.params(credentials.id)["Lamp"] == {"Power": True, "Name": "Hall"}
    stale = bring(user, credentials.id, "params", key, {"Lamp": {"Power": False}}, timestamp=int(time.time()) - 400)
    failed(stale, 400, 103_049)
    changed = json.dumps({"data": {"Lamp": {"Power": False}}, "timestamp": int(time.time())})
    failed(bring(user, credentials.id, "params", key, {}, node_payload=changed), 400, 103_047)
    failed(bring(new_user(), credentials.id, "params", key, {}), 400, 103_020)
    failed(bring(user, credentials.id, "alert", key, {}), 400, 103_052)
    assert user.params(credentials.id)["Lamp"]["Power"] is True
