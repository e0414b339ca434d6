"""Two users see nothing of each other's nodes, whatever they ask."""

import pytest
from support.device import Device, lamp
from support.user import failed, failed_body, good
from support.wait import settled


@pytest.fixture
def stranger(new_user, new_device):
    """Somebody with a node of their own."""
    stranger = new_user()
    device = new_device()
    stranger.map(device)
    device.boot(lamp(), {"Lamp": {"Name": "Strange"}})
    stranger.device = device
    return stranger


@pytest.fixture
def mapped(user, device):
    user.map(device)
    return device.boot(lamp(), {"Lamp": {"Name": "Mine", "Power": False}})


READS = [
    ("/v1/user/nodes?node_id={}", 100_010),
    ("/v1/user/nodes?nodeid={}&node_details=true", 100_010),
    ("/v1/user/nodes/config?node_id={}", 100_010),
    ("/v1/user/nodes/config?nodeid={}", 100_010),
    ("/v1/user/nodes/status?node_id={}", 103_020),
    ("/v1/user/nodes/params?node_id={}", 100_010),
    ("/v1/user/nodes/params?nodeid={}", 100_010),
]


@pytest.mark.parametrize("path, code", READS)
def test_a_strangers_node_is_told_like_one_that_does_not_exist(mapped, stranger, path, code):
    theirs = stranger.get(path.format(mapped.id))
    failed(theirs, 400, code)
    nobodys = stranger.get(path.format("nobodys"))
    assert theirs.json() == nobodys.json() and theirs.status_code == nobodys.status_code
    assert mapped.id not in theirs.text and "Mine" not in theirs.text


@pytest.mark.parametrize("path", [path for path, _ in READS])
def test_two_node_ids_in_a_query_do_not_smuggle(mapped, stranger, path):
    own, foreign = stranger.device.id, mapped.id
    for query in (f"&node_id={foreign}", f"&nodeid={foreign}"):
        answer = stranger.get(path.format(own) + query)
        assert "Mine" not in answer.text and foreign not in answer.text


def test_a_strangers_node_cannot_be_set_in_either_form(user, mapped, stranger):
    params = {"Lamp": {"Power": True}}
    failed(stranger.set(mapped.id, params), 400, 100_010)
    entries = good(stranger.put("/v1/user/nodes/params", [{"node_id": mapped.id, "payload": params}]), 207)
    failed_body(entries[0], 100_010)
    body = [{"node_id": stranger.device.id, "payload": params}, {"node_id": mapped.id, "payload": params}]
    entries = good(stranger.put("/v1/user/nodes/params", body), 207)
    assert entries[0]["status"] == "success"
    failed_body(entries[1], 100_010)
    good(user.set(mapped.id, {"Lamp": {"Level": 1}}))
    assert mapped.receive_params() == b'{"Lamp":{"Level":1}}', "nothing of the stranger's came before"


def test_what_a_stranger_wants_is_not_kept_for_an_absent_node(cloud, user, mapped, stranger):
    mapped.close()
    settled(lambda: user.online(mapped.id), False, "offline")
    failed(stranger.set(mapped.id, {"Lamp": {"Power": True}}), 400, 100_010)
    with Device(cloud, mapped.credentials) as back:
        back.boot()
        good(user.set(mapped.id, {"Lamp": {"Level": 1}}))
        assert back.receive_params() == b'{"Lamp":{"Level":1}}'


def test_a_strangers_node_cannot_be_given_up(user, mapped, stranger):
    for body in (
        {"node_id": mapped.id, "operation": "remove"},
        {"node_id": mapped.id, "operation": "remove", "user_id": user.id},
    ):
        failed(stranger.put("/v1/user/nodes/mapping", body), 400, 103_013)
    assert user.nodes() == [mapped.id]


def test_lists_hold_ones_own_nodes_alone(user, mapped, stranger):
    for somebody, own, other in ((user, mapped.id, stranger.device.id), (stranger, stranger.device.id, mapped.id)):
        for query in ("", "?node_details=true", "?node_details=true&num_records=1"):
            page = good(somebody.get(f"/v1/user/nodes{query}"))
            assert page["nodes"] == [own] and "next_id" not in page
            assert other not in somebody.get(f"/v1/user/nodes{query}").text


def test_a_strangers_place_in_a_list_shows_nothing_of_it(user, stranger):
    user.map_many(2)
    start = good(user.get("/v1/user/nodes?num_records=1"))["next_id"]
    page = good(stranger.get(f"/v1/user/nodes?start_id={start}"))
    assert set(page["nodes"]) <= {stranger.device.id}


@pytest.mark.parametrize(
    "method, path",
    [
        ("GET", "/v1/user2"),
        ("GET", "/v1/user"),
        ("POST", "/v1/logout2"),
        ("GET", "/v1/user/nodes"),
        ("GET", "/v1/user/nodes/config"),
        ("GET", "/v1/user/nodes/status"),
        ("GET", "/v1/user/nodes/params"),
        ("PUT", "/v1/user/nodes/params"),
        ("GET", "/v1/user/nodes/mapping"),
        ("PUT", "/v1/user/nodes/mapping"),
    ],
)
def test_nobody_gets_anything_without_a_token(cloud, mapped, method, path):
    for query in ("", f"?node_id={mapped.id}"):
        failed(cloud.http().request(method, path + query), 401, 100_047)
