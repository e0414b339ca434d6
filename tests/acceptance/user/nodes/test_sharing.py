"""`/v1/user/nodes/sharing` and its requests, with three users: over HTTP, by the command line and by the SDK."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.device import lamp
from support.sdk import SdkError
from support.user import failed, good

SHARING = "/v1/user/nodes/sharing"
REQUESTS = "/v1/user/nodes/sharing/requests"


@pytest.fixture
def people(new_user):
    """The owner and two others."""
    return new_user(), new_user(), new_user()


@pytest.fixture
def lamp_of_owner(people, device):
    """A lamp of the owner's, online."""
    people[0].map(device)
    return device.boot(lamp(), {"Lamp": {"Name": "Lamp", "Power": False, "Level": 5}})


def offer(user, nodes, to, **more):
    """Offers nodes, and returns the id of the request."""
    told = good(user.put(SHARING, {"nodes": nodes, "user_name": to.name, **more}))
    assert told["status"] == "success" and "failure" not in told["description"], told
    return told["request_id"]


def accept(user, request):
    good(user.put(REQUESTS, {"accept": True, "request_id": request}))


def share(user, nodes, to, **more):
    accept(to, offer(user, nodes, to, **more))


def requests_of(user, primary_user):
    return good(user.get(REQUESTS, params={"primary_user": primary_user}))["sharing_requests"]


def users_of(user, node):
    (told,) = good(user.get(SHARING, params={"node_id": node}))["node_sharing"]
    return {role: set(told["users"].get(role, [])) for role in ("primary", "secondary")}


def test_ten_nodes_go_through_the_hands_of_three(people):
    owner, second, guest = people
    nodes = sorted(owner.map_many(10))
    share(owner, nodes[:5], second, primary=True)
    share(second, nodes[3:5], guest, sub_role=2)
    share(owner, nodes[8:], guest)
    share(owner, nodes[5:6], guest, transfer=True, new_role="secondary")
    assert sorted(owner.nodes()) == nodes
    assert sorted(second.nodes()) == nodes[:5]
    assert sorted(guest.nodes()) == nodes[3:6] + nodes[8:]
    roles = {node: guest.node(node)["role"] for node in guest.nodes()}
    assert [node for node, role in roles.items() if role == "primary"] == [nodes[5]]
    assert owner.node(nodes[5])["role"] == "secondary"
    assert users_of(second, nodes[3]) == {"primary": {owner.name, second.name}, "secondary": {guest.name}}
    told = good(owner.get(SHARING))["node_sharing"]
    assert [one["node_id"] for one in told] == nodes
    shared = [one["node_id"] for one in told if len(one["users"]["primary"]) + len(one["users"].get("secondary", [])) > 1]
    assert shared == nodes[:6] + nodes[8:]
    # The owner's leaving ends what the second primary user has shared, too.
    good(owner.put("/v1/user/nodes/mapping", {"node_id": nodes[3], "operation": "remove"}))
    assert nodes[3] not in second.nodes() + guest.nodes()


def test_who_accepts_uses_the_node_until_the_next_request_after_it_is_revoked(people, lamp_of_owner):
    owner, guest, other = people
    request = offer(owner, [lamp_of_owner.id], guest)
    failed(guest.set(lamp_of_owner.id, {"Lamp": {"Level": 6}}), 400, 100_010)
    failed(other.put(REQUESTS, {"accept": True, "request_id": request}), 400, 107_023)
    accept(guest, request)
    good(guest.set(lamp_of_owner.id, {"Lamp": {"Level": 7}}))
    assert lamp_of_owner.receive_params() == b'{"Lamp":{"Level":7}}'
    assert guest.params(lamp_of_owner.id)["Lamp"]["Name"] == "Lamp"
    good(owner.request("DELETE", SHARING, params={"nodes": lamp_of_owner.id, "user_name": guest.name}))
    failed(guest.set(lamp_of_owner.id, {"Lamp": {"Level": 8}}), 400, 100_010)
    assert guest.nodes() == [] and owner.nodes() == [lamp_of_owner.id]
    assert users_of(owner, lamp_of_owner.id) == {"primary": {owner.name}, "secondary": set()}


