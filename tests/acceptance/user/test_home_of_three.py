"""A home of three people and ten nodes: the owner shares nodes one by one and with their group, by the unmodified command
line and SDK. What everybody then has is asked over HTTP."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.sdk import SdkError
from support.user import failed, good
from support.wait import settled, until

GROUPS = "/v1/user/node_group"
SHARING = "/v1/user/node_group/sharing"
REQUESTS = "/v1/user/node_group/sharing/requests"


@pytest.fixture
def people(user, new_user):
    """The owner and two others."""
    return user, new_user(), new_user()


@pytest.fixture
def board(simulate_mapped, credentials):
    """A lamp of the owner's that does what it is told."""
    return simulate_mapped(credentials)


@pytest.fixture
def nodes(board, user):
    """Ten nodes of the owner's, the board first."""
    return [board.id, *user.map_many(9)]


@pytest.fixture
def lines(new_cli, cloud, people):
    """Everybody's command line."""
    made = [new_cli(cloud.base) for _ in people]
    with ThreadPoolExecutor() as pool:
        return list(pool.map(lambda line, one: line.log_in(one.name), made, people))


@pytest.fixture
def apps(new_sdk, people):
    """Everybody's SDK."""
    return [new_sdk().log_in(one) for one in people]


def roles(user):
    """What the user is to each of their nodes, of which none is told twice."""
    page = good(user.get("/v1/user/nodes", params={"node_details": "true"}))
    told = [(node["id"], node["role"]) for node in page["node_details"]]
    assert sorted(page["nodes"]) == sorted(dict(told)) and len(told) == len(dict(told)) and "next_id" not in page, page
    return dict(told)


def all_roles(people):
    """The same of the owner, the second and the guest."""
    return [roles(one) for one in people]


def primary(nodes):
    return dict.fromkeys(nodes, "primary")


def secondary(nodes):
    return dict.fromkeys(nodes, "secondary")


def groups_of(user):
    """The names of the user's groups, and whether they are a primary user of each."""
    return {group["group_name"]: group["primary"] for group in good(user.get(GROUPS))["groups"]}


def users_of(user, group):
    """Who has the group, as the user sees it."""
    (told,) = good(user.get(SHARING, params={"group_id": group}))["group_sharing"]
    assert told["group_id"] == group
    return {role: set(told["users"].get(role) or []) for role in ("primary", "secondary")}


def sources(user, node):
    """By what the user has the node."""
    (told,) = good(user.get("/v1/user/nodes/sharing", params={"node_id": node}))["node_sharing"]
    return set(told["sources"])


# The command line.


def offer(line, *command):
    """Offers by the command line, and returns the id of the request."""
    return re.search(r"Request Id\s*: (\w+)", line.good(*command, says="Success"))[1]


def listed(line):
    """The nodes that the command line lists."""
    return sorted(re.findall(r"^\d+\. (\S+)", line.good("getnodes"), re.MULTILINE))


