"""AWS tells of connections late, twice and in any order; whether a node is online comes out right."""

import json
import random
from concurrent.futures import ThreadPoolExecutor

import boto3
from owner import resource
from support.cloud import now_ms
from support.user import good

ORDERS = 1000
# As many orders at once as there are nodes.
NODES = 20


def test_presence_in_a_thousand_random_orders(user):
    seed = random.randrange(2**32)
    rng, nodes = random.Random(seed), user.map_many(NODES)
    client = boto3.client("lambda")
    with ThreadPoolExecutor(NODES) as pool:
        for number in range(ORDERS // NODES):
            # Each order is a later part of its node's life than the one before.
            histories = [history(rng, node, now_ms()) for node in nodes]
            list(pool.map(lambda events: tell(client, events), [shuffled(rng, events) for events, _ in histories]))
            wanted = {node: online for node, (_, online) in zip(nodes, histories)}
            assert shown(user).items() >= wanted.items(), f"seed {seed}, round {number}"


def history(rng, node, at):
    """Some sessions of a node, one after the other, as AWS tells of them; and whether the last one lasts."""
    events, open_session = [], None
    for version in range(rng.randint(1, 4)):
        session = {"clientId": node, "sessionIdentifier": f"{at}-{version}", "versionNumber": version}
        at += 1
        events.append(session | {"eventType": "connected", "timestamp": at})
        if open_session:
            # The node came back before its old connection had ended.
            at += 1
            over = {"eventType": "disconnected", "timestamp": at, "disconnectReason": "DUPLICATE_CLIENTID"}
            events.append(open_session | over)
        open_session = session
        if rng.random() < 0.5:
            at += 1
            end = {"eventType": "disconnected", "timestamp": at, "disconnectReason": "CONNECTION_LOST"}
            events.append(session | end)
            open_session = None
    return events, open_session is not None


def shuffled(rng, events):
    """The events in some order, some of them twice."""
    events = events + [event for event in events if rng.random() < 0.4]
    rng.shuffle(events)
    return events


def tell(client, events):
    """Hands them over as the queue does, which asks for the same work with fewer calls than rules."""
    bodies = [json.dumps({"requestPayload": event}) for event in events]
    attributes = {"SentTimestamp": str(now_ms())}
    records = [{"messageId": str(number), "attributes": attributes, "body": body} for number, body in enumerate(bodies)]
    answer = client.invoke(FunctionName=resource("node-events"), Payload=json.dumps({"Records": records}).encode())
    told = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer and not told["batchItemFailures"], told


def shown(user):
    """Which nodes are online."""
    page = good(user.get("/v1/user/nodes", params={"node_details": "true", "num_records": "100"}))
    return {node["id"]: node["status"]["connectivity"]["connected"] for node in page["node_details"]}
