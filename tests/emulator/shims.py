"""Where the emulator differs from AWS in a way that our tests would see: one function each, with the reason.

Each stands alone and is applied before the emulator starts. They touch private names of the version that
`requirements.txt` pins; on raising it, try without each of them first.
"""

import asyncio
import os
import sys
import threading
import time


def loopback_only():
    """The MQTT listener binds every interface, whatever BIND_HOST says: nothing here is to be reached from outside."""
    create = asyncio.base_events.BaseEventLoop.create_server

    async def create_server(self, protocol_factory, host=None, port=None, **options):
        if options.get("sock") is None:
            host = "127.0.0.1"
        return await create(self, protocol_factory, host, port, **options)

    asyncio.base_events.BaseEventLoop.create_server = create_server


def client_certificate():
    """AWS ends the connection of an MQTT client without a certificate; the emulator serves it as root."""
    from ministack.services import iot

    serve = iot._mtls_serve_conn

    async def serve_certified(reader, writer):
        tls = writer.get_extra_info("ssl_object")
        if tls is None or tls.getpeercert(binary_form=True) is None:
            writer.transport.abort()
            return
        await serve(reader, writer)

    iot._mtls_serve_conn = serve_certified


def nested_transforms():
    """AWS applies a nested stack's own transforms, SAM's among them; the emulator applies the outer stack's alone."""
    from ministack.services.cloudformation import engine

    parse = engine._parse_template

    def parse_and_transform(body, *more, **options):
        template = parse(body, *more, **options)
        nested = sys._getframe(1).f_code.co_name == "_cfn_nested_stack_deploy"
        return engine._apply_transforms(template) if nested else template

    engine._parse_template = parse_and_transform


def nested_updates():
    """In a nested stack that is updated, the emulator forgets the attributes that a resource keeps."""
    from ministack.services import cloudformation
    from ministack.services.cloudformation import provisioners

    update = provisioners._update_resource

    def update_and_keep(resource_type, physical_id, old, new, stack, logical_id):
        known = cloudformation._stacks[stack]["_resources"][logical_id]["Attributes"]
        physical_id, told = update(resource_type, physical_id, old, new, stack, logical_id)
        return physical_id, {**known, **told}

    provisioners._update_resource = update_and_keep


def uploads_have_the_address_of_s3():
    """SAM writes the address of what it has uploaded into the template, and knows only that of S3 when it deletes it."""
    from ministack.services.cloudformation import handlers

    get = handlers._ACTION_HANDLERS["GetTemplate"]

    def get_template(params):
        status, headers, body = get(params)
        here = os.environ["AWS_ENDPOINT_URL"].encode()
        return status, headers, body.replace(here, b"https://s3.%s.amazonaws.com" % os.environ["MINISTACK_REGION"].encode())

    handlers._ACTION_HANDLERS["GetTemplate"] = get_template


def options_reach_routes():
    """Where an API has no CORS settings, AWS hands OPTIONS to the route as any other method; the emulator refuses."""
    from ministack.services import apigateway

    execute = apigateway._handle_execute_in_scope

    class Options(str):
        """Is not taken for OPTIONS where the emulator looks for that, and is written as it."""

        __hash__ = str.__hash__

        def __eq__(self, other):
            return other is self

    async def execute_options(api_id, stage, path, method, *more):
        if method == "OPTIONS" and not apigateway._apis.get(api_id, {}).get("corsConfiguration"):
            method = Options(method)
        return await execute(api_id, stage, path, method, *more)

    apigateway._handle_execute_in_scope = execute_options


