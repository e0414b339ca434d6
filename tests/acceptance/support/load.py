"""Load on a cloud that is about to end: what was acknowledged is noted, so that it can be asked for later."""

import copy
import json
import secrets
import threading
from dataclasses import dataclass, field

import requests

from .device import Device, Dropped, Refused, config, param
from .user import good
from .wait import TimedOut, settled, until

PARAMS = 20


@dataclass
class Acknowledged:
    """What the cloud has said yes to."""

    # Of each param the newest value that the node reported, and that the user wishes for the node that sleeps.
    reported: dict = field(default_factory=dict)
    wished: dict = field(default_factory=dict)
    requests: list = field(default_factory=list)
    reports: int = 0
    wishes: int = 0

    def now(self):
        """A copy as of now."""
        return copy.deepcopy(self)


class Load:
    """Reports with QoS 1 from a node, which sends again what was not acknowledged, and writes over REST beside
    them: mapping requests, and params for a node that sleeps."""

    def __init__(self, cloud, user, credentials, sleeper):
        self.cloud, self.user, self.credentials, self.sleeper = cloud, user, credentials, sleeper
        self.seen = Acknowledged()
        self.next = 1
        self.unacknowledged = []
        self.tried = {}
        self.trouble = []
        self.threads = []

    def prepare(self):
        """Maps both nodes."""
        for credentials in (self.credentials, self.sleeper):
            with Device(self.cloud, credentials) as device:
                self.user.map(device)
                lamp = [param(f"P{number}", "int") for number in range(PARAMS)] + [param("Marker", "int")]
                device.boot(config([("Lamp", lamp)]), {"Lamp": {"P0": 0}})
        settled(lambda: self.user.online(self.sleeper.id), False, "the sleeper is offline")
        return self

    def begin(self, seconds=0):
        """Starts it; returns when something of every kind was acknowledged, and so many seconds have gone by."""
        before = self.seen.now()
        self.threads = [threading.Thread(target=self._guard, args=[work]) for work in (self._report, self._ask, self._wish)]
        for thread in self.threads:
            thread.start()

        def under_way():
            assert not self.trouble, self.trouble
            seen = self.seen
            return seen.reports > before.reports and seen.wishes > before.wishes and len(seen.requests) > len(before.requests)

        until(under_way, "something of every kind is acknowledged", seconds=30, every=0.01)
        threading.Event().wait(seconds)

    def end(self, how):
        """Ends the cloud, and with it the load."""
        how()
        for thread in self.threads:
            thread.join(60)
            assert not thread.is_alive(), "a client hangs"
        assert not self.trouble, self.trouble

    def run(self, seconds, how):
        """All of it."""
        self.begin(seconds)
        self.end(how)

    def _guard(self, work):
        try:
            work()
        except (Dropped, Refused, requests.ConnectionError, requests.Timeout):
            pass  # The cloud has gone, as was meant.
        except (Exception, TimedOut) as error:  # noqa: BLE001 - handed to the test
            self.trouble.append(repr(error))

    def _report(self):
        with Device(self.cloud, self.credentials) as device:
            while not device.gone.is_set():
                # Some at a time, so that the end meets messages in every state; first those sent before.
                batch = self.unacknowledged
                if not batch:
                    batch = [(f"P{number % PARAMS}", number) for number in range(self.next, self.next + 8)]
                    self.next += 8
                self.unacknowledged = batch
                sent = [(device.publish("params/local", {"Lamp": {name: value}}, wait=False), name, value) for name, value in batch]
                mids = {mid for mid, _, _ in sent}
                try:
                    settled(lambda: device.gone.is_set() or mids <= device.acknowledged, True, "acknowledgements")
                finally:
                    got = [(mid in device.acknowledged, name, value) for mid, name, value in sent]
                    for name, value in [(name, value) for acknowledged, name, value in got if acknowledged]:
                        self.seen.reported[name] = max(value, self.seen.reported.get(name, 0))
                        self.seen.reports += 1
                    self.unacknowledged = [(name, value) for acknowledged, name, value in got if not acknowledged]

    def _own(self):
        """The user with a connection of its own, since a thread may not use another's."""
        user = copy.copy(self.user)
        user.http = self.cloud.http()
        return user

    def _ask(self):
        user = self._own()
        while True:
            self.seen.requests.append(user.ask_to_map(f"node-{secrets.token_hex(4)}", "the secret"))

    def _wish(self):
        user, value = self._own(), max(self.tried.values(), default=0)
        while True:
            value += 1
            name = f"P{value % PARAMS}"
            self.tried[name] = value
            good(user.set(self.sleeper.id, {"Lamp": {name: value}}))
            self.seen.wished[name] = value
            self.seen.wishes += 1


def check(user, credentials, seen, since=None):
    """Is everything there that was acknowledged, on whatever cloud the user talks to? Requests only since then."""
    shown = user.params(credentials.id)["Lamp"]
    lost = {name: (value, shown.get(name)) for name, value in seen.reported.items() if shown.get(name, -1) < value}
    assert not lost, f"acknowledged and stored values of params that went back: {lost}"
    asked = seen.requests[len(since.requests) if since else 0 :]
    gone = [request for request in asked if user.mapping_status(request) != "requested"]
    assert not gone, f"{len(gone)} of {len(asked)} requests are lost"


def check_wishes(cloud, user, sleeper, wished, tried):
    """The node that slept gets each wish that was acknowledged, once: the newest, or one that was tried after it."""
    with Device(cloud, sleeper) as device:
        device.boot()
        got = _params(device, "Lamp", wished)
        for name, value in wished.items():
            assert value <= got.get(name, -1) <= tried[name], f"{name}: wished {value}, tried {tried[name]}, got {got.get(name)}"
        device.report({"Lamp": got})
    settled(lambda: user.online(sleeper.id), False, "the sleeper is offline")
    with Device(cloud, sleeper) as device:
        device.boot()
        settled(lambda: user.online(sleeper.id), True, "the sleeper is back")
        good(user.set(sleeper.id, {"Lamp": {"Marker": 1}}))
        assert device.receive_params() == b'{"Lamp":{"Marker":1}}', "no wish comes a second time"
        assert device.received_nothing()
    settled(lambda: user.online(sleeper.id), False, "the sleeper is offline")


def _params(device, name, wanted):
    """What the cloud wants of a device, out of as many messages as it takes; nothing of it twice."""
    got = {}
    while not wanted.keys() <= got.keys():
        more = json.loads(device.receive_params())[name]
        assert not got.keys() & more.keys(), f"twice: {more} after {got}"
        got.update(more)
    assert device.received_nothing()
    return got
