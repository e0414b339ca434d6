"""What the simulated node can be built with, against the cloud: a will, groups, a session that is kept."""

import json
import signal

import pytest
from support.user import good
from support.wait import settled


def group(user, node):
    """The group that the node last reported."""
    return user.params(node.id)["Groups"]["GroupID"]


def connected(user, node):
    """What the node, or its will, last said about its connection."""
    return user.params(node.id)["Connectivity"]["Connected"]


# The will.


def test_a_power_cut_leaves_the_will_and_a_return_takes_it_back(user, credentials, simulate_mapped, simulate):
    node = simulate_mapped(credentials, "--connectivity")
    assert connected(user, node) is True, "what every node with this service says first"
    node.expect("published", payload='{"Connectivity":{"Connected":true}}', acknowledged=True)
    node.cut()
    settled(lambda: connected(user, node), False, "the will is stored")
    settled(lambda: user.online(node.id), False, "offline")
    back = simulate(credentials, "--connectivity").up()
    back.expect("published", payload='{"Connectivity":{"Connected":true}}', acknowledged=True)
    assert connected(user, back) is True


def test_a_goodbye_leaves_no_will(user, credentials, simulate_mapped):
    node = simulate_mapped(credentials, "--connectivity")
    node.expect("published", payload='{"Connectivity":{"Connected":true}}', acknowledged=True)
    node.close()
    settled(lambda: user.online(node.id), False, "offline")
    assert connected(user, node) is True


# Groups.


def test_a_node_reports_in_its_group_and_leaves_it(user, credentials, simulate_mapped, simulate):
    node = simulate_mapped(credentials, "--groups")
    assert group(user, node) == ""
    for name, left in (("g7Qx2", None), ("another", "g7Qx2")):
        good(user.set(node.id, {"Groups": {"GroupID": name}}))
        node.expect("subscribed", filter=f"node/{node.id}/params/remote/{name}", granted=True)
        if left:
            assert any(event.get("filter") == f"node/{node.id}/params/remote/{left}" for event in node.events if event["event"] == "unsubscribed")
        settled(lambda: group(user, node), name, "the group is reported on the group's own topic")
        node.press("Light.Power=true")
        node.expect("published", topic=f"node/{node.id}/params/local/{name}", payload='{"Light":{"Power":true}}', acknowledged=True)
        assert user.params(node.id)["Light"]["Power"] is True
        good(user.set(node.id, {"Light": {"Power": False}}))
        node.expect("remote", topic=f"node/{node.id}/params/remote")
        settled(lambda: user.params(node.id)["Light"]["Power"], False, "the plain topic stays")
    node.cut()

    back = simulate(credentials, "--groups")
    back.expect("subscribed", filter=f"node/{node.id}/params/remote/another", granted=True)
    good(user.set(node.id, {"Groups": {"GroupID": ""}}))
    back.expect("unsubscribed", filter=f"node/{node.id}/params/remote/another")
    settled(lambda: group(user, back), "", "that it left is reported plainly")
    assert json.loads((credentials.folder / "state.json").read_text())["params"]["Groups"]["GroupID"] == ""


def test_a_change_of_the_group_moves_the_will(user, credentials, simulate_mapped):
    node = simulate_mapped(credentials, "--groups", "--connectivity")
    good(user.set(node.id, {"Groups": {"GroupID": "g1"}}))
    node.expect("rejoining")
    node.expect("connected", first=False)
    node.expect("published", topic=f"node/{node.id}/params/local/g1", payload='{"Connectivity":{"Connected":true}}')
    node.cut()
    settled(lambda: connected(user, node), False, "the will on the group's topic is stored")


# The session.


@pytest.mark.parametrize("kept", [True, False])
def test_what_came_while_the_node_was_gone_waits_in_a_kept_session_alone(user, credentials, simulate_mapped, simulate, kept):
    flags = ["--persistent"] if kept else []
    node = simulate_mapped(credentials, *flags)
    # Frozen it is still connected, so that the message is sent and not stored as a wish.
    node.process.send_signal(signal.SIGSTOP)
    good(user.set(node.id, {"Light": {"Hue": 77}}))
    node.cut()
    settled(lambda: user.online(node.id), False, "offline")
    back = simulate(credentials, *flags)
    if kept:
        back.expect("set", param="Hue", value=77, by="remote")
        settled(lambda: user.params(node.id)["Light"]["Hue"], 77, "reported")
    else:
        back.up()
        good(user.set(node.id, {"Light": {"Saturation": 1}}))
        back.expect("set", param="Saturation", value=1, by="remote")
        assert not [event for event in back.events if event.get("param") == "Hue"], "it was lost with the session"