def test_the_command_line_shares_a_home(people, nodes, board, lines):
    owner, _, guest = people
    mine, _, theirs = lines
    every = primary(nodes)
    home = mine.json("group", "add", "--name", "Home", "--type", "home", "--mutually-exclusive")["group_id"]
    room = mine.json("group", "add", "--name", "Room", "--parent-group-id", home)["group_id"]
    for group, some in ((home, nodes[:5]), (room, nodes[:2])):
        mine.good("group", "add-nodes", "--group-id", group, "--nodes", ",".join(some), says="Nodes added to group successfully")
    told = mine.good("group", "list", "--sub-groups", says="Total groups: 1")
    assert f"1. Home (ID: {home})" in told and f"  1. Room (ID: {room})" in told, told
    assert f"1. Room (ID: {room})" in mine.good("group", "show", "--group-id", home, "--sub-groups")
    assert sorted(re.findall(r"^\d+\. (\S+)", mine.good("group", "list-nodes", "--group-id", room), re.MULTILINE)) == sorted(nodes[:2])
    (shown,) = mine.json("group", "list-nodes", "--group-id", home, "--node-details", "--raw")["groups"]
    assert {node["id"] for node in shown["node_details"]} == set(nodes[:5]) and shown["primary"] is True, shown
    assert all_roles(people) == [every, {}, {}]

    # One of its nodes by itself, as another primary user's.
    request = offer(mine, "sharing", "add_user", "--user", guest.name, "--nodes", nodes[1], "--primary")
    theirs.good("sharing", "accept", "--id", request, says="Success")
    own = primary(nodes[1:2])
    assert all_roles(people) == [every, {}, own]

    # All of it.
    request = offer(mine, "group", "sharing", "add", "--groups", home, "--user", guest.name)
    for line, flags, who in [
        (mine, ["--primary-user"], f"Shared with    : {guest.name}"),
        (theirs, ["--id", request], f"Shared by      : {owner.name}"),
    ]:
        told = line.good("group", "sharing", "list-requests", *flags, says=request)
        assert who in told and home in told and "Home" in told and "expire in 7 day(s)" in told, told
    assert all_roles(people) == [every, {}, own] and groups_of(guest) == {}
    failed(guest.set(board.id, {"Light": {"Power": True}}), 400, 100_010)
    theirs.good("group", "sharing", "accept", "--id", request, says="Success")
    assert all_roles(people) == [every, {}, secondary(nodes[:5]) | own] and groups_of(guest) == {"Home": False}
    assert listed(theirs) == sorted(nodes[:5])
    assert f"  1. Room (ID: {room})" in theirs.good("group", "list", "--sub-groups", says="Total groups: 1")
    told = mine.good("group", "sharing", "list", "--group-id", home, says=f"Primary  : {owner.name}")
    assert f"Secondary: {guest.name}" in told, told
    mine.good("group", "sharing", "list-requests", "--primary-user", says="No pending requests")
    theirs.good("setparams", board.id, "--data", '{"Light":{"Power":true}}', says="Node state updated successfully.")
    board.expect("set", device="Light", param="Power", value=True, by="remote")

    # What comes into it and leaves it.
    mine.good("group", "add-nodes", "--group-id", home, "--nodes", ",".join(nodes[5:7]))
    mine.good("group", "remove-nodes", "--group-id", home, "--nodes", f"{nodes[1]},{nodes[4]}")
    mine.good("group", "edit", "--group-id", home, "--name", "House", says="Group edited successfully")
    inside = secondary([nodes[0], *nodes[2:4], *nodes[5:7]])
    assert all_roles(people) == [every, {}, inside | own] and groups_of(guest) == {"House": False}
    failed(guest.set(nodes[4], {"Light": {"Power": True}}), 400, 100_010)
    request = offer(mine, "sharing", "add_user", "--user", guest.name, "--nodes", f"{nodes[6]},{nodes[9]}")
    theirs.good("sharing", "accept", "--id", request, says="Success")
    own |= secondary([nodes[6], nodes[9]])
    assert all_roles(people) == [every, {}, inside | own]
    assert sources(guest, nodes[6]) == {"NODE", home} and sources(guest, board.id) == {home} and sources(guest, nodes[9]) == {"NODE"}

    # No more.
    mine.good("group", "sharing", "remove", "--groups", home, "--user", guest.name, says="Success")
    failed(guest.set(board.id, {"Light": {"Power": False}}), 400, 100_010)
    failed(guest.get(GROUPS, params={"group_id": home}), 400, 108_023)
    assert all_roles(people) == [every, {}, own] and listed(theirs) == sorted(own)
    theirs.good("group", "list", says="Total groups: 0")
    assert "Failed to get group details" in theirs.run("group", "show", "--group-id", room)
    assert users_of(owner, home) == {"primary": {owner.name}, "secondary": set()}