def test_what_is_not_ones_own_is_not_shared(people, lamp_of_owner):
    owner, guest, other = people
    share(owner, [lamp_of_owner.id], guest)
    for user, body, code in [
        (guest, {"user_name": other.name}, 107_027),
        (other, {"user_name": guest.name}, 107_005),
        (owner, {"user_name": owner.name}, 107_003),
        (owner, {"user_name": "nobody-at-all@example.com"}, 107_007),
    ]:
        for path in (SHARING, REQUESTS):
            failed(user.put(path, {"nodes": [lamp_of_owner.id], **body}), 400, code)
    failed(guest.request("DELETE", SHARING, params={"nodes": lamp_of_owner.id, "user_name": owner.name}), 400, 107_027)
    assert requests_of(other, "false") == [] and users_of(owner, lamp_of_owner.id)["secondary"] == {guest.name}


def test_an_offer_is_declined_or_withdrawn(people, lamp_of_owner):
    owner, guest, _ = people
    request = offer(owner, [lamp_of_owner.id], guest, metadata={"devices": [{"name": "Lamp"}]})
    (shown,) = requests_of(guest, "False")
    assert (shown["request_id"], shown["request_status"], shown["node_ids"]) == (request, "pending", [lamp_of_owner.id])
    assert (shown["user_name"], shown["primary_user_name"]) == (guest.name, owner.name)
    assert shown["metadata"] == {"devices": [{"name": "Lamp"}]}
    assert requests_of(owner, "True") == [shown] and requests_of(owner, "false") == []
    good(guest.put(REQUESTS, {"accept": False, "request_id": request}))
    assert [one["request_status"] for one in requests_of(owner, "true")] == ["declined"]
    failed(owner.request("DELETE", REQUESTS, params={"request_id": request}), 400, 107_025)
    again = offer(owner, [lamp_of_owner.id], guest)
    good(owner.request("DELETE", REQUESTS, params={"request_id": again}))
    failed(guest.put(REQUESTS, {"accept": True, "request_id": again}), 400, 107_023)
    failed(owner.request("DELETE", REQUESTS, params={"request_id": again}), 404, 107_026)
    assert guest.nodes() == []


def test_accepting_at_the_same_moment_as_the_owner_leaves_nobody_behind(people):
    owner, guest, _ = people
    for node in owner.map_many(5):
        request = offer(owner, [node], guest)
        with ThreadPoolExecutor(2) as both:
            accepted = both.submit(guest.put, REQUESTS, {"accept": True, "request_id": request})
            left = both.submit(owner.put, "/v1/user/nodes/mapping", {"node_id": node, "operation": "remove"})
        good(left.result())
        assert accepted.result().status_code in (200, 400), accepted.result().text
    assert guest.nodes() == [] and owner.nodes() == []


# The command line.


def test_the_command_line_shares_and_takes_back(new_cli, cloud, people, lamp_of_owner):
    owner, guest, _ = people
    mine, theirs = new_cli(cloud.base).log_in(owner.name), new_cli(cloud.base).log_in(guest.name)
    node = lamp_of_owner.id
    told = mine.good("sharing", "add_user", "--user", guest.name, "--nodes", node, "--sub_role", "2", says="Success")
    request = re.search(r"Request Id\s*: (\w+)", told)[1]
    told = theirs.good("sharing", "list_requests", says=request)
    assert f"Shared by   : {owner.name}" in told and node in told and "expire in 7 day(s)" in told, told
    told = mine.good("sharing", "list_requests", "--primary_user", "--id", request, says=request)
    assert f"Shared with : {guest.name}" in told, told
    theirs.good("sharing", "accept", "--id", request, says="Success")
    mine.good("sharing", "list_requests", "--primary_user", says="No pending requests")
    told = mine.good("sharing", "list_nodes", says=f"Node Id: {node}")
    assert f"Primary  : {owner.name}" in told and f"Secondary: {guest.name}" in told, told
    theirs.good("sharing", "list_nodes", "--node", node, says=f"Secondary: {guest.name}")
    theirs.good("getnodes", says=node)
    mine.good("sharing", "remove_user", "--user", guest.name, "--nodes", node, says="Success")
    assert node not in theirs.run("getnodes")


