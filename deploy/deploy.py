"""`make deploy`: makes an installation, or brings it up to date. `SET="Name=value ..."` changes parameters of
its templates; what is not said stays as it was, because CloudFormation remembers it."""

import json
import os
import platform
import sys

import boto3
import stage as stages
import yaml
from stage import ROOT, sam


def main():
    stage = stages.chosen()
    new = stage.outputs("base") is None
    # Asked the first time; whoever says it again is one as well.
    admin = stages.admin() if new or os.environ.get("ADMIN") else None
    settings = dict(setting.split("=", 1) for setting in os.environ.get("SET", "").split())
    machine = {"aarch64": "arm64"}.get(platform.machine(), platform.machine())

    base = ROOT / "template-base.yaml"
    core, addons = build("core", ROOT / "template-core.yaml"), build("addons", ROOT / "addons/template.yaml")
    unknown = settings.keys() - parameters(base) - parameters(core) - parameters(addons)
    if unknown:
        sys.exit(f"No template has a parameter {', '.join(sorted(unknown))}")
    deploy(stage, "base", base, ({"MailFrom": admin} if new else {}) | settings)
    deploy(stage, "core", core, {"Architecture": machine} | settings)
    deploy(stage, "addons", addons, settings)
    if admin:
        confirm_sender(stage.outputs("base"))
        invite(stage, admin)
    print(f"\nThe cloud is at {stage.outputs('base')['PublicUrl']}")


def build(part, template):
    """Collects what was built; the result is the template to deploy."""
    folder = ROOT / ".aws-sam" / part
    sam("build", "--template", template, "--build-dir", folder)
    return folder / "template.yaml"


def deploy(stage, part, template, settings):
    """Deploys one stack, with those of the settings that are its parameters."""
    stack = stage.stack(part)
    print(f"\n== {stack}", flush=True)
    own = {"Stage": stage.name} | {name: settings[name] for name in settings.keys() & parameters(template)}
    overrides = [f"{name}={value}" for name, value in own.items()]
    sam("deploy", "--template", template, "--stack-name", stack, "--s3-prefix", stack, "--parameter-overrides", *overrides)


def parameters(template):
    """The names of a template's parameters."""
    return yaml.load(template.read_text(), _Template)["Parameters"].keys()


class _Template(yaml.SafeLoader):
    """Reads over CloudFormation's own tags."""


_Template.add_multi_constructor("!", lambda *_: None)


def confirm_sender(base):
    """Waits until SES knows that letters may come from the cloud's address: it has sent a letter to ask."""
    ses, identity = boto3.client("sesv2"), base["MailIdentityArn"].partition("/")[2]
    while not ses.get_email_identity(EmailIdentity=identity)["VerifiedForSendingStatus"]:
        print(f"\nAmazon SES does not know yet that {identity} is yours; for an address, follow the link in the letter that it sent")
        if not sys.stdin.isatty():
            sys.exit("Then call `ADMIN=... make deploy` once more, for the first administrator's account")
        input("Then press Enter ")


def invite(stage, admin):
    """Makes the first administrator's account; a letter says how to get in."""
    answer = boto3.client("lambda").invoke(
        FunctionName=stage.resource("user-events"), Payload=json.dumps({"invite": admin}).encode()
    )
    if "FunctionError" in answer:
        sys.exit(f"{admin} could not be invited: {answer['Payload'].read().decode()}")
    print(f"\n{admin} is its first administrator: a letter says how to get in")


main()
