"""The TypeScript SDK's calls for nodes, params and mapping, unmodified."""

import base64

import pytest
from rmaker_tools.rmaker_prov.config import custom_cloud_config_pb2 as radio
from support.device import config, lamp, param
from support.sdk import SdkError
from support.user import good
from support.wait import settled, until


@pytest.fixture
def mapped(user, device):
    """A lamp of the user's, online."""
    user.map(device)
    return device.boot(lamp(), {"Lamp": {"Name": "Reading lamp", "Power": False, "Level": 5}, "Schedule": {"Schedules": []}})


def lamp_of(node):
    return next(one for one in node["nodeConfig"]["devices"] if one["name"] == "Lamp")


def test_a_node_has_all_that_an_app_shows(sdk, mapped):
    nodes = sdk.call("user.getUserNodes", 10)
    assert [node["id"] for node in nodes["nodes"]] == [mapped.id] and nodes["hasNext"] is False
    one = sdk.call("user.getNodeDetails", mapped.id)
    for node in (nodes["nodes"][0], one):
        assert node["id"] == mapped.id and node["isPrimaryUser"] is True, node
        assert node["connectivityStatus"]["isConnected"] is True, node
        assert node["nodeConfig"]["info"]["firmwareVersion"] == "1.0", node["nodeConfig"]["info"]
        values = {param["name"]: param.get("value") for param in lamp_of(node)["params"]}
        assert values["Level"] == 5 and values["Power"] is False, values


def test_a_node_that_has_told_nothing_does_not_break_the_list(sdk, user, device, mapped, new_device):
    silent = new_device()
    user.map(silent)
    ids = {node["id"] for node in sdk.call("user.getUserNodes", 10)["nodes"]}
    assert ids == {mapped.id, silent.id}


def test_components_without_values_do_not_break_the_list(sdk, user, device):
    user.map(device)
    device.boot(config([("Fan", [param("Name", "string", type="esp.param.name")])], [("Time", [param("TZ", "string")])]), {})
    for name in (None, "Bedroom"):
        if name:
            device.report({"Fan": {"Name": name}})
        (fan,) = sdk.call("user.getUserNodes")["nodes"][0]["nodeConfig"]["devices"]
        assert fan["name"] == "Fan" and fan.get("displayName") == name, fan


def test_pages_follow_each_other_to_the_end(sdk, user):
    ids, found = user.map_many(5), []
    page = sdk.call("user.getUserNodes", 2, keep="page")
    while True:
        found += [node["id"] for node in page["nodes"]]
        if not page["hasNext"]:
            break
        page = sdk.call("page.fetchNext", keep="page")
    assert sorted(found) == sorted(ids)


def test_params_are_set_each_way_that_the_sdk_has(sdk, mapped):
    sdk.call("user.getUserNodes", keep="page")
    told = sdk.call("page.nodes.0.setMultipleParams", {"Lamp": [{"Power": True}, {"Level": 6}]})
    assert [one["status"] for one in told] == ["success"]
    assert mapped.receive_params() == b'{"Lamp":{"Power":true,"Level":6}}'
    told = sdk.call("user.setMultipleNodesParams", [{"nodeId": mapped.id, "payload": {"Lamp": [{"Level": 7}]}}])
    assert [(one["node_id"], one["status"]) for one in told] == [(mapped.id, "success")]
    assert mapped.receive_params() == b'{"Lamp":{"Level":7}}'
    level = next(index for index, one in enumerate(sdk.show("page.nodes.0.nodeConfig.devices.0.params")) if one["name"] == "Level")
    sdk.call(f"page.nodes.0.nodeConfig.devices.0.params.{level}.setValue", 8)
    assert mapped.receive_params() == b'{"Lamp":{"Level":8}}'


def test_a_value_out_of_bounds_is_told(sdk, mapped):
    sdk.call("user.getNodeDetails", mapped.id, keep="node")
    told = sdk.call("node.setMultipleParams", {"Lamp": [{"Level": 101}]})
    assert told[0]["status"] == "failure" and told[0]["error_code"] == 100_012, told