def test_the_command_line_has_a_second_primary_user_of_a_home(people, nodes, lines):
    owner, second, guest = people
    mine, seconds, theirs = lines
    every = primary(nodes)
    home = mine.json("group", "add", "--name", "Home", "--type", "home", "--nodes", ",".join(nodes[:6]))["group_id"]
    to_guest = ["group", "sharing", "add", "--groups", home, "--user", guest.name]
    theirs.good("group", "sharing", "decline", "--id", offer(mine, *to_guest), says="Success")
    request = offer(mine, *to_guest)
    mine.good("group", "sharing", "cancel", "--id", request, says="Success")
    theirs.good("group", "sharing", "list-requests", says="No pending requests")
    assert "Failed to accept group sharing request" in theirs.run("group", "sharing", "accept", "--id", request)
    assert all_roles(people) == [every, {}, {}] and groups_of(guest) == {}

    request = offer(mine, "group", "sharing", "add", "--groups", home, "--user", second.name, "--primary")
    seconds.good("group", "sharing", "accept", "--id", request, says="Success")
    assert all_roles(people) == [every, primary(nodes[:6]), {}] and groups_of(second) == {"Home": True}
    theirs.good("group", "sharing", "accept", "--id", offer(seconds, *to_guest), says="Success")
    assert all_roles(people) == [every, primary(nodes[:6]), secondary(nodes[:6])] and groups_of(guest) == {"Home": False}
    both = {"primary": {owner.name, second.name}, "secondary": {guest.name}}
    assert users_of(owner, home) == users_of(second, home) == users_of(guest, home) == both
    told = theirs.run("group", "sharing", "add", "--groups", home, "--user", owner.name)
    assert "Failed to add group sharing" in told, told
    # Who has it is asked no more.
    for more, wanted in ((["--primary"], primary(nodes[:6])), ([], secondary(nodes[:6]))):
        seconds.good(*to_guest, *more, says="Success")
        assert all_roles(people) == [every, primary(nodes[:6]), wanted]
    theirs.good("group", "sharing", "list-requests", says="No pending requests")
    # A secondary user leaves by taking it from themselves, a primary user takes it from others.
    theirs.good("group", "sharing", "remove", "--groups", home, "--user", guest.name, says="Success")
    assert all_roles(people) == [every, primary(nodes[:6]), {}]
    mine.good("group", "sharing", "remove", "--groups", home, "--user", second.name, says="Success")
    assert all_roles(people) == [every, {}, {}] and groups_of(second) == {}
    assert users_of(owner, home) == {"primary": {owner.name}, "secondary": set()}


def test_the_command_line_sends_commands_to_a_shared_home(people, nodes, board, lines):
    owner, _, guest = people
    mine, seconds, theirs = lines
    home = mine.json("group", "add", "--name", "Home", "--nodes", ",".join(nodes[:3]))["group_id"]
    request = offer(mine, "group", "sharing", "add", "--groups", home, "--user", guest.name)
    theirs.good("group", "sharing", "accept", "--id", request, says="Success")
    for user, line, level in ((owner, mine, 71), (guest, theirs, 72)):
        text = line.good("create_cmd_request", board.id, "1", f'{{"params":{{"Light":{{"Brightness":{level}}}}}}}', "--timeout", "30")
        request = re.search(r"Request Id: (\w+)", text)[1]
        board.expect("set", device="Light", param="Brightness", value=level, by="command")
        until(lambda: "'status': 'success'" in line.good("get_cmd_requests", request), f"{user.name} sees that it is done", every=0.5)
        (command,) = good(user.get("/v1/user/nodes/cmd", params={"request_id": request}))["requests"]
        assert command["node_id"] == board.id and command["response_data"]["params"] == {"Light": {"Brightness": level}}, command
        assert guest.params(board.id)["Light"]["Brightness"] == level
    mine.good("group", "sharing", "remove", "--groups", home, "--user", guest.name, says="Success")
    for line in (seconds, theirs):
        assert "belong" in line.run("create_cmd_request", board.id, "1", '{"params":{"Light":{"Brightness":73}}}')
    assert owner.params(board.id)["Light"]["Brightness"] == 72


# The SDK.


