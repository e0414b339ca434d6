"""Commands to nodes and their answers: by the unmodified command line, with the simulated node and with devices of which
tests decide every byte."""

import ast

import pytest
from support.device import Device, config, lamp
from support.user import failed, good
from support.wait import settled, until

PATH = "/v1/user/nodes/cmd"
POLL = bytes.fromhex("010003010005020000")
OFFLINE = {"status": "success", "error_code": 131_112, "description": "Node is offline, responses may be delayed"}


def taking_commands(components):
    """A config that says that the node takes commands."""
    return {**components, "attributes": [{"name": "cmd-resp", "value": "1"}]}


def elements(message):
    """The elements of a message by their types, put together from their pieces."""
    found, last = {}, None
    while message:
        kind, length, value, message = message[0], message[1], message[2 : 2 + message[1]], message[2 + message[1] :]
        found[kind] = found[kind] + value if last == (kind, 255) else value
        last = (kind, length)
    return found


def answer(request, status, cmd, data=b""):
    """What a node says to a command."""
    message = bytes([1, len(request)]) + request.encode() + bytes([3, 1, status, 5, 2]) + cmd.to_bytes(2, "little")
    return message + b"".join(bytes([6, len(piece)]) + piece for piece in (data[at : at + 255] for at in range(0, len(data), 255)))


def ask(user, nodes, cmd, data, status=200, **more):
    """Asks nodes; returns what is told."""
    return good(user.post(PATH, {"node_ids": nodes, "cmd": cmd, "data": data, **more}), status)


def seen(user, request, **more):
    """The commands of a request."""
    return good(user.get(PATH, params={"request_id": request, **more}))["requests"]


def one(user, request):
    """The only command of a request."""
    (command,) = seen(user, request)
    return command


def becomes(user, request, status):
    """Waits until the command comes to this, and returns it."""
    settled(lambda: one(user, request)["status"], status, f"what becomes of {request}")
    return one(user, request)


@pytest.fixture
def listening(user, device):
    """A lamp of the user's that takes commands."""
    user.map(device)
    device.boot(taking_commands(lamp()), {"Lamp": {"Name": "Reading lamp", "Power": False, "Level": 5}})
    assert device.subscribe(device.topic("to-node"))
    device.publish("from-node", POLL)
    return device


# The command line and the simulated node.


def printed(text, title):
    """What the command line printed under this title."""
    return next(line.removeprefix(f"{title}: ") for line in text.splitlines() if line.startswith(f"{title}: "))


def cli_commands(cli, request):
    """The commands of a request, as the command line prints them."""
    return ast.literal_eval(printed(cli.good("get_cmd_requests", request), "Requests"))


def test_the_command_line_sets_params_by_a_command(cli, user, credentials, simulate_mapped):
    node = simulate_mapped(credentials)
    text = cli.good("create_cmd_request", node.id, "1", '{"params":{"Light":{"Power":true,"Brightness":70}}}', "--timeout", "30")
    assert printed(text, "Status") == "success", text
    request = printed(text, "Request Id")
    node.expect("set", device="Light", param="Power", value=True, by="command")
    until(lambda: cli_commands(cli, request)[0]["status"] == "success", "the command line sees that it is done", every=0.5)
    (command,) = cli_commands(cli, request)
    changed = {"Light": {"Power": True, "Brightness": 70}}
    assert command["response_data"] == {"status": "success", "params": changed} and command["device_status"] == 0, command
    assert command["request_data"] == {"params": changed} and command["node_id"] == node.id and command["cmd"] == 1, command
    assert user.params(node.id)["Light"]["Power"] is True and user.params(node.id)["Light"]["Brightness"] == 70
    assert "Total: 1" in cli.good("get_cmd_requests", request, "--node_id", node.id, "--num_records", "1")


def test_the_command_line_is_told_why_nothing_is_sent(cli, user, device):
    user.map(device)
    device.boot(lamp())
    for data in ('{"a":1}', "{}"):
        assert "take commands" in cli.run("create_cmd_request", device.id, "1", data)
    assert "belong" in cli.run("create_cmd_request", "nobodys", "1", '{"a":1}')


