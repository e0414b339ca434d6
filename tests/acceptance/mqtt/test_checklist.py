"""The checklist of the contract (`mqtt-and-node.md` §11), item by item, where it takes a wire. The other items
stand in `tests/tests/domain/checklist.rs`."""

import threading
import time

import pytest
from support.device import USERNAME, Device, Refused, lamp
from support.user import good
from support.wait import settled
from support.wire import Wire, publish


@pytest.fixture
def mapped(user, device):
    """A lamp of the user's, online."""
    user.map(device)
    return device.boot(lamp(), {"Lamp": {"Name": "Lamp", "Level": 1}, "Connectivity": {"Connected": True}})


@pytest.mark.local("AWS IoT knows the rules that there are")
def test_item_01_the_topic_of_any_rule_is_taken(user, mapped):
    for number, prefix in enumerate(["$aws/rules/esp_set_params/", "$aws/rules/other/", ""]):
        mapped.publish("", {"Lamp": {"Level": number}}, topic=prefix + mapped.topic("params/local"))
        assert user.params(mapped.id)["Lamp"]["Level"] == number


@pytest.mark.parametrize("alpn", [True, False])
def test_item_02_alpn_on_the_https_port_and_none_on_the_mqtt_port(cloud, user, mapped, alpn):
    mapped.close()
    with Device(cloud, mapped.credentials, alpn=alpn) as again:
        again.report({"Lamp": {"Level": 9}})
    assert user.params(mapped.id)["Lamp"]["Level"] == 9


def test_item_03_a_user_name_without_a_password(cloud, credentials):
    with Wire(cloud, credentials, username=USERNAME) as node:
        node.publish("params/local", {"Lamp": {"Power": True}})


def test_item_04_the_newer_connection_stays_and_the_will_of_the_older_is_published(cloud, user, mapped):
    mapped.close()
    will = (mapped.topic("params/local"), '{"Connectivity":{"Connected":false}}')
    first = Device(cloud, mapped.credentials, will=will).connect()
    with Device(cloud, mapped.credentials) as second:
        first.wait_gone("the older connection is ended")
        settled(lambda: user.params(mapped.id)["Connectivity"]["Connected"], False, "the will is stored")
        second.report({"Lamp": {"Level": 4}})
        assert user.online(mapped.id) is True
    first.close()


def test_item_05_acknowledged_within_a_second_and_a_repeat_is_acknowledged_too(cloud, user, mapped):
    mapped.close()
    with Wire(cloud, mapped.credentials) as node:
        payload = b'{"Lamp":{"Level":5}}'
        for dup in (False, True):
            began = time.monotonic()
            node.send(publish(mapped.topic("params/local"), payload, 7, dup))
            assert node.acknowledged() == 7 and time.monotonic() - began < 1
    assert user.params(mapped.id)["Lamp"]["Level"] == 5


def test_item_06_what_was_acknowledged_outlives_a_kill(new_cloud, user_of):
    cloud = new_cloud().start()
    user, credentials = user_of(cloud), cloud.add_nodes()[0]
    request = user.ask_to_map(credentials.id, "secret")
    node = Wire(cloud, credentials)
    node.publish("user/mapping", {"node_id": node.id, "user_id": user.id, "secret_key": "secret"})
    node.publish("config", {"node_id": node.id, "info": {"fw_version": "7"}})
    cloud.kill()
    node.socket.close()
    cloud.start()
    assert user.mapping_status(request) == "confirmed"
    assert good(user.get(f"/v1/user/nodes/config?node_id={node.id}"))["info"]["fw_version"] == "7"


def test_item_16_presence_is_the_sessions(cloud, user, mapped):
    assert user.online(mapped.id) is True
    mapped.publish("params/local", {"Connectivity": {"Connected": False}})
    assert user.online(mapped.id) is True, "what the node says of itself does not count"
    for _ in range(3):
        mapped = Device(cloud, mapped.credentials).connect()
        assert user.online(mapped.id) is True
    mapped.drop()
    settled(lambda: user.online(mapped.id), False, "offline")


def test_item_21_a_fleet_that_comes_back_at_once_gets_in(new_cloud):
    count = 60
    cloud = new_cloud().start()
    every = cloud.add_nodes(count)
    cloud.stop()
    cloud.start()
    begin, took, failures = threading.Barrier(count), [], []

    def come_back(credentials):
        begin.wait()
        began = time.monotonic()
        try:
            with Wire(cloud, credentials) as node:
                node.publish("from-node", bytes.fromhex("010003010005020000"))
            took.append(time.monotonic() - began)
        except (AssertionError, OSError, EOFError, Refused) as error:
            failures.append(error)

    threads = [threading.Thread(target=come_back, args=[credentials]) for credentials in every]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures
    assert len(took) == count and max(took) < 10, "before the first of them would try again"


def test_item_22_nothing_that_the_cloud_sends_is_retained(cloud, user, mapped):
    good(user.set(mapped.id, {"Lamp": {"Level": 7}}))
    # `receive` looks at the flag of each message.
    assert mapped.receive_params() == b'{"Lamp":{"Level":7}}'
    mapped.report({"Lamp": {"Level": 7}})
    mapped.close()
    with Device(cloud, mapped.credentials) as back:
        back.boot()
        good(user.set(mapped.id, {"Lamp": {"Level": 8}}))
        assert back.receive_params() == b'{"Lamp":{"Level":8}}', "the value of before is not executed again"