def test_the_sdk_shares_a_home(people, nodes, board, apps):
    owner, second, guest = people
    mine, seconds, theirs = apps
    every = primary(nodes)
    mine.call("user.createGroup", {"name": "Home", "type": "home", "mutuallyExclusive": True, "nodeIds": nodes[:5]}, keep="home")
    mine.call("home.createSubGroup", {"name": "Room", "nodeIds": nodes[:2]}, keep="room")
    garage = mine.call("user.createGroup", {"name": "Garage", "nodeIds": nodes[7:8]})["id"]
    home, room = mine.show("home.id"), mine.show("room.id")

    # Offers, in pages.
    ids = {"home": mine.call("home.Share", {"toUserName": guest.name, "metadata": {"k": 1}})}
    ids["garage"] = mine.call("user.shareGroups", {"groupIds": [garage], "toUserName": guest.name})
    ids["second"] = mine.call("user.shareGroups", {"groupIds": [home, garage], "toUserName": second.name, "makePrimary": True})
    page = mine.call("user.getIssuedGroupSharingRequests", 2, keep="page")
    issued = list(page["sharedRequests"])
    assert len(issued) == 2 and page["hasNext"] is True
    issued += mine.call("page.fetchNext", keep="page")["sharedRequests"]
    assert {one["id"]: sorted(one["groupnames"]) for one in issued} == {
        ids["home"]: ["Home"],
        ids["garage"]: ["Garage"],
        ids["second"]: ["Garage", "Home"],
    }
    received = theirs.call("user.getReceivedGroupSharingRequests", keep="page")["sharedRequests"]
    asked = {one["id"]: index for index, one in enumerate(received)}
    assert set(asked) == {ids["home"], ids["garage"]}
    first = received[asked[ids["home"]]]
    assert (first["status"], first["username"], first["primaryUsername"]) == ("pending", guest.name, owner.name)
    assert first["groupIds"] == [home] and first["metadata"] == {"k": 1}
    assert all_roles(people) == [every, {}, {}]

    # Accepted, declined, taken back.
    assert theirs.call(f"page.sharedRequests.{asked[ids['home']]}.accept")["status"] == "success"
    assert theirs.call(f"page.sharedRequests.{asked[ids['garage']]}.decline")["status"] == "success"
    seconds.call("user.getReceivedGroupSharingRequests", keep="page")
    issued = mine.call("user.getIssuedGroupSharingRequests", keep="page")["sharedRequests"]
    (index,) = [index for index, one in enumerate(issued) if one["id"] == ids["second"]]
    assert mine.call(f"page.sharedRequests.{index}.remove")["status"] == "success"
    with pytest.raises(SdkError) as error:
        seconds.call("page.sharedRequests.0.accept")
    assert error.value.error["errorCode"] == 108_037, error.value.error
    assert all_roles(people) == [every, {}, secondary(nodes[:5])]

    # What a guest sees and does.
    flags = {"withNodeList": True, "withSubGroups": True}
    (shown,) = theirs.call("user.getGroups", flags)["groups"]
    assert shown["name"] == "Home" and shown["isPrimaryUser"] is False and sorted(shown["nodes"]) == sorted(nodes[:5])
    assert [(inside["id"], sorted(inside["nodes"])) for inside in shown["subGroups"]] == [(room, sorted(nodes[:2]))]
    assert theirs.call("user.getGroupByName", {"name": "Home", **flags}, keep="home")["id"] == home
    assert theirs.call("user.getGroupById", {"id": room})["isPrimaryUser"] is False
    assert {node["id"] for node in theirs.call("home.getNodesWithDetails")} == set(nodes[:5])
    told = {node["id"]: node["isPrimaryUser"] for node in theirs.call("user.getUserNodes", keep="page")["nodes"]}
    assert told == dict.fromkeys(nodes[:5], False)
    theirs.call("user.getNodeDetails", board.id, keep="board")
    assert [one["status"] for one in theirs.call("board.setMultipleParams", {"Light": [{"Power": True}]})] == ["success"]
    board.expect("set", device="Light", param="Power", value=True, by="remote")
    with pytest.raises(SdkError) as error:
        theirs.call("home.updateGroupInfo", {"groupName": "Mine"})
    assert error.value.error["errorCode"] == 108_056, error.value.error
    told = mine.call("home.getSharingInfo", {"metadata": True, "withSubGroups": True})
    assert told["groupId"] == home and told["mutuallyExclusive"] is True
    assert [one["username"] for one in told["primaryUsers"]] == [owner.name]
    assert told["secondaryUsers"] == [{"username": guest.name, "metadata": {"k": 1}}]
    assert [inside["groupId"] for inside in told["subGroupsInfo"]] == [room]
    plain = mine.call("home.getSharingInfo", {"metadata": False})
    assert [one["username"] for one in plain["secondaryUsers"]] == [guest.name]

    # What comes into it and leaves it, and a node by itself.
    mine.call("home.addNodes", nodes[5:7])
    mine.call("home.removeNodes", [nodes[1], nodes[4]])
    mine.call("user.getNodeDetails", nodes[9], keep="node")
    mine.call("node.shareWith", {"username": guest.name})
    theirs.call("user.getReceivedNodeSharingRequests", keep="page")
    theirs.call("page.sharedRequests.0.accept")
    assert all_roles(people) == [every, {}, secondary([nodes[0], *nodes[2:4], *nodes[5:7], nodes[9]])]

    # No more.
    assert mine.call("home.removeSharingFor", guest.name)["status"] == "success"
    failed(guest.set(board.id, {"Light": {"Power": False}}), 400, 100_010)
    assert [one["error_code"] for one in theirs.call("board.setMultipleParams", {"Light": [{"Power": False}]})] == [100_010]
    assert theirs.call("user.getGroups", flags)["groups"] == []
    with pytest.raises(SdkError) as error:
        theirs.call("home.getNodesList")
    assert error.value.error["errorCode"] == 108_023, error.value.error
    assert all_roles(people) == [every, {}, secondary(nodes[9:])]