def test_the_command_line_declines_cancels_and_transfers(new_cli, cloud, people):
    owner, guest, _ = people
    mine, theirs = new_cli(cloud.base).log_in(owner.name), new_cli(cloud.base).log_in(guest.name)
    nodes = ",".join(owner.map_many(2))

    def add(*more):
        told = mine.good("sharing", "add_user", "--user", guest.name, "--nodes", nodes, *more, says="Success")
        return re.search(r"Request Id\s*: (\w+)", told)[1]

    theirs.good("sharing", "decline", "--id", add(), says="Success")
    theirs.good("sharing", "list_requests", says="No pending requests")
    mine.good("sharing", "cancel", "--id", add("--primary"), says="Success")
    theirs.good("sharing", "list_requests", says="No pending requests")
    theirs.good("sharing", "accept", "--id", add("--transfer", "--new_role", "secondary"), says="Success")
    assert {guest.node(node)["role"] for node in guest.nodes()} == {"primary"}
    assert {owner.node(node)["role"] for node in owner.nodes()} == {"secondary"}
    assert len(guest.nodes()) == len(owner.nodes()) == 2
    # What goes wrong is told, with the contract's number.
    told = mine.run("sharing", "add_user", "--user", guest.name, "--nodes", nodes)
    assert "107027" in told or "primary user" in told, told


# The SDK.


def test_the_sdk_shares_in_pages_and_takes_back(new_sdk, people):
    owner, guest, _ = people
    nodes = owner.map_many(3)
    mine, theirs = new_sdk().log_in(owner), new_sdk().log_in(guest)
    ids = []
    for node in nodes:
        mine.call("user.getNodeDetails", node, keep="node")
        ids.append(mine.call("node.shareWith", {"username": guest.name, "metadata": {"k": node}}))
    for sdk, call in ((mine, "user.getIssuedNodeSharingRequests"), (theirs, "user.getReceivedNodeSharingRequests")):
        page, found = sdk.call(call, 2, keep="page"), []
        while True:
            found += page["sharedRequests"]
            if not page["hasNext"]:
                break
            page = sdk.call("page.fetchNext", keep="page")
        assert sorted(one["id"] for one in found) == sorted(ids)
        assert {(one["username"], one["primaryUsername"], one["status"]) for one in found} == {(guest.name, owner.name, "pending")}
        assert {one["metadata"]["k"] for one in found} == set(nodes)
    theirs.call("user.getReceivedNodeSharingRequests", keep="page")
    assert theirs.call("page.sharedRequests.0.accept")["status"] == "success"
    assert theirs.call("page.sharedRequests.1.decline")["status"] == "success"
    with pytest.raises(SdkError) as error:
        theirs.call("page.sharedRequests.0.accept")
    assert error.value.error["errorCode"] == 107_023, error.value.error
    third = theirs.show("page.sharedRequests.2.id")
    issued = mine.call("user.getIssuedNodeSharingRequests", keep="page")["sharedRequests"]
    (index,) = [index for index, one in enumerate(issued) if one["id"] == third]
    assert mine.call(f"page.sharedRequests.{index}.remove")["status"] == "success"
    (node,) = guest.nodes()
    assert theirs.call("user.getNodeDetails", node)["isPrimaryUser"] is False
    mine.call("user.getNodeDetails", node, keep="node")
    assert mine.call("node.removeSharingFor", guest.name)["status"] == "success"
    assert guest.nodes() == []


def test_the_sdk_transfers(new_sdk, people):
    owner, guest, _ = people
    (node,) = owner.map_many(1)
    mine, theirs = new_sdk().log_in(owner), new_sdk().log_in(guest)
    mine.call("user.getNodeDetails", node, keep="node")
    mine.call("node.transferNode", {"toUserName": guest.name, "selfToSecondary": True})
    (shown,) = theirs.call("user.getReceivedNodeSharingRequests", keep="page")["sharedRequests"]
    assert shown["transfer"] is True and shown["newRole"] == "secondary", shown
    theirs.call("page.sharedRequests.0.accept")
    assert theirs.call("user.getNodeDetails", node)["isPrimaryUser"] is True
    assert mine.call("user.getNodeDetails", node)["isPrimaryUser"] is False
