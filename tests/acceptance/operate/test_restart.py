"""What was acknowledged is there after the cloud ended, however it ended."""

import os
import random
import secrets
import threading

import pytest
import requests
from support.device import Device, Dropped, Refused, config, lamp, param
from support.user import failed, good
from support.wait import TimedOut, settled

ROUNDS = 5


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_everything_is_there_after_a_restart(new_cloud, user_of, end):
    cloud = new_cloud().start()
    user, credentials = user_of(cloud), cloud.add_nodes()[0]
    with Device(cloud, credentials) as device:
        user.map(device)
        device.boot(lamp(), {"Lamp": {"Name": "Küche", "Power": False}})
    settled(lambda: user.online(device.id), False, "offline")
    good(user.set(device.id, {"Lamp": {"Power": True}}))
    waiting = user.ask_to_map("another-node", "the secret")
    kept = cloud.ca.read_bytes()
    before = user.node(device.id)

    getattr(cloud, end)()
    cloud.start()

    assert cloud.ca.read_bytes() == kept, "the CA that clients trust"
    assert good(user.get("/v1/user2"))["user_name"] == user.name, "the access token"
    good(cloud.http().post("/v1/login2", json={"refreshtoken": user.tokens["refreshtoken"]}))
    good(cloud.http().post("/v1/login2", json={"user_name": user.name, "password": user.password}))
    after = user.node(device.id)
    assert {**after, "status": None} == {**before, "status": None}
    assert after["status"]["connectivity"]["connected"] is False
    assert user.mapping_status(waiting) == "requested"
    with Device(cloud, credentials) as back:
        back.boot()
        assert back.receive_params() == b'{"Lamp":{"Power":true}}', "what was set while it was away"


def test_a_logout_outlives_a_kill(new_cloud, user_of):
    cloud = new_cloud().start()
    user = user_of(cloud)
    good(user.post("/v1/logout2"))
    cloud.kill()
    cloud.start()
    failed(cloud.http().post("/v1/login2", json={"refreshtoken": user.tokens["refreshtoken"]}), 400, 101_017)


def test_a_revocation_outlives_a_kill(new_cloud):
    cloud = new_cloud().start()
    credentials = cloud.add_nodes()[0]
    cloud.revoke(credentials.id)
    cloud.kill()
    cloud.start()
    with pytest.raises(Refused):
        Device(cloud, credentials).connect()


def test_after_a_kill_nodes_are_shown_offline_until_they_are_back(new_cloud, user_of):
    cloud = new_cloud().start()
    user, credentials = user_of(cloud), cloud.add_nodes()[0]
    device = Device(cloud, credentials).connect()
    user.map(device)
    settled(lambda: user.online(device.id), True, "online")
    cloud.kill()
    device.wait_gone("the connection has ended with the cloud")
    device.close()
    cloud.start()
    assert user.online(device.id) is False
    assert user.node(device.id)["status"]["connectivity"]["connected"] is False
    with Device(cloud, credentials):
        settled(lambda: user.online(device.id), True, "it is back")


def test_a_simulated_node_comes_back_by_itself(new_cloud, user_of, simulate):
    cloud = new_cloud().start()
    user, credentials = user_of(cloud), cloud.add_nodes()[0]
    request = user.ask_to_map(credentials.id, "the secret")
    node = simulate(credentials, "--map", f"{user.id}:the secret", cloud=cloud).up()
    settled(lambda: user.mapping_status(request), "confirmed", "mapped")
    cloud.kill()
    node.expect("disconnected")
    cloud.start()
    node.expect("connected", first=False)
    node.expect("subscribed", filter=f"node/{node.id}/params/remote", granted=True)
    good(user.set(node.id, {"Light": {"Hue": 1}}))
    node.expect("set", param="Hue", value=1, by="remote")
    settled(lambda: user.params(node.id)["Light"]["Hue"], 1, "its report is stored")


