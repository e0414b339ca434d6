"""What AWS refuses by the templates' policies and roles, and the functions by themselves."""

import base64
import json

import boto3
import pytest
from owner import resource
from support.device import Device, Dropped, Refused
from support.user import failed
from support.wait import until


@pytest.fixture(scope="module")
def nodes(cloud):
    """Two nodes."""
    return cloud.add_nodes(2)


@pytest.mark.parametrize(
    "topic",
    [
        "node/{other}/params/local",
        "$aws/rules/esp_set_params/node/{other}/params/local",
        "$aws/things/{other}/streams/1/get/cbor",
        "$aws/things/{own}/shadow/update",
        "elsewhere",
    ],
)
def test_a_node_publishes_nowhere_else(cloud, nodes, topic):
    with Device(cloud, nodes[0]) as device, pytest.raises(Dropped):
        device.publish(None, {}, topic=topic.format(own=nodes[0].id, other=nodes[1].id))


@pytest.mark.parametrize("filter", ["#", "node/+/params/remote", "node/{other}/params/remote", "node/{own}/params/local"])
def test_a_node_listens_nowhere_else(cloud, nodes, filter):
    with Device(cloud, nodes[0]) as device:
        try:
            granted = device.subscribe(filter.format(own=nodes[0].id, other=nodes[1].id))
        except Dropped:
            granted = False
        assert not granted


@pytest.mark.parametrize("filter", ["params/remote", "params/remote/+", "otaurl", "to-node", "from-node"])
def test_a_node_listens_where_the_cloud_speaks_to_it(cloud, nodes, filter):
    with Device(cloud, nodes[0]) as device:
        assert device.subscribe(device.topic(filter))


def test_a_node_is_no_other_node(cloud, nodes):
    with pytest.raises(Refused):
        Device(cloud, nodes[0], client_id=nodes[1].id).connect()


def test_nobody_connects_without_a_certificate(cloud, nodes):
    with pytest.raises(Refused):
        Device(cloud, nodes[0], tls=cloud.tls()).connect()


def test_a_revoked_certificate_opens_nothing(cloud):
    (credentials,) = cloud.add_nodes()
    Device(cloud, credentials).connect().close()
    cloud.revoke(credentials.id)
    with pytest.raises(Refused):
        Device(cloud, credentials).connect()


def test_a_forged_token_opens_nothing(cloud, user):
    head, claims, signature = user.access.split(".")
    claims = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    claims["custom:admin"] = claims["custom:maintainer"] = True
    forged = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    for token in [f"{head}.{forged}.{signature}", f"{head}.{forged}.", user.access[:-4] + "AAAA"]:
        response = cloud.http().get("/v1/admin/nodes", headers={"Authorization": token})
        assert response.status_code == 401, response.text


def test_a_function_without_its_role_s_permission_does_nothing(cloud, user):
    iam, name = boto3.client("iam"), {"RoleName": role_of("node-api"), "PolicyName": "own"}
    policy = iam.get_role_policy(**name)["PolicyDocument"]
    assert user.get("/v1/user/nodes").status_code == 200
    iam.delete_role_policy(**name)
    try:
        failed(user.get("/v1/user/nodes"), 500, 100_001)
    finally:
        iam.put_role_policy(**name, PolicyDocument=json.dumps(policy))
    until(lambda: user.get("/v1/user/nodes").status_code == 200, "the permission is back")


@pytest.mark.parametrize("function", ["node-api", "node-events", "access-api", "access-events", "ota-api", "ota-events"])
def test_the_user_function_alone_reads_credentials(function):
    iam = boto3.client("iam")
    table = f"arn:aws:dynamodb:{iam.meta.region_name}:000000000000:table/{resource('identity')}"
    for name in iam.list_role_policies(RoleName=role_of(function))["PolicyNames"]:
        document = json.dumps(iam.get_role_policy(RoleName=role_of(function), PolicyName=name)["PolicyDocument"])
        assert table.rpartition("/")[2] not in document and "table/*" not in document


def role_of(function):
    """The name of a function's role."""
    return boto3.client("lambda").get_function_configuration(FunctionName=resource(function))["Role"].rpartition("/")[2]
