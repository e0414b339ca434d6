"""Whoever deploys, with the scripts that `make` calls; where to is in the environment."""

import os
import re
import subprocess
import sys
from pathlib import Path

import boto3
import requests

ROOT = Path(__file__).resolve().parents[2]
STAGE, ADMIN = "test", "admin@example.com"


def script(name, check=True, **variables):
    """Runs a script of `deploy/`; what it printed is the result, or stops everything."""
    environment = {**os.environ, "STAGE": STAGE, "ADMIN": ADMIN, **variables}
    done = subprocess.run(
        [sys.executable, ROOT / f"deploy/{name}.py"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
        timeout=900,
    )
    assert not check or done.returncode == 0, f"deploy/{name}.py ended with {done.returncode}:\n{done.stdout}"
    return done.stdout


def resource(name):
    """The name of a function, table or queue."""
    return f"raincloud-{STAGE}-{name}"


def outputs(part):
    """What the stack `base`, `core` or `addons` tells."""
    return outputs_of(resource(part))


def outputs_of(stack):
    """What a stack of any name tells."""
    (stack,) = boto3.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def first_password():
    """The password that the first administrator was sent."""
    told = requests.get(f"{os.environ['AWS_ENDPOINT_URL']}/_ministack/ses/messages", timeout=10).json()["messages"]
    (letter,) = [letter for letters in told.values() for letter in letters if ADMIN in letter["To"]]
    return re.search(r"Password: (\S+)", letter["BodyText"])[1]
