"""`make purge`: deletes an installation with all its data, for good."""

import os
import sys
import time

import boto3
import stage as stages


def main():
    stage = stages.chosen()
    confirm(stage)
    stage.delete("addons")
    stage.delete("core")
    base = stage.outputs("base")
    if base is not None:
        forget_nodes(base["NodePolicy"])
        stage.delete("base")
    # The stack leaves these to whoever is sure.
    delete_tables(stage)
    delete_bucket(stage)
    delete_queue(stage)
    stages.ANSWERS.unlink(missing_ok=True)
    print(f"{stage.name} has gone")


def confirm(stage):
    """Asks for the stage's name; `CONFIRM` answers where there is no terminal."""
    print(f"All accounts, nodes and data of {stage.name} will be deleted, and no backup is kept.")
    answer = os.environ.get("CONFIRM") or (sys.stdin.isatty() and input("Type the stage's name: ").strip())
    if answer != stage.name:
        sys.exit("Nothing was deleted")


def forget_nodes(policy):
    """Deletes the certificates that have this policy, and the things that are said to."""
    iot, gone = boto3.client("iot"), 0
    for page in iot.get_paginator("list_targets_for_policy").paginate(policyName=policy):
        for certificate in page["targets"]:
            for thing in iot.list_principal_things(principal=certificate)["things"]:
                iot.detach_thing_principal(thingName=thing, principal=certificate)
            iot.detach_policy(policyName=policy, target=certificate)
            name = certificate.split("/")[-1]
            iot.update_certificate(certificateId=name, newStatus="INACTIVE")
            when_detached(iot, lambda: iot.delete_certificate(certificateId=name))
            gone += 1
        print(f"Deleted {gone} certificates", flush=True)
    for page in iot.get_paginator("list_things").paginate(attributeName="policy", attributeValue=policy):
        for thing in page["things"]:
            when_detached(iot, lambda: iot.delete_thing(thingName=thing["thingName"]))


def when_detached(iot, delete):
    """AWS IoT takes some seconds to notice that something was detached."""
    for _ in range(15):
        try:
            return delete()
        except (iot.exceptions.DeleteConflictException, iot.exceptions.InvalidRequestException):
            time.sleep(2)
    return delete()


def delete_tables(stage):
    dynamodb = boto3.client("dynamodb")
    for table in map(stage.resource, stages.TABLES):
        try:
            dynamodb.update_table(TableName=table, DeletionProtectionEnabled=False)
            dynamodb.delete_table(TableName=table)
            print(f"Deleted table {table}")
        except dynamodb.exceptions.ResourceNotFoundException:
            pass


def delete_bucket(stage):
    account, region = boto3.client("sts").get_caller_identity()["Account"], boto3.session.Session().region_name
    bucket = boto3.resource("s3").Bucket(f"raincloud-{stage.name}-{account}-{region}")
    if bucket.creation_date:
        bucket.object_versions.delete()
        bucket.delete()
        print(f"Deleted bucket {bucket.name}")


def delete_queue(stage):
    sqs = boto3.client("sqs")
    try:
        sqs.delete_queue(QueueUrl=sqs.get_queue_url(QueueName=stage.resource("failures"))["QueueUrl"])
        print(f"Deleted queue {stage.resource('failures')}")
    except sqs.exceptions.QueueDoesNotExist:
        pass


main()
