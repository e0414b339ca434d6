"""Whoever listens is told what happens: signed, in order, again until it takes it; and nobody waits for it."""

import contextlib
import hashlib
import hmac
import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from support.device import Device
from support.ports import free_port
from support.user import good
from support.wait import until

SECRET = "a secret of theirs"
ADDED, REMOVED = "rmaker.event.user_node_added", "rmaker.event.user_node_removed"


class Hook:
    """A listener on this machine that keeps what it is sent, answers with `status`, and hangs as long as it is to."""

    def __init__(self):
        self.port, self.posts, self.status, self.headers, self.go = free_port(), [], 204, {}, threading.Event()
        self.url = f"http://127.0.0.1:{self.port}/hook?token=hush"
        self.go.set()

    @contextlib.contextmanager
    def listens(self):
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                hook.posts.append((self.path, dict(self.headers.items()), body))
                hook.go.wait(60)
                self.send_response(hook.status)
                for name, value in hook.headers.items():
                    self.send_header(name, value)
                self.end_headers()

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield self
        finally:
            self.go.set()
            server.shutdown()
            server.server_close()

    def events(self):
        """What came, each as often as it did."""
        return [json.loads(body) for _, _, body in self.posts]

    def kinds(self):
        """The kind of each and its node, each event once."""
        each = {event["id"]: (event["event_type"], event["node_id"]) for event in self.events()}
        return list(each.values())


def unmap(user, node_id):
    good(user.put("/v1/user/nodes/mapping", {"node_id": node_id, "operation": "remove"}))


@pytest.fixture
def hook():
    return Hook()


def test_mapping_and_unmapping_are_told_with_a_signature(new_cloud, user_of, hook):
    with hook.listens():
        cloud = new_cloud("--event-webhook", hook.url, env={"RAINCLOUD_EVENT_WEBHOOK_SECRET": SECRET}).start()
        user, began = user_of(cloud), int(time.time() * 1000)
        (node,) = user.map_many(1)
        until(lambda: len(hook.posts) == 1, "the mapping is told")
        unmap(user, node)
        until(lambda: len(hook.posts) == 2, "its end is told")
    for path, headers, body in hook.posts:
        assert path == "/hook?token=hush" and headers["content-type"] == "application/json"
        assert headers["x-raincloud-signature"] == "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    added, removed = hook.events()
    assert added.pop("data") == {"role": "primary"}
    for event, kind in ((added, ADDED), (removed, REMOVED)):
        assert re.fullmatch("[A-Za-z0-9]{22}", event.pop("id")) and began <= event.pop("timestamp") <= time.time() * 1000
        assert event == {"version": 1, "event_type": kind, "node_id": node, "user_ids": [user.id]}
    assert SECRET not in cloud.text() and "hush" not in cloud.text()


def test_a_listener_that_is_away_gets_all_of_it_later_also_across_a_restart(new_cloud, user_of, hook):
    cloud = new_cloud("--event-webhook", hook.url).start()
    user = user_of(cloud)
    first, second = user.map_many(2)
    until(lambda: "events wait for who listens" in cloud.text(), "the cloud notices")
    cloud.kill()
    cloud.start()
    unmap(user, first)
    hook.status = 503
    with hook.listens():
        until(lambda: len(hook.posts) >= 2, "it is tried again", seconds=30)
        assert len(hook.kinds()) == 1, "one after the other"
        hook.status = 200
        until(lambda: len(hook.kinds()) == 3, "all are told", seconds=60)
    assert hook.kinds() == [(ADDED, first), (ADDED, second), (REMOVED, first)]
    _, headers, _ = hook.posts[0]
    assert "x-raincloud-signature" not in headers
    assert "hush" not in cloud.text()


def test_a_listener_that_hangs_slows_nobody_down(new_cloud, user_of, hook):
    hook.go.clear()
    with hook.listens():
        cloud = new_cloud("--event-webhook", hook.url).start()
        user = user_of(cloud)
        nodes = cloud.add_nodes(3)
        began = time.monotonic()
        for credentials in nodes:
            with Device(cloud, credentials) as device:
                user.map(device)
        took = time.monotonic() - began
        assert user.nodes() == sorted(node.id for node in nodes)
        assert len(hook.posts) == 1, "it waits for the first"
        hook.go.set()
        until(lambda: len(hook.kinds()) == 3, "all are told")
    assert took < 5, f"three mappings took {took:.1f} s"


def test_a_listener_elsewhere_is_not_looked_for(new_cloud, user_of, hook):
    """A redirect could lead what happens, and its signature, to others."""
    other = Hook()
    hook.status, hook.headers = 307, {"location": other.url}
    with hook.listens(), other.listens():
        cloud = new_cloud("--event-webhook", hook.url).start()
        user_of(cloud).map_many(1)
        until(lambda: len(hook.posts) >= 2, "it is tried again")
        hook.status = 204
        until(lambda: "what waited was told" in cloud.text(), "it is told")
    assert not other.posts and len(hook.kinds()) == 1


@pytest.mark.parametrize(
    ("flags", "why"),
    [
        (("--event-webhook", "http://example.org/?token=hush"), "example.org is not asked without TLS"),
        (("--event-webhook", "https://hush@example.org/"), "without a user in it"),
        (("--event-webhook-secret", "hush"), "needs --event-webhook"),
    ],
)
def test_wrong_settings_are_named_at_the_start(new_cloud, flags, why):
    cloud = new_cloud()
    done = cloud.run("serve", "--data", str(cloud.data), *cloud.ports, *flags, check=False)
    assert done.returncode != 0 and why in done.stderr and "hush" not in done.stderr, done.stderr
