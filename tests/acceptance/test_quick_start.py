"""The quick start, as a newcomer does it: an unmodified command line, a node, a lamp that is switched on."""

import json
import re

import pytest
from support.user import PASSWORD, new_address
from support.wait import settled


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_newcomer_gets_from_sign_up_to_a_lamp_that_is_on(cloud, credentials, simulate, new_cli, scheme):
    cli, address, node = new_cli(), new_address(), credentials.id
    if scheme == "https":
        cli.trust(cloud.ca)
    base = cloud.base if scheme == "http" else cloud.secure_base
    cli.good("profile", "add", "local", "--base-url", base)
    cli.good("profile", "switch", "local")
    assert f"{base}/v1/" in cli.good("profile", "current")

    cli.sign_up(address)
    cli.good("login", "--user_name", address, "--password", PASSWORD, says="Login successful!")
    info = cli.good("getuserinfo")
    assert address in info, info
    user_id = re.search(r"User Id: (\S+)", info)
    assert user_id, info
    assert f"'{cloud.host}'" in cli.good("getmqtthost")

    mapping = cli.begin_mapping(node)
    assert mapping.user_id == user_id[1], "the id token names the same user"
    lamp = simulate(credentials, "--map", f"{mapping.user_id}:{mapping.secret}", alpn=scheme == "https").up()
    assert "Checking User Node association status - Confirmed" in mapping.finish()

    assert f"1. {node}" in cli.good("getnodes")
    details = cli.good("getnodedetails")
    assert f"Node ID: {node}" in details and "Status: Online" in details and "Name: Simulated Light" in details, details
    assert "User Role: primary" in details and "Brightness: 50 (" in details, details
    raw = cli.json("getnodedetails", node, "--raw")
    assert cli.json("getnodeconfig", node)["devices"][0]["name"] == "Light"
    assert cli.json("getnodestatus", node)["connectivity"]["connected"] is True
    params = cli.json("getparams", node)
    assert params["Light"]["Power"] is False, params
    assert node in json.dumps(raw) and "Light" in json.dumps(raw), raw

    cli.good("setparams", node, "--data", '{"Light":{"Power":true}}', says="Node state updated successfully.")
    lamp.expect("set", device="Light", param="Power", value=True, was=False, by="remote")
    lamp.expect("published", acknowledged=True, payload='{"Light":{"Power":true}}')
    assert cli.json("getparams", node)["Light"]["Power"] is True

    cli.good("removenode", node, says=f"Removed node {node} successfully.")
    assert "not associated with any nodes" in cli.run("getnodes")
    cli.good("logout", says="Logout successful.")
    assert "Not logged in" in cli.run("getnodes")


@pytest.fixture
def lamps(cloud, cli, user, simulate):
    """Two lamps that are mapped to the user of the command line."""
    lamps = []
    for credentials in cloud.add_nodes(2):
        request = user.ask_to_map(credentials.id, f"secret-{credentials.id}")
        lamps.append(simulate(credentials, "--map", f"{user.id}:secret-{credentials.id}"))
        settled(lambda request=request: user.mapping_status(request), "confirmed", "the mapping is confirmed")
        lamps[-1].up()
    return lamps


def test_a_value_that_does_not_fit_is_an_error_and_changes_nothing(cli, lamps):
    node = lamps[0].id
    for data, why in [
        ('{"Light":{"Brightness":101}}', "at most 100"),
        ('{"Light":{"Brightness":"50"}}', "whole number"),
        ('{"Light":{"Colour":1}}', "no param Light.Colour"),
        ('{"OTA":{"Status":"x"}}', "not writable"),
    ]:
        printed = cli.run("setparams", node, "--data", data)
        assert "updated successfully" not in printed and why in printed, f"{data}: {printed}"
    # What comes later shows that nothing came before.
    cli.good("setparams", node, "--data", '{"Light":{"Brightness":7}}', says="Node state updated successfully.")
    assert lamps[0].expect("remote")["payload"] == '{"Light":{"Brightness":7}}'
    lamps[0].expect("published", acknowledged=True, payload='{"Light":{"Brightness":7}}')
    assert cli.json("getparams", node)["Light"]["Brightness"] == 7


def test_two_nodes_are_set_at_once(cli, lamps):
    both = ",".join(lamp.id for lamp in lamps)
    cli.good("setparams", both, "--data", '{"Light":{"Hue":33}}', says="Parameters updated successfully for all 2 nodes.")
    for lamp in lamps:
        lamp.expect("set", device="Light", param="Hue", value=33, by="remote")
        lamp.expect("published", acknowledged=True, payload='{"Light":{"Hue":33}}')
        assert cli.json("getparams", lamp.id)["Light"]["Hue"] == 33


def test_one_bad_node_of_two_does_not_hold_up_the_other(cli, lamps):
    printed = cli.run("setparams", f"{lamps[0].id},nobodys", "--data", '{"Light":{"Hue":44}}')
    assert "Parameters updated for 1 of 2 nodes." in printed and "nobodys" in printed, printed
    lamps[0].expect("set", param="Hue", value=44)


def test_a_schedule_is_added_listed_and_removed(cli, lamps):
    lamp = lamps[0]
    trigger, action = '{"m":1110,"d":31}', '{"Light":{"Power":true}}'
    printed = cli.good(
        "setschedule", lamp.id, "--operation", "add", "--name", "Evening", "--trigger", trigger, "--action", action
    )
    added = re.search(r"Schedule successfully added with ID: (\w{4})", printed)
    assert added, printed
    lamp.expect("set", device="Schedule", param="Schedules", by="remote")
    report = lamp.expect("published", acknowledged=True)
    assert '"Evening"' in report["payload"], report
    shown = cli.good("getschedules", lamp.id)
    assert "Evening" in shown and added[1] in shown, shown
    cli.good("setschedule", lamp.id, "--operation", "remove", "--id", added[1], says="Schedule successfully removed")
    lamp.expect("published", acknowledged=True, payload='{"Schedule":{"Schedules":[]}}')
    assert "No schedules configured" in cli.good("getschedules", lamp.id)


def test_a_button_pressed_at_the_node_is_seen_by_the_command_line(cli, lamps):
    lamps[0].press("Light.Power=true")
    lamps[0].expect("published", acknowledged=True, payload='{"Light":{"Power":true}}')
    assert cli.json("getparams", lamps[0].id)["Light"]["Power"] is True


def test_the_command_line_pages_through_120_nodes(cli, user):
    ids = user.map_many(120)
    listed = re.findall(r"^\d+\. (\S+)$", cli.good("getnodes", timeout=30), re.MULTILINE)
    assert sorted(listed) == sorted(ids), f"{len(listed)} are listed, {len(set(listed))} of them different"
    details = re.findall(r"Node ID: (\S+)", cli.good("getnodedetails", timeout=30))
    assert sorted(details) == sorted(ids), f"{len(details)} have details, {len(set(details))} of them different"


def test_a_wrong_password_is_told_and_logs_nobody_in(new_cli, cloud, user):
    cli = new_cli(cloud.base)
    printed = cli.run("login", "--user_name", user.name, "--password", "Wrong-1234")
    assert "Login successful" not in printed and re.search("incorrect|failed", printed, re.IGNORECASE), printed