def test_a_command_that_the_node_does_not_know_fails(user, credentials, simulate_mapped):
    node = simulate_mapped(credentials)
    request = ask(user, [node.id], 0x1000, {"brightness": 50})["request_id"]
    command = becomes(user, request, "failure")
    assert command["device_status"] == 4 and "response_data" not in command, command


def test_an_answer_may_take_its_time(user, credentials, simulate_mapped):
    node = simulate_mapped(credentials, "--answer-seconds", "2")
    request = ask(user, [node.id], 1, {"params": {"Light": {"Hue": 7}}})["request_id"]
    node.expect("set", param="Hue", value=7, by="command")
    assert one(user, request)["status"] == "in_progress"
    assert user.params(node.id)["Light"]["Hue"] != 7
    becomes(user, request, "success")
    assert user.params(node.id)["Light"]["Hue"] == 7


def test_a_simulated_node_does_what_waited_for_it(user, credentials, simulate_mapped, simulate):
    simulate_mapped(credentials).close()
    settled(lambda: user.online(credentials.id), False, "the node is shown offline")
    told = ask(user, [credentials.id], 1, {"params": {"Light": {"Saturation": 3}}}, status=207, timeout=-1)
    assert told["responses"] == [{"node_ids": [credentials.id], "response": OFFLINE}]
    assert one(user, told["request_id"])["status"] == "requested" and one(user, told["request_id"])["indefinite_timeout"] is True
    simulate(credentials).expect("set", param="Saturation", value=3, by="command")
    becomes(user, told["request_id"], "success")


# Every byte.


def test_a_command_is_what_the_firmware_reads(user, listening):
    data = {"text": "ü/&" + "x" * 700}
    request = ask(user, [listening.id], 0x1234, data)["request_id"]
    topic, message = listening.receive("a command")
    assert topic == listening.topic("to-node") and len(request) <= 31
    assert message[: 2 + len(request) + 7] == bytes([1, len(request)]) + request.encode() + bytes.fromhex("02010205023412")
    assert elements(message) == {1: request.encode(), 2: b"\x02", 5: b"\x34\x12", 6: f'{{"text":"{data["text"]}"}}'.encode()}
    listening.publish("from-node", answer(request, 0, 0x1234, b'{"f":27.30000}'))
    assert becomes(user, request, "success")["response_data"] == {"f": 27.3}
    listening.publish("from-node", answer(request, 1, 0x1234, b'{"again":true}'))
    assert one(user, request)["response_data"] == {"f": 27.3}, "the first answer counts"


def test_any_bytes_go_as_base64(user, listening):
    request = ask(user, [listening.id], 9, "AP8=", is_base64=True)["request_id"]
    assert elements(listening.receive("a command")[1])[6] == b"\x00\xff"
    listening.publish("from-node", answer(request, 0, 9, b"\xff\x00"))
    command = becomes(user, request, "success")
    assert command["request_data"] == "AP8=" and command["response_data"] == "/wA=" and command["is_base64"] is True


def test_what_waits_comes_in_order_with_every_poll_until_it_is_answered(cloud, user, listening):
    listening.close()
    settled(lambda: user.online(listening.id), False, "the node is shown offline")
    requests = [ask(user, [listening.id], cmd, {}, status=207, timeout=600)["request_id"] for cmd in (1, 2, 3)]
    with Device(cloud, listening.credentials) as back:
        assert back.subscribe(back.topic("to-node"))
        for answered in range(3):
            back.publish("from-node", POLL)
            waiting = [elements(back.receive("a command")[1])[1].decode() for _ in requests[answered:]]
            assert waiting == requests[answered:]
            back.publish("from-node", answer(requests[answered], 0, answered + 1))
            becomes(user, requests[answered], "success")
        assert back.subscribe(back.topic("params/remote"))
        back.publish("from-node", POLL)
        good(user.set(back.id, {"Lamp": {"Level": 1}}))
        assert back.receive()[0] == back.topic("params/remote"), "nothing waits any more"


