"""The command line's whole run: every command that a person types, with what it prints."""

import json
import re

import pytest
from support.user import PASSWORD, User, good, new_address
from support.wait import until


@pytest.fixture
def mapped(user, simulate, cloud):
    """A lamp of the user's that is up."""
    credentials = cloud.add_nodes()[0]
    request = user.ask_to_map(credentials.id, "the secret")
    lamp = simulate(credentials, "--map", f"{user.id}:the secret").up()
    until(lambda: user.mapping_status(request) == "confirmed", "the mapping is confirmed")
    return lamp


# Profiles and sessions.


def test_profiles_come_and_go(new_cli, cloud):
    cli = new_cli(cloud.base)
    assert f"{cloud.base}/v1/" in cli.good("profile", "list")
    cli.good("profile", "add", "other", "--base-url", cloud.secure_base)
    cli.good("profile", "switch", "other")
    assert f"{cloud.secure_base}/v1/" in cli.good("profile", "current")
    cli.good("profile", "switch", "local")
    cli.good("profile", "remove", "other", typed="y\n", says="Deleted custom profile 'other'")
    assert "other" not in cli.good("profile", "list").replace("another", "")


def test_a_code_that_is_wrong_signs_nobody_up(new_cli, cloud):
    cli, address = new_cli(cloud.base), new_address()
    printed = cli.talk("signup", address, typed=[PASSWORD, PASSWORD, cli.new_letter(address, then=lambda code: code + "1")])
    assert "Signup Successful" not in printed and "incorrect" in printed, printed
    assert "Login successful" not in cli.run("login", "--user_name", address, "--password", PASSWORD)


def test_who_is_logged_in_is_asked_before_another_logs_in(new_cli, cloud, user, new_user):
    cli, other = new_cli(cloud.base).log_in(user.name), new_user()
    cli.good("login", "--user_name", other.name, "--password", PASSWORD, typed="Y\n", says="Login successful!")
    assert other.name in cli.good("getuserinfo")


def test_the_user_is_told_what_is_known_of_them(cli, user):
    told = cli.good("getuserinfo")
    assert f"User Id: {user.id}" in told and user.name in told and "None" not in told, told


def test_a_forgotten_password_is_set_anew(new_cli, cloud, user, needs):
    needs("PUT", "/v1/forgotpassword2")
    cli = new_cli(cloud.base)
    fresh = "Fresh-Pass1"
    printed = cli.talk("forgotpassword", user.name, typed=[cli.new_letter(user.name), fresh, fresh])
    assert "Password changed successfully." in printed and "[ERROR]" not in printed, printed
    assert "Login successful" not in cli.run("login", "--user_name", user.name, "--password", user.password)
    cli.log_in(user.name, fresh)


def test_an_account_is_deleted_by_its_user(new_cli, cloud, user, needs):
    needs("DELETE", "/v1/user2")
    cli = new_cli(cloud.base).log_in(user.name)
    printed = cli.talk("deleteuser", typed=["Y", cli.new_letter(user.name), "DELETE"])
    assert "User account deleted successfully." in printed and "[ERROR]" not in printed, printed
    assert "Login successful" not in cli.run("login", "--user_name", user.name, "--password", user.password)
    # The address is free again.
    User(cloud, user.name).sign_up().log_in()


def test_an_account_is_not_deleted_by_a_wrong_code(new_cli, cloud, user, needs):
    needs("DELETE", "/v1/user2")
    cli = new_cli(cloud.base).log_in(user.name)
    printed = cli.talk("deleteuser", typed=["Y", cli.new_letter(user.name, then=lambda code: code[::-1] + "1"), "DELETE"])
    assert "deleted successfully" not in printed and "Failed to delete" in printed, printed
    assert user.name in cli.good("getuserinfo")


# Nodes.


def test_what_is_read_of_a_node_is_json(cli, mapped, user):
    (raw,) = cli.json("getnodedetails", mapped.id, "--raw")["node_details"]
    assert raw["id"] == raw["node_id"] == mapped.id and raw["role"] == "primary" and raw["status"]["connectivity"]["connected"] is True
    every = cli.json("getnodedetails", "--raw")["node_details"]
    assert [node["id"] for node in every] == [mapped.id]
    for command, path in [("getnodeconfig", "config"), ("getnodestatus", "status"), ("getparams", "params")]:
        assert cli.json(command, mapped.id) == good(user.get(f"/v1/user/nodes/{path}?node_id={mapped.id}")), command