def test_the_sdk_transfers_a_home_and_leaves_it(people, nodes, apps):
    owner, second, guest = people
    mine, seconds, theirs = apps
    home = mine.call("user.createGroup", {"name": "Home", "nodeIds": nodes[:4]}, keep="home")["id"]

    def share(app, call, terms):
        mine.call(call, terms)
        app.call("user.getReceivedGroupSharingRequests", keep="page")
        app.call("page.sharedRequests.0.accept")
        app.call("user.getGroupById", {"id": home}, keep="home")

    inside, rest = nodes[:4], primary(nodes[4:])
    share(theirs, "home.Share", {"toUserName": guest.name})
    share(seconds, "home.Share", {"toUserName": second.name, "makePrimary": True})
    assert all_roles(people) == [primary(nodes), primary(inside), secondary(inside)]
    # A primary user who is not the only one leaves, and nobody else loses anything.
    assert seconds.call("home.leave")["status"] == "success"
    assert all_roles(people) == [primary(nodes), {}, secondary(inside)] and groups_of(second) == {}
    # The nodes go with the home.
    share(seconds, "home.transfer", {"toUserName": second.name, "assignRoleToSelf": "secondary"})
    assert seconds.show("home.isPrimaryUser") is True and mine.call("user.getGroupById", {"id": home})["isPrimaryUser"] is False
    assert users_of(second, home) == {"primary": {second.name}, "secondary": {owner.name, guest.name}}
    assert all_roles(people) == [secondary(inside) | rest, primary(inside), secondary(inside)]
    with pytest.raises(SdkError) as error:
        seconds.call("home.leave")
    assert error.value.error["errorCode"] == 108_142, error.value.error
    assert theirs.call("home.leave")["status"] == "success"
    assert all_roles(people) == [secondary(inside) | rest, primary(inside), {}] and groups_of(guest) == {}
    assert seconds.call("home.delete")["status"] == "success"
    assert all_roles(people) == [rest, primary(inside), {}] and groups_of(owner) == groups_of(second) == {}


# Over HTTP.


def share(owner, group, to):
    """Offers a group, and accepts it."""
    request = good(owner.put(SHARING, {"groups": [group], "user_name": to.name}))["request_id"]
    good(to.put(REQUESTS, {"accept": True, "request_id": request}))


