"""`PUT` and `GET /v1/user/nodes/mapping`: how a node comes to belong to somebody, and stops to."""

import secrets

import pytest
from support.device import lamp
from support.user import failed, good
from support.wait import settled

RESET = {"user_id": "esp-rmaker", "secret_key": "failed", "reset": True}


@pytest.fixture
def secret():
    return secrets.token_hex(16)


def test_the_user_first_then_the_node(user, device, secret):
    request = user.ask_to_map(device.id, secret)
    assert user.mapping_status(request) == "requested"
    assert user.nodes() == []
    device.ask_to_map(user.id, secret)
    settled(lambda: user.mapping_status(request), "confirmed", "the node's half confirms the request")
    assert user.nodes() == [device.id]


def test_the_node_first_then_the_user(user, device, secret):
    device.ask_to_map(user.id, secret)
    assert user.nodes() == []
    request = user.ask_to_map(device.id, secret)
    settled(lambda: user.mapping_status(request), "confirmed", "the user's half is confirmed at once")
    assert user.nodes() == [device.id]


@pytest.mark.parametrize("topic", ["node/{}/user/mapping", "$aws/rules/esp_user_node_mapping/node/{}/user/mapping"])
def test_both_forms_of_the_topic_map(user, device, secret, topic):
    request = user.ask_to_map(device.id, secret)
    half = {"node_id": device.id, "user_id": user.id, "secret_key": secret}
    device.publish("", half, topic=topic.format(device.id))
    settled(lambda: user.mapping_status(request), "confirmed", topic)


def test_the_node_id_in_the_message_may_be_left_out(user, device, secret):
    request = user.ask_to_map(device.id, secret)
    device.publish("user/mapping", {"user_id": user.id, "secret_key": secret})
    settled(lambda: user.mapping_status(request), "confirmed", "the certificate says which node it is")


def test_clients_poll_in_many_spellings(user, device, secret):
    request = user.ask_to_map(device.id, secret)
    for query in (f"&request_id={request}", f"request_id={request}&user_request=true", f"request_id={request}&"):
        assert good(user.get(f"/v1/user/nodes/mapping?{query}"))["request_status"] == "requested"


def test_a_wrong_secret_maps_nothing_and_the_right_one_still_does(user, device, secret):
    request = user.ask_to_map(device.id, secret)
    device.ask_to_map(user.id, secret + "0")
    device.ask_to_map(user.id, "")
    assert user.mapping_status(request) == "requested" and user.nodes() == []
    device.ask_to_map(user.id, secret)
    settled(lambda: user.mapping_status(request), "confirmed", "the right secret")


def test_another_users_id_maps_nothing(user, new_user, device, secret):
    other = new_user()
    request = user.ask_to_map(device.id, secret)
    device.ask_to_map(other.id, secret)
    assert user.mapping_status(request) == "requested"
    assert user.nodes() == [] and other.nodes() == []


def test_a_request_asked_again_discards_the_first(user, device, secret):
    first = user.ask_to_map(device.id, secret)
    second = user.ask_to_map(device.id, secret + "2")
    assert user.mapping_status(first) == "discarded" and user.mapping_status(second) == "requested"
    device.ask_to_map(user.id, secret)
    assert user.nodes() == [], "the first secret is worth nothing any more"
    device.ask_to_map(user.id, secret + "2")
    settled(lambda: user.mapping_status(second), "confirmed", "the second")
    assert user.mapping_status(first) == "discarded"


def test_a_node_half_is_used_up(user, new_user, device, secret):
    device.ask_to_map(user.id, secret)
    user.ask_to_map(device.id, secret)
    good(user.put("/v1/user/nodes/mapping", {"node_id": device.id, "operation": "remove"}))
    again = user.ask_to_map(device.id, secret)
    assert user.mapping_status(again) == "requested" and user.nodes() == []


def test_a_strangers_request_cannot_be_polled(user, new_user, device, secret):
    request = user.ask_to_map(device.id, secret)
    failed(new_user().get(f"/v1/user/nodes/mapping?request_id={request}"), 400, 103_018)


@pytest.mark.parametrize(
    "query, code", [("", 103_016), ("?request_id=", 103_016), ("?request_id=unknown", 103_018), ("?request_id=a%2Fb", 103_018)]
)
def test_a_poll_without_a_known_request_is_refused(user, query, code):
    failed(user.get(f"/v1/user/nodes/mapping{query}"), 400, code)


@pytest.mark.parametrize(
    "body, code",
    [
        ({}, 100_009),
        ({"node_id": ""}, 100_009),
        ({"node_id": "n1"}, 103_003),
        ({"node_id": "n1", "operation": "share"}, 103_003),
        ({"node_id": "n1", "operation": "add"}, 103_004),
        ({"node_id": "n1", "operation": "add", "secret_key": " "}, 103_004),
        ({"node_id": "n1", "operation": "add", "secret_key": "x" * 65}, 103_006),
        ({"node_id": "a/b", "operation": "add", "secret_key": "x"}, 103_005),
        ({"node_id": "x" * 64, "operation": "add", "secret_key": "x"}, 103_005),
        ({"node_id": "n1", "operation": "remove"}, 103_013),
        ({"node_id": 1, "operation": "add", "secret_key": "x"}, 100_006),
    ],
)
def test_a_strange_request_is_refused(user, body, code):
    failed(user.put("/v1/user/nodes/mapping", body), 400, code)


