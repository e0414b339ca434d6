"""A user of the REST API."""

import base64
import itertools
import json
import secrets

from .wait import until
from .wire import Wire

PASSWORD = "Acceptance1"


def new_address():
    """An e-mail address that nobody has used."""
    return f"user-{secrets.token_hex(6)}@example.com"


def failed(response, status, code):
    """Checks that an answer is the contract's failure, and returns its description."""
    told = f"{response.request.method} {response.request.path_url} -> {response.status_code} {response.text[:500]}"
    assert response.status_code == status, f"expected {status}: {told}"
    assert response.headers.get("content-type", "").startswith("application/json"), f"no JSON: {told}"
    return failed_body(response.json(), code, told)


def failed_body(body, code, told=None):
    """Checks the body of a failure, or an entry of a list of them."""
    told = told or str(body)
    assert body.get("status") == "failure", told
    assert type(body.get("error_code")) is int and body["error_code"] == code, f"expected {code}: {told}"
    assert isinstance(body.get("description"), str) and body["description"].strip(), told
    return body["description"]


def good(response, status=200):
    """Checks that an answer is a success, and returns its JSON."""
    told = f"{response.request.method} {response.request.path_url} -> {response.status_code} {response.text[:500]}"
    assert response.status_code == status, f"expected {status}: {told}"
    assert response.headers.get("content-type", "").startswith("application/json"), f"no JSON: {told}"
    return response.json()


def claims_of(token):
    """What a token says."""
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


class User:
    """A confirmed user who is logged in, over plain `requests`."""

    def __init__(self, cloud, name=None, password=PASSWORD):
        self.cloud = cloud
        self.http = cloud.http()
        self.name = name or new_address()
        self.password = password
        self.tokens = None

    def sign_up(self):
        """Makes and confirms the account."""
        good(self.http.post("/v1/user2", json={"user_name": self.name, "password": self.password}), 201)
        code = self.cloud.code(self.name)
        good(self.http.post("/v1/user2", json={"user_name": self.name, "verification_code": code}), 201)
        return self

    def log_in(self):
        """Begins a session."""
        self.tokens = good(self.http.post("/v1/login2", json={"user_name": self.name, "password": self.password}))
        return self

    @property
    def access(self):
        """The access token."""
        return self.tokens["accesstoken"]

    @property
    def id(self):
        """The user's id, as the API tells it."""
        return good(self.get("/v1/user2"))["user_id"]

    def request(self, method, path, **more):
        """A request with the access token, as clients send it: bare."""
        headers = {"Authorization": self.access, **more.pop("headers", {})}
        return self.http.request(method, path, headers=headers, **more)

    def get(self, path, **more):
        """GET with the token."""
        return self.request("GET", path, **more)

    def put(self, path, body, **more):
        """PUT of JSON with the token."""
        return self.request("PUT", path, json=body, **more)

    def post(self, path, body=None, **more):
        """POST of JSON with the token."""
        return self.request("POST", path, json=body, **more)

    # What tests ask of nodes again and again.

    def ask_to_map(self, node_id, secret):
        """The user's half of a mapping; returns the id to poll."""
        body = {"node_id": node_id, "secret_key": secret, "operation": "add"}
        return good(self.put("/v1/user/nodes/mapping", body))["request_id"]

    def mapping_status(self, request_id):
        """What became of a mapping request."""
        return good(self.get("/v1/user/nodes/mapping", params={"request_id": request_id}))["request_status"]

    def map(self, device):
        """Maps a connected device: both halves."""
        secret = secrets.token_hex(16)
        request = self.ask_to_map(device.id, secret)
        device.ask_to_map(self.id, secret)
        until(lambda: self.mapping_status(request) == "confirmed", f"the mapping of {device.id} is confirmed")

    def map_many(self, count):
        """Maps many new nodes, each by one short connection; returns their ids."""
        every, user_id = self.cloud.add_nodes(count), self.id
        for credentials in every:
            self.ask_to_map(credentials.id, "the secret")
            with Wire(self.cloud, credentials) as node:
                node.publish("user/mapping", {"node_id": node.id, "user_id": user_id, "secret_key": "the secret"})
        return [credentials.id for credentials in every]

    def nodes(self):
        """The ids of all the user's nodes, over all pages."""
        found, start = [], ""
        for _ in itertools.count():
            page = good(self.get("/v1/user/nodes", params={"start_id": start}))
            found += page["nodes"]
            start = page.get("next_id")
            if not start:
                return found

    def node(self, node_id):
        """The details of one node."""
        details = good(self.get("/v1/user/nodes", params={"node_id": node_id}))["node_details"]
        assert len(details) == 1, details
        return details[0]

    def params(self, node_id):
        """What the node has reported; nothing if it has not."""
        response = self.get("/v1/user/nodes/params", params={"node_id": node_id})
        if response.status_code == 400 and response.json().get("error_code") == 102_006:
            return {}
        return good(response)

    def set(self, node_id, params):
        """The answer to setting params of one node."""
        return self.put("/v1/user/nodes/params", params, params={"node_id": node_id})

    def online(self, node_id):
        """Is the node shown as connected? None if it never was."""
        status = good(self.get("/v1/user/nodes/status", params={"node_id": node_id}))
        return status["connectivity"].get("connected")
