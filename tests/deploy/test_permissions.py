"""The emulator calls a function for whoever asks; AWS asks for a permission. So every caller is looked up here."""

import fnmatch
import json
import re

import boto3
import pytest
from owner import resource


def allowed(function, principal, source):
    """May this service call the function for that resource?"""
    client = boto3.client("lambda")
    try:
        statements = json.loads(client.get_policy(FunctionName=function)["Policy"])["Statement"]
    except client.exceptions.ResourceNotFoundException:
        return False
    return any(fits(statement, principal, source) for statement in statements)


def fits(statement, principal, source):
    if statement["Effect"] != "Allow" or statement["Principal"].get("Service") != principal:
        return False
    conditions = {
        name.lower(): value for operator in statement.get("Condition", {}).values() for name, value in operator.items()
    }
    # A permission without a source would be for everybody's resources.
    return "aws:sourcearn" in conditions and fnmatch.fnmatchcase(source, conditions["aws:sourcearn"])


def test_rules_may_call_their_function():
    iot = boto3.client("iot")
    rules = [iot.get_topic_rule(ruleName=rule["ruleName"]) for rule in iot.list_topic_rules()["rules"]]
    assert len(rules) == 14
    for rule in rules:
        (action,) = rule["rule"]["actions"]
        assert allowed(action["lambda"]["functionArn"], "iot.amazonaws.com", rule["ruleArn"]), rule["ruleArn"]
        assert "sqs" in rule["rule"]["errorAction"], "what can't be handed over is kept"


def test_routes_may_call_their_function():
    apis, account = boto3.client("apigatewayv2"), boto3.client("sts").get_caller_identity()["Account"]
    (api,) = apis.get_apis()["Items"]
    integrations = {each["IntegrationId"]: each["IntegrationUri"] for each in apis.get_integrations(ApiId=api["ApiId"])["Items"]}
    routes = apis.get_routes(ApiId=api["ApiId"])["Items"]
    assert len(integrations) == 4 and len(routes) > 4
    for route in routes:
        function = re.search(r"arn:[^/]+:function:[^/]+", integrations[route["Target"].removeprefix("integrations/")])[0]
        method, _, path = route["RouteKey"].partition(" ")
        where = f"{method}{re.sub('{[^}]+}', 'x', path)}"
        source = f"arn:aws:execute-api:{apis.meta.region_name}:{account}:{api['ApiId']}/$default/{where}"
        assert allowed(function, "apigateway.amazonaws.com", source), route["RouteKey"]


def test_schedules_may_call_their_function():
    events, called = boto3.client("events"), 0
    for rule in events.list_rules()["Rules"]:
        for target in events.list_targets_by_rule(Rule=rule["Name"])["Targets"]:
            assert allowed(target["Arn"], "events.amazonaws.com", rule["Arn"]), rule["Name"]
            called += 1
    assert called == 1


@pytest.mark.parametrize("function", ["user", "node", "access", "ota"])
def test_failed_events_go_to_the_queue(function):
    config = boto3.client("lambda").get_function_event_invoke_config(
        FunctionName=resource(f"{function}-events"), Qualifier="$LATEST"
    )
    assert config["DestinationConfig"]["OnFailure"]["Destination"].endswith(":" + resource("failures"))


def test_only_what_has_no_name_is_allowed_by_a_star():
    iam, looked = boto3.client("iam"), 0
    for role in iam.list_roles()["Roles"]:
        if not role["RoleName"].startswith(resource("")):
            continue
        assert not iam.list_attached_role_policies(RoleName=role["RoleName"])["AttachedPolicies"], role["RoleName"]
        for name in iam.list_role_policies(RoleName=role["RoleName"])["PolicyNames"]:
            document = iam.get_role_policy(RoleName=role["RoleName"], PolicyName=name)["PolicyDocument"]
            for statement in document["Statement"]:
                looked += 1
                actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
                assert not any("*" in action for action in actions), f"{role['RoleName']}: {actions}"
                assert statement["Resource"] != "*" or set(actions) <= WITHOUT_ARN, f"{role['RoleName']}: {actions}"
    assert looked > 20


# Actions for which AWS knows no resource.
WITHOUT_ARN = {
    "iot:AttachThingPrincipal",
    "iot:DescribeEndpoint",
    "iot:DetachThingPrincipal",
    "iot:RegisterCertificateWithoutCA",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
}