def test_the_user_id_in_the_body_is_not_believed(user, new_user, device, secret):
    victim = new_user()
    body = {"user_id": victim.id, "node_id": device.id, "secret_key": secret, "operation": "add"}
    request = good(user.put("/v1/user/nodes/mapping", body))["request_id"]
    device.ask_to_map(victim.id, secret)
    assert victim.nodes() == [] and user.nodes() == []
    assert user.mapping_status(request) == "requested"


@pytest.mark.parametrize("more", [{"secret_key": ""}, {}])
def test_a_user_gives_a_node_up(user, device, more):
    user.map(device)
    device.boot(lamp(), {"Lamp": {"Power": True}})
    body = {"user_id": user.id, "node_id": device.id, "operation": "remove", **more}
    assert good(user.put("/v1/user/nodes/mapping", body))["status"] == "success"
    assert user.nodes() == []
    failed(user.get(f"/v1/user/nodes/params?node_id={device.id}"), 400, 100_010)
    failed(user.set(device.id, {"Lamp": {"Power": False}}), 400, 100_010)
    failed(user.put("/v1/user/nodes/mapping", body), 400, 103_013)
    device.report({"Lamp": {"Power": False}})
    assert not device.gone.is_set(), "the node is not told and keeps publishing"


@pytest.mark.parametrize("reset", [False, True])
def test_a_second_user_takes_the_node_over(user, new_user, device, secret, reset):
    user.map(device)
    device.boot(lamp(), {"Lamp": {"Power": True}})
    second = new_user()
    second.ask_to_map(device.id, secret)
    device.ask_to_map(second.id, secret, reset)
    settled(second.nodes, [device.id], "the second user has it")
    assert user.nodes() == []
    failed(user.get(f"/v1/user/nodes/params?node_id={device.id}"), 400, 100_010)
    failed(user.set(device.id, {"Lamp": {"Power": False}}), 400, 100_010)
    assert second.params(device.id)["Lamp"]["Power"] is True


def test_a_request_alone_takes_nothing_from_the_owner(user, new_user, device, secret):
    user.map(device)
    new_user().ask_to_map(device.id, secret)
    assert user.nodes() == [device.id]


def test_the_owner_maps_the_node_again(user, device, secret):
    user.map(device)
    request = user.ask_to_map(device.id, secret)
    device.ask_to_map(user.id, secret, reset=True)
    settled(lambda: user.mapping_status(request), "confirmed", "mapped again")
    assert user.nodes() == [device.id]


def test_a_factory_reset_takes_the_node_from_everybody(user, device):
    user.map(device)
    device.publish("user/mapping", {"node_id": device.id, **RESET})
    settled(user.nodes, [], "the node is nobody's")
    failed(user.get(f"/v1/user/nodes?node_id={device.id}"), 400, 100_010)
    device.publish("user/mapping", {"node_id": device.id, **RESET})
    user.map(device)
    assert user.nodes() == [device.id], "it can be mapped again"


def test_half_a_reset_is_none(user, device):
    user.map(device)
    for half in [{**RESET, "reset": False}, {**RESET, "secret_key": "x"}, {"user_id": "esp-rmaker", "secret_key": "failed"}]:
        device.publish("user/mapping", {"node_id": device.id, **half})
    assert user.nodes() == [device.id]


def test_a_node_cannot_speak_for_another(user, new_user, device, new_device, secret):
    evil = new_device()
    user.map(device)
    request = user.ask_to_map(evil.id, secret)
    # About another node, on its own topic: understood by nobody, but no reason to hang up.
    evil.publish("user/mapping", {"node_id": device.id, "user_id": user.id, "secret_key": secret})
    evil.publish("user/mapping", {"node_id": device.id, **RESET})
    assert user.mapping_status(request) == "requested"
    assert user.nodes() == [device.id]


def test_a_node_that_was_mapped_by_somebody_else_tells_nothing_of_before(user, new_user, device):
    user.map(device)
    device.boot(lamp(), {"Lamp": {"Name": "Mine"}})
    good(user.put("/v1/user/nodes/mapping", {"node_id": device.id, "operation": "remove"}))
    second = new_user()
    failed(second.get(f"/v1/user/nodes/params?node_id={device.id}"), 400, 100_010)
    second.map(device)
    assert second.node(device.id)["role"] == "primary"


@pytest.mark.parametrize(
    "payload",
    [b"", b"{", b"[]", b'{"user_id":"x"}', b'{"user_id":"a/b","secret_key":"s"}', b"\xff", b'{"node_id":"' + b"x" * 300],
)
def test_a_mapping_that_is_none_is_acknowledged_and_passed_over(user, device, payload):
    user.map(device)
    device.publish("user/mapping", payload)
    assert user.nodes() == [device.id] and not device.gone.is_set()
