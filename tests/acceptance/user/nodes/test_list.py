"""`GET /v1/user/nodes`, and what is known of each node."""

import re
import time

import pytest
from support.device import config, lamp, param
from support.user import failed, good


@pytest.fixture
def mapped(user, device):
    """A lamp of the user's that has told all about itself."""
    user.map(device)
    return device.boot(lamp(), {"Lamp": {"Name": "Lamp", "Power": True, "Level": 5}})


@pytest.fixture(scope="module")
def crowd(cloud, user_of):
    """A user of 120 nodes, and their ids. Tests only look at them."""
    user = user_of(cloud)
    return user, user.map_many(120)


def pages(user, **query):
    """Every page, following `next_id` as it is, unescaped."""
    start, found = "", []
    while True:
        text = "&".join(f"{name}={value}" for name, value in query.items())
        found.append(good(user.get(f"/v1/user/nodes?{text}&start_id={start}")))
        start = found[-1].get("next_id")
        if start is None:
            return found
        assert re.fullmatch(r"[A-Za-z0-9_.~-]+", start), f"not safe in a URL: {start}"
        assert len(found) < 200, "the list does not end"


@pytest.mark.parametrize(
    "query, sizes",
    [({}, [100, 20]), ({"num_records": 7}, [7] * 17 + [1]), ({"num_records": 60}, [60, 60]), ({"num_records": 100}, [100, 20])],
)
def test_pages_hold_every_node_once(crowd, query, sizes):
    user, ids = crowd
    found = pages(user, **query)
    assert [len(page["nodes"]) for page in found] == sizes
    listed = [node for page in found for node in page["nodes"]]
    assert len(set(listed)) == 120 and sorted(listed) == sorted(ids)
    assert [page["total"] for page in found] == sizes
    assert "next_id" not in found[-1]


@pytest.mark.parametrize("query", [{}, {"num_records": 7}])
def test_pages_of_details_hold_every_node_once(crowd, query):
    user, ids = crowd
    found = pages(user, node_details="true", config="true", status="true", params="true", show_tags="true", **query)
    listed = [node["node_id"] for page in found for node in page["node_details"]]
    assert sorted(listed) == sorted(ids), f"{len(listed)} listed, {len(set(listed))} different"
    assert all(page["nodes"] == [node["id"] for node in page["node_details"]] for page in found)


@pytest.mark.parametrize("start", ["***", "%00", "x" * 3000, "a+b", "{}"])
def test_a_start_that_is_none_is_refused(user, start):
    failed(user.get("/v1/user/nodes", params={"start_id": start}), 400, 105_043)


@pytest.mark.parametrize("number", ["0", "-1", "x", "101", "99999999999999999999", ""])
def test_a_strange_size_of_page_counts_as_none(crowd, number):
    user, _ = crowd
    assert len(good(user.get(f"/v1/user/nodes?num_records={number}"))["nodes"]) == 100


def test_a_new_user_has_no_nodes(user):
    page = good(user.get("/v1/user/nodes"))
    assert page["nodes"] == [] and page["total"] == 0 and "next_id" not in page
    page = good(user.get("/v1/user/nodes?node_details=true"))
    assert page["node_details"] == [] and "next_id" not in page


def test_details_are_what_clients_read(user, mapped):
    before = time.time()
    node = user.node(mapped.id)
    assert node["id"] == node["node_id"] == mapped.id
    assert node["role"] == "primary" and node["primary"] is True and node["is_matter"] is False
    assert isinstance(node["mapping_timestamp"], int) and abs(node["mapping_timestamp"] - before) < 60, "seconds"
    assert isinstance(node["metadata"], dict) and isinstance(node["tags"], list)
    connectivity = node["status"]["connectivity"]
    assert connectivity["connected"] is True and abs(connectivity["timestamp"] / 1000 - before) < 60, "milliseconds"
    assert node["config"]["node_id"] == mapped.id and node["config"]["info"]["fw_version"] == "1.0"
    assert node["params"]["Lamp"] == {"Name": "Lamp", "Power": True, "Level": 5}
    assert None not in node.values()


