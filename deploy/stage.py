"""An installation in an AWS account, by its stage: the names of what it consists of, and which one is meant."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import boto3
from botocore.exceptions import ClientError

ROOT = Path(__file__).resolve().parents[1]
SAM = Path(sys.executable).with_name("sam")
# The stack of the bucket to which SAM uploads.
UPLOADS = "aws-sam-cli-managed-default"
# What was answered the last time.
ANSWERS = ROOT / ".stage.json"
TABLES = ["users", "nodes", "access", "ota", "identity", "claims"]


class Stage:
    """One installation."""

    def __init__(self, name):
        if not re.fullmatch("[a-z][a-z0-9]{0,15}", name):
            sys.exit(f"{name!r} is no name of a stage: at most 16 lower-case letters and digits, a letter first")
        self.name = name
        self.cloudformation = boto3.client("cloudformation")

    def stack(self, part):
        """The name of the stack `base`, `core` or `addons`."""
        return f"raincloud-{self.name}-{part}"

    def resource(self, name):
        """The name of a function, table or queue, as `user-api`."""
        return f"raincloud-{self.name}-{name}"

    def outputs(self, part):
        """What the stack `base`, `core` or `addons` tells; None where there is none."""
        return self._outputs(self.stack(part))

    def _outputs(self, stack):
        try:
            (stack,) = self.cloudformation.describe_stacks(StackName=stack)["Stacks"]
        except ClientError as error:
            if "does not exist" in str(error):
                return None
            raise
        return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}

    def delete(self, part):
        """Deletes the stack and what was uploaded for it. No stack is no error."""
        stack, uploads = self.stack(part), self._outputs(UPLOADS)
        if self._outputs(stack) is None:
            return
        print(f"\n== {stack}", flush=True)
        # What was uploaded lies in a folder of the stack's name.
        where = ["--s3-bucket", uploads["SourceBucket"], "--s3-prefix", stack] if uploads else []
        sam("delete", "--no-prompts", "--stack-name", stack, "--region", self.cloudformation.meta.region_name, *where)


def sam(*words):
    """Runs SAM as samconfig.toml says."""
    done = subprocess.run([SAM, *words, "--config-file", ROOT / "samconfig.toml"], cwd=ROOT)
    if done.returncode:
        sys.exit(done.returncode)


def waiting(queue):
    """How many messages the queue holds, about."""
    asked = boto3.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["ApproximateNumberOfMessages"])
    return int(asked["Attributes"]["ApproximateNumberOfMessages"])


def chosen():
    """The stage that is meant: `STAGE`, or what the terminal says."""
    return Stage(_answer("STAGE", "Stage (a short name, as dev or prod)", "dev"))


def admin():
    """The address of the first administrator: `ADMIN`, or what the terminal says."""
    address = _answer("ADMIN", "E-mail address of the administrator", None)
    if not re.fullmatch(r"[^@\s]+@[^@\s]+", address):
        sys.exit(f"{address!r} is no e-mail address")
    return address


def _answer(name, question, default):
    """From the environment, or asked, with the answer of the last time as the default."""
    answers = json.loads(ANSWERS.read_text()) if ANSWERS.exists() else {}
    answer = os.environ.get(name)
    if not answer:
        default = answers.get(name, default)
        if not sys.stdin.isatty():
            sys.exit(f"There is no terminal to ask on: {name}=...")
        answer = input(f"{question}{f' [{default}]' if default else ''}: ").strip() or default or ""
        ANSWERS.write_text(json.dumps({**answers, name: answer}) + "\n")
    return answer