class Load:
    """Reports of a node and requests of a user, until the cloud goes; knows what was acknowledged."""

    PARAMS = 20

    def __init__(self, cloud, user, credentials):
        self.cloud, self.user, self.credentials = cloud, user, credentials
        self.reported = {}
        self.requests = []
        self.desired = {}
        self.acknowledged = 0
        self.trouble = []

    def run(self, number, seconds):
        """Works on the cloud with numbers from here, kills it after so many seconds, and returns the next number."""
        self.next = number
        threads = [threading.Thread(target=self._guard, args=[work]) for work in (self._report, self._ask)]
        for thread in threads:
            thread.start()
        threading.Event().wait(seconds)
        self.cloud.kill()
        for thread in threads:
            thread.join(60)
            assert not thread.is_alive(), "a client hangs"
        assert not self.trouble, self.trouble
        return self.next

    def _guard(self, work):
        try:
            work()
        except (Dropped, Refused, requests.ConnectionError, requests.Timeout):
            pass  # The cloud has gone, as was meant.
        except (Exception, TimedOut) as error:  # noqa: BLE001 - handed to the test
            self.trouble.append(repr(error))

    def _report(self):
        with Device(self.cloud, self.credentials) as device:
            while True:
                # Some at a time, so that the end meets messages in every state.
                batch = [(f"P{number % self.PARAMS}", number) for number in range(self.next, self.next + 8)]
                self.next += 8
                sent = [
                    (device.publish("params/local", {"Lamp": {name: value}}, wait=False), name, value) for name, value in batch
                ]
                try:
                    settled(
                        lambda sent=sent: device.gone.is_set() or {mid for mid, _, _ in sent} <= device.acknowledged,
                        True,
                        "acknowledgements",
                    )
                finally:
                    for mid, name, value in sent:
                        if mid in device.acknowledged:
                            self.reported[name] = value
                            self.acknowledged += 1
                if device.gone.is_set():
                    return

    def _ask(self):
        while True:
            node = f"node-{secrets.token_hex(4)}"
            self.requests.append(self.user.ask_to_map(node, "the secret"))

    def check(self):
        """Is everything there?"""
        shown = self.user.params(self.credentials.id)["Lamp"]
        lost = {name: (value, shown.get(name)) for name, value in self.reported.items() if shown.get(name, -1) < value}
        assert not lost, f"acknowledged and stored values of params that went back: {lost}"
        gone = [request for request in self.requests if self.user.mapping_status(request) != "requested"]
        assert not gone, f"{len(gone)} of {len(self.requests)} requests are lost"


def test_five_kills_under_load_lose_nothing_that_was_acknowledged(new_cloud, user_of):
    seed = int(os.environ.get("SEED", random.SystemRandom().randrange(10**6)))
    print(f"SEED={seed}")
    rng = random.Random(seed)
    cloud = new_cloud().start()
    user, credentials = user_of(cloud), cloud.add_nodes()[0]
    with Device(cloud, credentials) as device:
        user.map(device)
        device.boot(config([("Lamp", [param(f"P{number}", "int") for number in range(Load.PARAMS)])]), {"Lamp": {"P0": 0}})
    load, number = Load(cloud, user, credentials), 1
    for _ in range(ROUNDS):
        before = load.acknowledged, len(load.requests)
        number = load.run(number, rng.uniform(0.3, 1.2))
        assert load.acknowledged > before[0] and len(load.requests) > before[1], "there was load"
        cloud.start()
        load.check()
        assert user.online(credentials.id) is False
    print(f"{load.acknowledged} reports and {len(load.requests)} requests were acknowledged, none was lost")


def test_a_stop_under_load_is_clean_and_loses_nothing(new_cloud, user_of):
    cloud = new_cloud().start()
    user, credentials = user_of(cloud), cloud.add_nodes()[0]
    with Device(cloud, credentials) as device:
        user.map(device)
        device.boot(config([("Lamp", [param(f"P{number}", "int") for number in range(Load.PARAMS)])]), {"Lamp": {"P0": 0}})
    load = Load(cloud, user, credentials)
    load.cloud = type("Stopped", (), {"kill": cloud.stop, "__getattr__": lambda _, name: getattr(cloud, name)})()
    load.run(1, 0.7)
    assert load.acknowledged and load.requests
    cloud.start()
    load.check()
