"""Groups of nodes, over HTTP and with the unmodified command line and SDK."""

import json
import re

import pytest
from support.device import lamp
from support.sdk import SdkError
from support.user import failed, good

PATH = "/v1/user/node_group"


def make(user, name, **more):
    """Makes a group and returns its id."""
    return good(user.post(PATH, {"group_name": name, **more}))["group_id"]


def make_home(user, name="Home"):
    return make(user, name, type="home", mutually_exclusive=True)


def change(user, group, **body):
    return user.put(PATH, body, params={"group_id": group})


def show(user, group, **flags):
    """One group, with what is asked for."""
    (shown,) = good(user.get(PATH, params={"group_id": group, **flags}))["groups"]
    return shown


def nodes_of(user, group):
    shown = show(user, group, node_list="true")
    assert shown["total"] == len(shown["nodes"])
    return shown["nodes"]


@pytest.fixture
def mapped(user, device):
    """A lamp of the user's, online."""
    user.map(device)
    return device.boot(lamp(), {"Lamp": {"Name": "Lamp", "Power": True, "Level": 5}})


def test_a_home_has_rooms_and_nodes(user, mapped):
    home = make_home(user)
    room = make(user, "Küche", parent_group_id=home, type="room")
    assert re.fullmatch(r"[A-Za-z0-9]{1,32}", home)
    assert good(change(user, home, operation="add", nodes=[mapped.id]))["status"] == "success"
    good(change(user, room, operation="add", nodes=[mapped.id]))
    listed = good(user.get(PATH, params={"node_list": "true", "sub_groups": "true"}))
    (shown,) = listed["groups"]
    assert shown["group_id"] == home and shown["nodes"] == [mapped.id] and shown["primary"] is True
    (inside,) = shown["sub_groups"]
    assert inside["group_name"] == "Küche" and inside["parent_group_id"] == home and inside["nodes"] == [mapped.id]
    assert "next_id" not in listed and None not in [*shown.values(), *inside.values()]
    detailed = show(user, home, node_details="true", sub_groups="true")
    assert detailed["node_details"] == [user.node(mapped.id)] == detailed["sub_groups"][0]["node_details"]
    by_name = good(user.get(PATH, params={"group_name": "Home"}))
    assert [group["group_id"] for group in by_name[0]["groups"]] == [home]


def test_a_name_is_taken_once_and_the_number_is_a_number(user):
    make_home(user)
    failed(user.post(PATH, {"group_name": "Home"}), 400, 108_007)


def test_moving_into_a_home_takes_a_node_out_of_the_other(user, mapped):
    first, second = make_home(user, "First"), make_home(user, "Second")
    room = make(user, "Room", parent_group_id=first)
    for group in (first, room, second):
        good(change(user, group, operation="add", nodes=[mapped.id]))
    assert [nodes_of(user, group) for group in (first, room, second)] == [[], [], [mapped.id]]


def test_strangers_see_and_change_nothing(user, mapped, new_user):
    stranger, home = new_user(), make_home(user)
    failed(stranger.get(PATH, params={"group_id": home}), 400, 108_023)
    failed(change(stranger, home, group_name="Mine"), 400, 108_023)
    failed(stranger.request("DELETE", PATH, params={"group_id": home}), 400, 108_023)
    failed(stranger.post(PATH, {"group_name": "Mine", "nodes": [mapped.id]}), 400, 108_013)
    failed(stranger.post(PATH, {"group_name": "Mine", "parent_group_id": home}), 400, 108_009)
    assert good(stranger.get(PATH))["groups"] == []
    assert show(user, home)["group_name"] == "Home"


def test_a_node_that_is_given_up_leaves_its_groups(user, mapped):
    home = make_home(user)
    good(change(user, home, operation="add", nodes=[mapped.id]))
    good(user.put("/v1/user/nodes/mapping", {"node_id": mapped.id, "operation": "remove"}))
    assert nodes_of(user, home) == []
    user.map(mapped)
    assert nodes_of(user, home) == []


def test_a_node_that_somebody_else_maps_leaves_the_groups_of_its_former_owner(user, mapped, new_user):
    home, other = make_home(user), new_user()
    good(change(user, home, operation="add", nodes=[mapped.id]))
    other.map(mapped)
    assert nodes_of(user, home) == []
    failed(change(user, home, operation="add", nodes=[mapped.id]), 400, 108_013)


def test_pages_of_groups_follow_each_other(user):
    made = sorted(make(user, f"Group {number}") for number in range(30))
    first = good(user.get(PATH))
    assert len(first["groups"]) == 25 and re.fullmatch(r"[A-Za-z0-9_.~-]+", first["next_id"])
    second = good(user.get(f"{PATH}?start_id={first['next_id']}"))
    assert "next_id" not in second
    assert sorted(group["group_id"] for group in first["groups"] + second["groups"]) == made


