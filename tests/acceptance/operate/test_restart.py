"""What was acknowledged is there after the cloud ended, however it ended."""

import os
import random

import pytest
from support.device import Device, Refused, lamp
from support.load import PARAMS, Load, check, check_wishes
from support.user import failed, good
from support.wait import settled

KILLS = 20


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


def test_twenty_kills_under_load_lose_nothing_and_apply_nothing_twice(new_cloud, user_of):
    seed = int(os.environ.get("SEED", random.SystemRandom().randrange(10**6)))
    print(f"SEED={seed}")
    rng = random.Random(seed)
    cloud = new_cloud().start()
    user, (reporter, sleeper) = user_of(cloud), cloud.add_nodes(2)
    load = Load(cloud, user, reporter, sleeper).prepare()
    for number in range(KILLS):
        before = load.seen.now()
        load.run(rng.uniform(0, 0.4), cloud.kill)
        cloud.start()
        check(user, reporter, load.seen, since=before)
        assert user.online(reporter.id) is False
        if number % 4 == 3:
            check_wishes(cloud, user, sleeper, load.seen.wished, load.tried)
            load.seen.wished.clear()
    check(user, reporter, load.seen)
    assert sorted(user.nodes()) == sorted([reporter.id, sleeper.id]), "each is mapped, and once"
    # What was sent again, perhaps after something newer, has undone nothing: in the end the last value is there.
    with Device(cloud, reporter) as device:
        for name, value in load.unacknowledged:
            device.report({"Lamp": {name: value}})
    shown, last = user.params(reporter.id)["Lamp"], range(load.next - PARAMS, load.next)
    assert shown == {f"P{value % PARAMS}": value for value in last}
    seen = load.seen
    print(f"{seen.reports} reports, {seen.wishes} wishes and {len(seen.requests)} requests were acknowledged, none was lost")


def test_a_stop_under_load_is_clean_and_loses_nothing(new_cloud, user_of):
    cloud = new_cloud().start()
    user, (reporter, sleeper) = user_of(cloud), cloud.add_nodes(2)
    load = Load(cloud, user, reporter, sleeper).prepare()
    load.run(0.7, cloud.stop)
    cloud.start()
    check(user, reporter, load.seen)
    check_wishes(cloud, user, sleeper, load.seen.wished, load.tried)
