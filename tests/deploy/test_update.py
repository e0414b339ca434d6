"""A deployment over another one keeps what was stored."""

import time

import boto3
import owner
from support.device import Device, config, param
from support.user import User, good
from support.wait import settled


def test_a_second_deployment_changes_a_parameter_and_keeps_the_data(cloud):
    endpoint = boto3.client("iot").describe_endpoint(endpointType="iot:Data-ATS")["endpointAddress"]
    assert good(cloud.http().get("/mqtt_host"))["mqtt_host"] == endpoint.partition(":")[0], "looked up when it is asked for"
    user, credentials = User(cloud).sign_up().log_in(), cloud.add_nodes()[0]
    with Device(cloud, credentials) as device:
        user.map(device)
        device.boot(config([("Lamp", [param("Power", "bool")])]), {"Lamp": {"Power": True}})
        settled(lambda: user.params(credentials.id), {"Lamp": {"Power": True}}, "the node's report")

    owner.script("deploy", SET="MqttHost=localhost DesiredSeconds=300")

    assert good(cloud.http().get("/mqtt_host"))["mqtt_host"] == "localhost"
    user.log_in()
    assert user.nodes() == [credentials.id]
    assert user.params(credentials.id) == {"Lamp": {"Power": True}}
    with Device(cloud, credentials) as device:
        device.report({"Lamp": {"Power": False}})
        settled(lambda: user.params(credentials.id), {"Lamp": {"Power": False}}, "the node's report")


def test_a_third_deployment_that_changes_nothing_leaves_it_as_it_is(cloud):
    begun = time.monotonic()
    owner.script("deploy")
    assert good(cloud.http().get("/mqtt_host"))["mqtt_host"] == "localhost", "what is not said stays as it was"
    assert time.monotonic() - begun < 300
