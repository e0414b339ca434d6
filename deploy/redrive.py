"""`make redrive`: hands what could not be handled to its function once more. What is handled then leaves the
queue; what fails again stays, for the next time."""

import json
import sys

import boto3
import stage as stages

AT_ONCE = 10


def main():
    stage = stages.chosen()
    base = stage.outputs("base") or sys.exit(f"There is no stack {stage.stack('base')}")
    sqs, queue = boto3.client("sqs"), base["Failures"]
    handled, failed = 0, []
    # What was received is hidden for some minutes, so this ends.
    while messages := receive(sqs, queue):
        for function, batch in by_function(stage, messages).items():
            again = redrive(function, batch)
            for message in batch:
                if message["MessageId"] in again:
                    failed.append(message["ReceiptHandle"])
                else:
                    sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
                    handled += 1
    for receipt in failed:
        sqs.change_message_visibility(QueueUrl=queue, ReceiptHandle=receipt, VisibilityTimeout=0)
    print(f"{handled} of {handled + len(failed)} are handled")
    if failed:
        sys.exit("The rest stays in the queue; the functions' logs say why")


def receive(sqs, queue):
    return sqs.receive_message(
        QueueUrl=queue, MaxNumberOfMessages=AT_ONCE, WaitTimeSeconds=1, MessageSystemAttributeNames=["All"]
    ).get("Messages", [])


def by_function(stage, messages):
    """The messages by the function that failed. A rule that could not call one was on the way to node-events."""
    batches = {}
    for message in messages:
        failed = json.loads(message["Body"]).get("requestContext", {}).get("functionArn", "").removesuffix(":$LATEST")
        batches.setdefault(failed or stage.resource("node-events"), []).append(message)
    return batches


def redrive(function, messages):
    """Calls the function as an event source of the queue does; the result are the ids of those that failed."""
    records = [
        {
            "eventSource": "aws:sqs",
            "messageId": message["MessageId"],
            "body": message["Body"],
            "attributes": message["Attributes"],
        }
        for message in messages
    ]
    answer = boto3.client("lambda").invoke(FunctionName=function, Payload=json.dumps({"Records": records}).encode())
    told = json.loads(answer["Payload"].read())
    if "FunctionError" in answer:
        print(f"{function}: {told}", file=sys.stderr)
        return {message["MessageId"] for message in messages}
    return {failure["itemIdentifier"] for failure in (told or {}).get("batchItemFailures", [])}


main()