def test_config_status_and_params_are_read_one_by_one(sdk, mapped, user):
    sdk.call("user.getNodeDetails", mapped.id, keep="node")
    assert [one["name"] for one in sdk.call("node.getNodeConfig")["devices"]] == ["Lamp"]
    assert sdk.call("node.getConnectivityStatus")["isConnected"] is True
    mapped.report({"Lamp": {"Level": 42}})
    params = sdk.call("node.nodeConfig.devices.0.getParams")
    assert next(one["value"] for one in params if one["name"] == "Level") == 42
    mapped.close()
    settled(lambda: sdk.call("node.getConnectivityStatus")["isConnected"], False, "the SDK sees that the node is away")


def test_a_strangers_node_is_an_error(sdk, new_user, new_device):
    stranger, device = new_user(), new_device()
    stranger.map(device)
    with pytest.raises(SdkError) as error:
        sdk.call("user.getNodeDetails", device.id)
    assert error.value.error["errorCode"] == 100_010, error.value.error


def test_a_node_is_given_up(sdk, user, mapped):
    sdk.call("user.getNodeDetails", mapped.id, keep="node")
    assert sdk.call("node.delete")["status"] == "success"
    assert user.nodes() == []


def test_provisioning_maps_the_node(sdk, user, device):
    """The app's radio is ours: it hands over what the SDK tells the node, and answers as the firmware does."""

    def send(_, endpoint, data):
        assert endpoint == "cloud_user_assoc"
        told = radio.CloudConfigPayload.FromString(base64.b64decode(data)).cmd_get_set_details
        device.ask_to_map(told.UserID, told.SecretKey)
        answer = radio.CloudConfigPayload(msg=radio.TypeRespGetSetDetails)
        # The firmware calls the field by another name.
        answer.resp_get_set_details.DeviceSecret = device.id
        return base64.b64encode(answer.SerializeToString()).decode()

    sdk.answers = {"sendData": send, "provision": lambda *_: 0}
    sdk.make("ESPDevice", {"name": "PROV_1", "transport": "softap", "security": 1}, keep="found")
    sdk.call("found.provision", "home", "its password", {"callback": "progress"})
    until(
        lambda: "User node mapping succeed" in [told["description"] for told in sdk.show("progress")],
        "the SDK sees that the node is mapped",
        seconds=30,
        every=0.5,
    )
    assert user.nodes() == [device.id]


def test_the_challenge_is_asked_for_and_a_wrong_answer_maps_nothing(sdk, user, device, needs):
    needs("POST", "/v1/user/nodes/mapping/initiate")
    sdk.make("ESPDevice", {"name": "PROV_1", "transport": "softap", "security": 1}, keep="found")
    begun = sdk.call("found.initiateUserNodeMapping", {})
    assert begun["challenge"] and begun["request_id"], begun
    answer = {"request_id": begun["request_id"], "node_id": device.id, "challenge_response": "00" * 256}
    with pytest.raises(SdkError):
        sdk.call("found.verifyUserNodeMapping", answer)
    assert user.nodes() == []


def test_the_challenge_is_answered_by_the_nodes_key(sdk, user, credentials, needs, signed):
    needs("POST", "/v1/user/nodes/mapping/initiate")
    sdk.make("ESPDevice", {"name": "PROV_1", "transport": "softap", "security": 1}, keep="found")
    begun = sdk.call("found.initiateUserNodeMapping", {})
    answer = {
        "request_id": begun["request_id"],
        "node_id": credentials.id,
        "challenge_response": signed(credentials, begun["challenge"]),
    }
    assert sdk.call("found.verifyUserNodeMapping", answer)["status"] == "success"
    assert user.nodes() == [credentials.id]


def test_tags_and_metadata_are_kept_and_taken_away(sdk, user, mapped, needs):
    needs("PUT", "/v1/user/nodes")
    sdk.call("user.getNodeDetails", mapped.id, keep="node")
    assert sdk.call("node.attachTags", ["room:kitchen", "floor:1"])["status"] == "success"
    sdk.call("user.getUserNodes", keep="page")
    assert set(sdk.show("page.nodes.0.tags")) == {"room:kitchen", "floor:1"}
    assert sdk.call("page.nodes.0.removeTags")["status"] == "success"
    assert not user.node(mapped.id)["tags"]
    assert sdk.call("node.updateMetadata", {"shelf": 3})["status"] == "success"
    assert sdk.call("user.getNodeDetails", mapped.id)["metadata"] == {"shelf": 3}
    assert sdk.call("node.deleteMetadata")["status"] == "success"
    assert good(user.get(f"/v1/user/nodes?node_id={mapped.id}"))["node_details"][0].get("metadata", {}) == {}