def test_what_guests_ask_of_a_board_that_is_off_waits_for_it_as_long_as_they_have_it(people, board, credentials, simulate):
    owner, second, guest = people
    home = good(owner.post(GROUPS, {"group_name": "Home", "nodes": [board.id]}))["group_id"]
    board.close()
    settled(lambda: owner.online(board.id), False, "the board is shown offline")
    for one, wanted, commanded in ((second, {"Saturation": 7}, {"Power": False}), (guest, {"Hue": 7}, {"Brightness": 8})):
        share(owner, home, one)
        good(one.set(board.id, {"Light": wanted}))
        command = {"node_ids": [board.id], "cmd": 1, "data": {"params": {"Light": commanded}}, "timeout": 600}
        good(one.post("/v1/user/nodes/cmd", command), 207)
    good(owner.request("DELETE", SHARING, params={"groups": home, "user_name": second.name}))
    back = simulate(credentials)
    settled(
        lambda: {event["param"]: (event["value"], event["by"]) for event in list(back.events) if event["event"] == "set"},
        {"Hue": (7, "remote"), "Brightness": (8, "command")},
        "the board does what the guest wants, and nothing for who has it no more",
    )


def test_only_primary_users_share_a_group_and_only_with_others(people, nodes):
    owner, second, guest = people
    home = good(owner.post(GROUPS, {"group_name": "Home", "nodes": nodes[:4]}))["group_id"]
    room = good(owner.post(GROUPS, {"group_name": "Room", "parent_group_id": home, "nodes": nodes[:1]}))["group_id"]
    request = good(owner.put(SHARING, {"groups": [home], "user_name": guest.name}))["request_id"]
    failed(second.put(REQUESTS, {"accept": True, "request_id": request}), 400, 108_037)
    good(guest.put(REQUESTS, {"accept": True, "request_id": request}))
    for user, to, code in [
        (guest, second.name, 108_041),
        (second, guest.name, 108_048),
        (owner, owner.name, 108_046),
        (owner, "nobody-at-all@example.com", 108_050),
    ]:
        failed(user.put(SHARING, {"groups": [home], "user_name": to}), 400, code)
    failed(guest.request("DELETE", SHARING, params={"groups": home, "user_name": owner.name}), 400, 108_041)
    failed(owner.request("DELETE", SHARING, params={"groups": room, "user_name": guest.name}), 400, 108_055)
    failed(owner.request("DELETE", GROUPS, params={"group_id": home, "leave": "true"}), 400, 108_142)
    told = owner.request("DELETE", "/v1/user/nodes/sharing", params={"nodes": nodes[3], "user_name": guest.name})
    failed(told, 400, 107_028)
    failed(guest.put(GROUPS, {"operation": "remove", "nodes": nodes[:1]}, params={"group_id": home}), 400, 108_056)
    failed(second.get(SHARING, params={"group_id": home}), 400, 108_023)
    assert users_of(guest, room) == users_of(owner, home) == {"primary": {owner.name}, "secondary": {guest.name}}
    assert all_roles(people) == [primary(nodes), {}, secondary(nodes[:4])]


def test_a_room_is_shared_without_its_home(people, nodes):
    owner, _, guest = people
    home = good(owner.post(GROUPS, {"group_name": "Home", "nodes": nodes[:4]}))["group_id"]
    room = good(owner.post(GROUPS, {"group_name": "Room", "parent_group_id": home, "nodes": nodes[:2]}))["group_id"]
    share(owner, room, guest)
    assert roles(guest) == secondary(nodes[:2]) and groups_of(guest) == {"Room": False}
    failed(guest.get(GROUPS, params={"group_id": home}), 400, 108_023)
    # What the owner gives up nobody has by a group.
    good(owner.put("/v1/user/nodes/mapping", {"node_id": nodes[1], "operation": "remove"}))
    assert roles(guest) == secondary(nodes[:1])
    good(owner.request("DELETE", SHARING, params={"groups": room, "user_name": guest.name}))
    assert roles(guest) == {} and groups_of(guest) == {}