def test_the_api_is_called_by_its_path(cli, mapped):
    printed = cli.good("raw-api", "--method", "GET", "--api", "user/nodes", says="Status Code: 200")
    assert mapped.id in printed
    body = json.dumps([{"node_id": mapped.id, "payload": {"Light": {"Power": True}}}])
    printed = cli.run("raw-api", "--method", "PUT", "--api", "user/nodes/params", "--body", body)
    assert "Status Code: 207" in printed and "success" in printed, printed
    mapped.expect("set", device="Light", param="Power", value=True)
    printed = cli.run("raw-api", "--method", "GET", "--api", "user/nothing")
    assert "404" in printed and "Traceback" not in printed, printed


def test_custom_data_is_read(cli, needs):
    needs("GET", "/v1/user/custom_data")
    cli.good("raw-api", "--method", "GET", "--api", "user/custom_data", says="Status Code: 200")


def test_a_schedule_is_changed_switched_off_and_on(cli, mapped):
    def schedules():
        return cli.json("getparams", mapped.id)["Schedule"]["Schedules"]

    def work(operation, *more, says):
        printed = cli.good("setschedule", mapped.id, "--operation", operation, *more, says=says)
        mapped.expect("set", device="Schedule", param="Schedules")
        mapped.expect("published", acknowledged=True)
        return printed

    how = ["--trigger", '{"m":1110,"d":31}', "--action", '{"Light":{"Power":true}}']
    added = work("add", "--name", "Evening", *how, says="Schedule successfully added with ID: ")
    name = re.search(r"with ID: (\w{4})", added)[1]
    work("edit", "--id", name, "--name", "Night", *how, says="Schedule successfully updated.")
    assert [one["name"] for one in schedules()] == ["Night"]
    work("disable", "--id", name, says="Schedule successfully disabled.")
    assert [one["enabled"] for one in schedules()] == [False]
    work("enable", "--id", name, says="Schedule successfully enabled.")
    assert [one["enabled"] for one in schedules()] == [True]
    assert "Night" in cli.good("getschedules", mapped.id, says="Node supports schedules.")


def test_tags_are_added_and_removed(cli, mapped, user, needs):
    needs("PUT", "/v1/user/nodes")
    node = mapped.id
    cli.good("node", "add-tags", node, "--tags", "location:pune,name:esp", says=f"Tags added to node {node} successfully.")
    assert set(user.node(node)["tags"]) == {"location:pune", "name:esp"}
    assert "location:pune" in cli.good("getnodedetails", node)
    cli.good("node", "remove-tags", node, "--tags", "name:esp", says=f"Tags removed from node {node} successfully.")
    assert user.node(node)["tags"] == ["location:pune"]


def test_metadata_is_set_and_deleted_by_key_and_as_a_whole(cli, mapped, user, needs):
    needs("PUT", "/v1/user/nodes")
    node = mapped.id
    data = {"k": "v", "deep": {"n": [1, 2]}}
    says = f"Metadata updated for node {node} successfully."
    cli.good("node", "set-metadata", node, "--data", json.dumps(data), says=says)
    assert user.node(node)["metadata"] == data
    cli.good("node", "delete-metadata", node, "--key", "k", says="successfully")
    assert user.node(node)["metadata"] == {"deep": data["deep"]}
    cli.good("node", "delete-metadata", node, says="successfully")
    assert not user.node(node).get("metadata")


def test_what_is_not_ones_own_is_refused_with_a_reason(cli, new_user, new_device):
    stranger, device = new_user(), new_device()
    stranger.map(device)
    for command in (
        ["getnodeconfig", device.id],
        ["getnodestatus", device.id],
        ["removenode", device.id],
        ["setparams", device.id, "--data", '{"Light":{"Power":true}}'],
    ):
        printed = cli.run(*command)
        assert "successfully" not in printed and ("[ERROR]" in printed or "not" in printed), f"{command}: {printed}"
    assert stranger.nodes() == [device.id]
