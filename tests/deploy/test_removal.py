"""Ending keeps the data, deleting leaves nothing; the last of the checks."""

import boto3
import owner
from owner import STAGE, resource
from support.user import User


def stacks():
    """The names of the stacks that there are, nested ones too."""
    every = boto3.client("cloudformation").describe_stacks()["Stacks"]
    return {stack["StackName"] for stack in every if stack["StackName"].startswith("raincloud-")}


def uploads():
    """What SAM has uploaded and not taken away."""
    every = boto3.client("s3").list_objects_v2(Bucket=owner.outputs_of("aws-sam-cli-managed-default")["SourceBucket"]).get("Contents", [])
    return [upload["Key"] for upload in every]


def test_ending_says_what_it_keeps_and_a_deployment_brings_it_back(cloud):
    user = User(cloud).sign_up().log_in()
    told = owner.script("destroy")
    for kept in [resource("users"), resource("identity"), resource("failures"), owner.outputs("base")["Bucket"]]:
        assert kept in told, told
    assert stacks() == {resource("base")}
    assert not [upload for upload in uploads() if not upload.startswith(resource("base"))]
    assert cloud.http().get("/healthz").status_code == 404, "nothing runs"

    owner.script("deploy")
    user.log_in()


def test_deleting_asks_and_leaves_nothing(cloud):
    cloud.revoke(cloud.add_nodes(2)[0].id)
    told = owner.script("purge", check=False)
    assert "Nothing was deleted" in told and resource("core") in stacks()
    owner.script("purge", CONFIRM=STAGE)
    assert stacks() == set()
    assert boto3.client("dynamodb").list_tables()["TableNames"] == []
    assert [b["Name"] for b in boto3.client("s3").list_buckets()["Buckets"] if b["Name"].startswith("raincloud-")] == []
    assert uploads() == []
    assert boto3.client("sqs").list_queues(QueueNamePrefix="raincloud-").get("QueueUrls", []) == []
    iot = boto3.client("iot")
    assert iot.list_certificates()["certificates"] == [] and iot.list_things()["things"] == []
    logs = boto3.client("logs").describe_log_groups()["logGroups"]
    assert [group["logGroupName"] for group in logs if "raincloud-" in group["logGroupName"]] == []