@pytest.mark.parametrize(
    "query", ["node_id={}", "nodeid={}", "&node_id={}", "node_id={}&node_details=true", "node_details=True&nodeid={}&start_id="]
)
def test_one_node_always_comes_with_its_details(user, mapped, query):
    page = good(user.get("/v1/user/nodes?" + query.format(mapped.id)))
    assert page["nodes"] == [mapped.id]
    assert page["node_details"][0]["config"]["devices"][0]["name"] == "Lamp"


def test_parts_of_the_details_can_be_left_out(user, mapped):
    for part in ("config", "params", "status"):
        shown = good(user.get(f"/v1/user/nodes?node_details=true&{part}=false"))["node_details"][0]
        assert part not in shown, f"{part}=false"
        others = {"config", "params", "status"} - {part}
        assert others <= shown.keys(), f"{part}=false leaves out more than that"


def test_params_have_an_entry_for_each_device_and_service(user, device):
    user.map(device)
    device.boot(lamp())
    assert user.node(device.id)["params"] == {"Lamp": {}, "Schedule": {}, "OTA": {}, "Auth": {}, "Connectivity": {}}


def test_a_config_without_devices_gets_empty_lists(user, device):
    user.map(device)
    device.publish("config", {"node_id": device.id, "info": {"name": "Bare"}})
    shown = user.node(device.id)["config"]
    assert shown["devices"] == [] and shown["services"] == []


def test_a_node_that_was_never_online_is_shown_without_what_it_never_told(cloud, user, new_user, new_device, credentials):
    # Mapped by a node whose messages came from another connection than those that follow.
    device = new_device(credentials)
    user.map(device)
    node = user.node(device.id)
    assert "config" not in node, "a client would fail on an empty one"
    assert node.get("params", {}) == {} and "connectivity" in node["status"]
    failed(user.get(f"/v1/user/nodes/config?node_id={device.id}"), 400, 103_002)
    failed(user.get(f"/v1/user/nodes/params?node_id={device.id}"), 400, 102_006)
    good(user.get(f"/v1/user/nodes/status?node_id={device.id}"))


def test_the_command_line_shows_a_node_without_config(cli, user, device):
    user.map(device)
    shown = cli.good("getnodedetails")
    assert f"Node ID: {device.id}" in shown, shown
    assert "Failure" in cli.run("getnodeconfig", device.id)


def test_a_new_config_takes_the_place_of_the_old_one(user, mapped):
    mapped.publish("config", {"node_id": mapped.id, **config([("Fan", [param("Speed", "int")])])})
    shown = good(user.get(f"/v1/user/nodes/config?nodeid={mapped.id}"))
    assert [device["name"] for device in shown["devices"]] == ["Fan"]
    assert "Lamp" not in user.params(mapped.id), "what the node does not have any more is forgotten"


def test_a_config_about_another_node_is_not_stored(user, mapped, device, new_device):
    other = new_device()
    mapped.publish("config", {"node_id": other.id, **config([("Evil", [])])})
    assert good(user.get(f"/v1/user/nodes/config?node_id={mapped.id}"))["devices"][0]["name"] == "Lamp"


@pytest.mark.parametrize("path", ["/v1/user/nodes/config", "/v1/user/nodes/status", "/v1/user/nodes/params"])
def test_without_a_node_id_nothing_is_shown(user, path):
    for query in ("", "?node_id=", "?nodeid=&"):
        failed(user.get(path + query), 400, 100_009)


@pytest.mark.parametrize("node", ["nobodys", "a/b", "../x", "x" * 100, "a b", "%", "ü"])
@pytest.mark.parametrize(
    "path, code",
    [
        ("/v1/user/nodes", 100_010),
        ("/v1/user/nodes/config", 100_010),
        ("/v1/user/nodes/status", 103_020),
        ("/v1/user/nodes/params", 100_010),
    ],
)
def test_a_node_that_does_not_exist_is_told_like_somebody_elses(user, path, code, node):
    failed(user.get(path, params={"node_id": node}), 400, code)