def delete_connection():
    """AWS ends a client's connection when it is asked to (DeleteConnection); the emulator does not know that."""
    from ministack.core import iam_actions
    from ministack.core.responses import error_response_json, get_account_id, get_region
    from ministack.services import iot, iot_data

    prefix = "/connections/"
    handle, resource = iot_data.handle_request, iam_actions.extract_resource_arn

    async def handle_request(method, path, headers, body, query):
        if method != "DELETE" or not path.startswith(prefix):
            return await handle(method, path, headers, body, query)
        session = iot._connected_clients.get((get_account_id(), get_region(), path.removeprefix(prefix)))
        if session is None:
            return error_response_json("ResourceNotFoundException", "no such client is connected", 404)
        session._forced_disconnect_reason = "API_INITIATED_DISCONNECT"
        await session._send({"type": "websocket.close", "code": 1000})
        await session.cleanup()
        return 200, {"Content-Type": "application/json"}, b""

    def extract_resource_arn(service, method, path, *rest, **named):
        arn = resource(service, method, path, *rest, **named)
        if service == "iot-data" and path.startswith(prefix):
            return f"arn:aws:iot:{get_region()}:{get_account_id()}:client/{path.removeprefix(prefix)}"
        return arn

    iot_data.handle_request = handle_request
    iam_actions.extract_resource_arn = extract_resource_arn


def rules_call_as_events():
    """AWS calls a rule's function three times if it fails, and tells the function's on-failure destination then; if it
    can't call it at all, the rule's error action. The emulator calls it once.

    AWS acknowledges a message before that. So that tests need not guess how long it takes, `GET /_ministack/handled`
    answers once everything is handled that has been acknowledged before."""
    from ministack import app
    from ministack.services import iot, lambda_svc

    running = set()

    def call(account_id, region, function_arn, event):
        func, config, _ = lambda_svc._get_func_record_for_ref_in_scope(function_arn, account_id=account_id, region=region)
        if not func or not config:
            raise RuntimeError(f"there is no function {function_arn}")
        record = lambda_svc._execution_record_for_config(func, config)
        thread = threading.Thread(target=run, args=(record, event), daemon=True)
        running.add(thread)
        thread.start()

    def run(record, event):
        try:
            for pause in (1, 2, 0):
                result = lambda_svc._execute_function_with_config_scope(record, event)
                if not result.get("error"):
                    return
                time.sleep(pause)
            invoke_config = record["event_invoke_configs"]["$LATEST"]
            destination = invoke_config["DestinationConfig"]["OnFailure"]["Destination"]
            name = record["config"]["FunctionName"]
            fail = lambda_svc._route_async_failure
            lambda_svc._run_with_function_config_scope(record, fail, destination, name, event, result)
        finally:
            running.discard(threading.current_thread())

    inspect = app._handle_ses_messages_request

    async def inspect_or_wait(method, path, *more):
        if path != "/_ministack/handled":
            return await inspect(method, path, *more)
        for thread in list(running):
            while thread.is_alive():
                await asyncio.sleep(0.005)
        return 200, {"Content-Type": "application/json"}, b"{}"

    iot._dispatch_rule_to_lambda = call
    app._handle_ses_messages_request = inspect_or_wait


def letters_are_sent_by_an_identity():
    """AWS allows SendEmail for the identity of the sender; the emulator for everybody's or nobody's."""
    from ministack.core import iam_actions

    iam_actions._SES_V2_RESOURCES["outbound-emails"] = ("identity", "FromEmailAddress")


def policies_are_attached_to_a_target():
    """AWS allows AttachPolicy for the certificate that it names; the emulator for all or none."""
    import json

    from ministack.core import iam_actions

    resource = iam_actions.extract_resource_arn

    def extract_resource_arn(service, method, path, headers, body, *rest, **named):
        if service == "iot" and path.startswith("/target-policies/"):
            return json.loads(body)["target"]
        return resource(service, method, path, headers, body, *rest, **named)

    iam_actions.extract_resource_arn = extract_resource_arn


ALL = [
    loopback_only,
    client_certificate,
    delete_connection,
    nested_transforms,
    nested_updates,
    uploads_have_the_address_of_s3,
    options_reach_routes,
    rules_call_as_events,
    letters_are_sent_by_an_identity,
    policies_are_attached_to_a_target,
]
