"""What a function could not handle waits in the queue, and `make redrive` brings it in once."""

import contextlib

import boto3
import owner
import pytest
from owner import resource
from support.device import Device, config, param
from support.wait import settled, until


@contextlib.contextmanager
def broken(function, **variables):
    """The function with other variables, for a while."""
    client, name = boto3.client("lambda"), {"FunctionName": resource(function)}
    good = client.get_function_configuration(**name)["Environment"]["Variables"]
    client.update_function_configuration(**name, Environment={"Variables": good | variables})
    try:
        yield
    finally:
        client.update_function_configuration(**name, Environment={"Variables": good})


def waiting():
    """How many messages the queue holds."""
    asked = {"QueueUrl": owner.outputs("base")["Failures"], "AttributeNames": ["ApproximateNumberOfMessages"]}
    return int(boto3.client("sqs").get_queue_attributes(**asked)["Attributes"]["ApproximateNumberOfMessages"])


@pytest.fixture
def lamp(cloud, user):
    """A lamp of the user's, which is on."""
    (credentials,) = cloud.add_nodes()
    with Device(cloud, credentials) as device:
        user.map(device)
        device.boot(config([("Lamp", [param("Level", "int")])]), {"Lamp": {"Level": 1}})
        settled(lambda: user.params(device.id), {"Lamp": {"Level": 1}}, "the lamp's report")
        yield device


def test_what_fails_inside_the_function_is_handled_once_by_redriving(user, lamp):
    assert waiting() == 0, "nothing of the other tests has failed"
    with broken("node-events", RAINCLOUD_TABLE_NODES="no-such-table"):
        lamp.report({"Lamp": {"Level": 2}})
        # AWS tries three times.
        until(lambda: waiting() == 1, "the report is in the queue of failures", seconds=60)
    assert user.params(lamp.id) == {"Lamp": {"Level": 1}}
    assert "1 of 1 are handled" in owner.script("redrive")
    assert user.params(lamp.id) == {"Lamp": {"Level": 2}}
    assert waiting() == 0
    assert "0 of 0 are handled" in owner.script("redrive")


def test_what_is_redriven_late_does_not_undo_what_is_newer(user, lamp):
    with broken("node-events", RAINCLOUD_TABLE_NODES="no-such-table"):
        lamp.report({"Lamp": {"Level": 3}})
        until(lambda: waiting() == 1, "the report is in the queue of failures", seconds=60)
    lamp.report({"Lamp": {"Level": 4}})
    settled(lambda: user.params(lamp.id), {"Lamp": {"Level": 4}}, "the newer report")
    assert "1 of 1 are handled" in owner.script("redrive")
    assert user.params(lamp.id) == {"Lamp": {"Level": 4}}


def test_what_fails_again_stays(user, lamp):
    with broken("node-events", RAINCLOUD_TABLE_NODES="no-such-table"):
        lamp.report({"Lamp": {"Level": 5}})
        until(lambda: waiting() == 1, "the report is in the queue of failures", seconds=60)
        assert "0 of 1 are handled" in owner.script("redrive", check=False)
    assert "1 of 1 are handled" in owner.script("redrive")
    assert user.params(lamp.id) == {"Lamp": {"Level": 5}}
