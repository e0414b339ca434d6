"""Tags and metadata, by the command line and by the API; deleting a node; which nodes a user had."""

import pytest
from support.device import lamp
from support.user import failed, good


@pytest.fixture
def mapped(user, device):
    """A lamp of the user's."""
    user.map(device)
    return device.boot(lamp())


def test_the_command_line_tags_and_describes_a_node(cli, user, mapped):
    node = mapped.id

    def given():
        details = user.node(node)
        return details["tags"], details["metadata"]

    cli.good("node", "add-tags", node, "--tags", "location:pune,name:esp", says=f"Tags added to node {node} successfully.")
    cli.good("node", "set-metadata", node, "--data", '{"k":"v","n":7,"o":{"a":1}}', says=f"node {node} successfully.")
    cli.good("node", "set-metadata", node, "--data", '{"o":{"b":[1]},"n":null}', says=f"node {node} successfully.")
    assert given() == (["location:pune", "name:esp"], {"k": "v", "o": {"a": 1, "b": [1]}})
    shown = cli.good("getnodedetails", node)
    assert "Tags: location:pune, name:esp" in shown and '"k": "v"' in shown, shown
    cli.good("node", "remove-tags", node, "--tags", "name:esp", says=f"Tags removed from node {node} successfully.")
    cli.good("node", "delete-metadata", node, "--key", "k", says="successfully.")
    assert given() == (["location:pune"], {"o": {"a": 1, "b": [1]}})
    cli.good("node", "delete-metadata", node, says=f"All metadata deleted from node {node} successfully.")
    assert given() == (["location:pune"], {})


def test_the_command_line_says_why_it_cannot_tag(cli, device):
    printed = cli.run("node", "add-tags", device.id, "--tags", "a:b")
    assert "successfully" not in printed and "does not belong to the user" in printed, printed


def test_a_list_by_tags(user, new_device):
    devices = [new_device() for _ in range(3)]
    for number, device in enumerate(devices):
        user.map(device)
        good(user.put(f"/v1/user/nodes?node_id={device.id}", {"tags": [f"room:{number}", "house:a"]}))
    for tags, expected in [("room:1", [1]), ("room:0 OR room:2", [0, 2]), ("room:2 AND house:a", [2]), ("room:1 AND room:2", [])]:
        page = good(user.get("/v1/user/nodes", params={"tags": tags, "node_details": "true"}))
        assert sorted(page["nodes"]) == sorted(devices[number].id for number in expected), tags
        assert len(page["node_details"]) == page["total"] == len(expected)
    failed(user.get("/v1/user/nodes", params={"tags": "a:1 AND b:1 OR c:1"}), 400, 105_042)


def test_what_came_with_the_mapping_is_given_to_the_node(user, device):
    body = {"node_id": device.id, "secret_key": "s", "operation": "add", "tags": ["a:1"], "metadata": {"f": 0.5}}
    good(user.put("/v1/user/nodes/mapping", body))
    device.ask_to_map(user.id, "s")
    details = user.node(device.id)
    assert (details["tags"], details["metadata"]) == (["a:1"], {"f": 0.5})


def test_a_deleted_node_is_nobodys_and_can_be_mapped_again(user, new_user, mapped):
    failed(new_user().request("DELETE", f"/v1/user/nodes/{mapped.id}"), 400, 103_055)
    good(user.put(f"/v1/user/nodes?node_id={mapped.id}", {"tags": ["a:1"]}))
    assert "deleted successfully" in good(user.request("DELETE", f"/v1/user/nodes/{mapped.id}"))["description"]
    assert user.nodes() == []
    mapped.report({"Lamp": {"Level": 3}})
    user.map(mapped)
    assert (user.node(mapped.id)["tags"], user.params(mapped.id)["Lamp"]["Level"]) == ([], 3)
    history = good(user.get("/v1/user/nodes/history"))
    assert history["total"] == 1 and history["nodes"][0]["mapping_count"] == 2
    assert history["nodes"][0]["status"] == "active" and history["nodes"][0]["model"] == "test"


def test_an_owner_may_keep_no_history(new_cloud, user_of):
    cloud = new_cloud("--node-history", "off").start()
    failed(user_of(cloud).get("/v1/user/nodes/history"), 400, 103_042)