# The command line.


def test_the_command_line_makes_shows_and_removes_a_home(cli, user, mapped):
    home = cli.json("group", "add", "--name", "Home", "--type", "home", "--mutually-exclusive", "--description", "Ours")
    assert home["status"] == "success" and home["group_id"] and re.fullmatch(r"[0-9A-Fa-f]{16}", home["fabric_id"])
    group = home["group_id"]
    room = cli.json("group", "add", "--name", "Room", "--parent-group-id", group)["group_id"]
    listed = cli.good("group", "list", "--sub-groups", says="Total groups: 1")
    assert f"1. Home (ID: {group})" in listed and f"1. Room (ID: {room})" in listed
    cli.good("group", "add-nodes", "--group-id", group, "--nodes", mapped.id, says="Nodes added to group successfully")
    cli.good("group", "add-nodes", "--group-id", room, "--nodes", mapped.id, says="Nodes added to group successfully")
    assert f"1. {mapped.id}" in cli.good("group", "list-nodes", "--group-id", group, says="Total nodes: 1")
    detailed = cli.json("group", "list-nodes", "--group-id", group, "--node-details", "--raw")
    assert detailed["groups"][0]["node_details"][0]["id"] == mapped.id
    assert mapped.id in cli.good("group", "list-nodes", "--group-id", room, "--node-details")
    assert f"1. Room (ID: {room})" in cli.good("group", "show", "--group-id", group, "--sub-groups")
    cli.good("group", "edit", "--group-id", group, "--name", "House", "--custom-data", json.dumps({"k": 1}), says="edited successfully")
    shown = show(user, group)
    assert shown["group_name"] == "House" and shown["custom_data"] == {"k": 1} and shown["description"] == "Ours"
    cli.good("group", "remove-nodes", "--group-id", group, "--nodes", mapped.id, says="Nodes removed from group successfully")
    assert "No nodes found in group." in cli.good("group", "list-nodes", "--group-id", room)
    cli.good("group", "remove", "--group-id", group, says="Group removed successfully")
    cli.good("group", "list", says="Total groups: 0")


def test_the_command_line_says_why_a_group_is_not_made(cli):
    cli.good("group", "add", "--name", "Home")
    assert "Failed to create group: a group of this name exists already" in cli.run("group", "add", "--name", "Home")


# The SDK.


def test_the_sdk_makes_a_home_with_rooms_and_nodes(sdk, user, mapped):
    made = {"name": "Home", "type": "home", "mutuallyExclusive": True, "nodeIds": [mapped.id], "customData": {"k": 1}}
    sdk.call("user.createGroup", made, keep="home")
    room = sdk.call("home.createSubGroup", {"name": "Room", "type": "room", "metadata": {"floor": 1}}, keep="room")
    sdk.call("room.addNodes", [mapped.id])
    assert sdk.call("room.getNodesList") == [mapped.id]
    (node,) = sdk.call("home.getNodesWithDetails")
    assert node["id"] == mapped.id and node["connectivityStatus"]["isConnected"] is True
    (shown,) = sdk.call("home.getSubGroups")
    assert shown["id"] == room["id"] and shown["name"] == "Room" and shown["metadata"] == {"floor": 1} and shown["totalNodes"] == 1
    flags = {"withNodeList": True, "withSubGroups": True}
    (listed,) = sdk.call("user.getGroups", flags)["groups"]
    assert listed["name"] == "Home" and listed["nodes"] == [mapped.id] and listed["isPrimaryUser"] is True
    assert listed["customData"] == {"k": 1} and listed["mutuallyExclusive"] is True
    by_id = sdk.call("user.getGroupById", {"id": listed["id"], **flags})
    assert by_id["subGroups"][0]["nodes"] == [mapped.id], by_id
    assert sdk.call("user.getGroupByName", {"name": "Home", **flags})["id"] == listed["id"]
    sdk.call("home.updateGroupInfo", {"groupName": "House"})
    sdk.call("room.removeNodes", [mapped.id])
    assert nodes_of(user, room["id"]) == [] and show(user, listed["id"])["group_name"] == "House"
    with pytest.raises(SdkError) as error:
        sdk.call("home.leave")
    assert error.value.error["errorCode"] == 108_142, error.value.error
    assert sdk.call("home.delete")["status"] == "success"
    assert good(user.get(PATH))["groups"] == []


def test_the_sdk_reads_a_taken_name_as_a_number(sdk):
    sdk.call("user.createGroup", {"name": "Home"})
    with pytest.raises(SdkError) as error:
        sdk.call("user.createGroup", {"name": "Home"})
    assert error.value.error["errorCode"] == 108_007, error.value.error