def test_an_answer_after_the_timeout_is_late_and_its_params_are_true(user, listening):
    request = ask(user, [listening.id], 1, {"params": {"Lamp": {"Level": 8}}}, timeout=1)["request_id"]
    listening.receive("a command")
    becomes(user, request, "timed_out")
    listening.publish("from-node", answer(request, 0, 1, b'{"status":"success","params":{"Lamp":{"Level":8}}}'))
    settled(lambda: user.params(listening.id)["Lamp"]["Level"], 8, "the params are stored")
    until(lambda: "response_data" in one(user, request), "the answer is noted")
    command = one(user, request)
    assert command["status"] == "timed_out" and command["device_status"] == 0, command


def test_what_is_cancelled_is_not_sent(cloud, user, listening):
    listening.close()
    settled(lambda: user.online(listening.id), False, "the node is shown offline")
    dropped = ask(user, [listening.id], 1, {}, status=207)["request_id"]
    kept = ask(user, [listening.id], 2, {}, status=207)["request_id"]
    told = good(user.request("DELETE", PATH, params={"request_id": dropped}))
    assert told["status"] == "success" and told["total_cancelled"] == "1", told
    assert one(user, dropped)["status"] == "cancelled"
    with Device(cloud, listening.credentials) as back:
        assert back.subscribe(back.topic("to-node"))
        back.publish("from-node", POLL)
        assert elements(back.receive("a command")[1])[1].decode() == kept


def test_nobody_else_sees_or_answers_a_command(user, new_user, listening, new_device):
    request = ask(user, [listening.id], 5, {"a": 1})["request_id"]
    stranger, other = new_user(), new_device()
    stranger.map(other)
    other.boot(taking_commands(config([("Fan", [])])))
    assert seen(stranger, request) == []
    failed(stranger.get(PATH, params={"node_id": listening.id}), 400, 126_003)
    failed(stranger.post(PATH, {"node_ids": [listening.id], "cmd": 5, "data": {}}), 400, 100_010)
    assert good(stranger.request("DELETE", PATH, params={"request_id": request}))["total_cancelled"] == "0"
    other.publish("from-node", answer(request, 0, 5, b"{}"))
    assert one(user, request)["status"] == "in_progress"


def test_several_nodes_answer_one_request_each_for_itself(user, listening, new_device):
    second, mute = new_device(), new_device()
    for device, components in ((second, taking_commands(lamp())), (mute, lamp())):
        user.map(device)
        device.boot(components)
    assert second.subscribe(second.topic("to-node"))
    told = ask(user, [listening.id, mute.id, second.id, "nobodys"], 7, {}, status=207)
    refused = {node: entry["response"]["error_code"] for entry in told["responses"] for node in entry["node_ids"]}
    assert refused == {mute.id: 131_113, "nobodys": 100_010}, told
    request = told["request_id"]
    for device, status in ((listening, 0), (second, 1)):
        device.receive("a command")
        device.publish("from-node", answer(request, status, 7))
    settled(
        lambda: {command["node_id"]: command["status"] for command in seen(user, request)},
        {listening.id: "success", second.id: "failure"},
        "both have answered",
    )
    page = good(user.get(PATH, params={"request_id": request, "num_records": 1}))
    rest = good(user.get(PATH, params={"request_id": request, "num_records": 1, "start_id": page["next_id"]}))
    assert len(page["requests"]) == len(rest["requests"]) == 1 and "next_id" not in rest
    assert {command["node_id"] for command in seen(user, request, node_id=second.id)} == {second.id}


def test_a_command_of_the_nodes_own_is_accepted(user, listening):
    listening.publish("from-node", bytes.fromhex("01056e6f6465310201080301000502011006077b2261223a317d"))
    request = ask(user, [listening.id], 5, {})["request_id"]
    assert elements(listening.receive("a command")[1])[1].decode() == request
