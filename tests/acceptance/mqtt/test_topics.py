"""Which topics are a node's, and that nobody else's are."""

import pytest
from support.device import Device, Dropped, lamp
from support.user import good
from support.wait import settled


@pytest.fixture
def victim(user, new_device):
    """A lamp of the user's, beside whom others try their luck."""
    device = new_device()
    user.map(device)
    return device.boot(lamp(), {"Lamp": {"Name": "Lamp", "Power": False}})


@pytest.fixture
def evil(new_user, new_device):
    """A registered node of somebody else's."""
    device = new_device()
    new_user().map(device)
    return device


@pytest.mark.parametrize("suffix", ["params/remote", "params/remote/group", "params/remote/+", "otaurl", "to-node", "from-node"])
def test_a_node_listens_on_its_own_topics(device, suffix):
    assert device.subscribe(device.topic(suffix))


@pytest.mark.parametrize(
    "topic",
    ["$aws/things/{}/streams/+/data/cbor", "$aws/things/{}/streams/s1/data/cbor", "$aws/things/{}/streams/+/rejected/cbor"],
)
def test_a_node_listens_for_its_streams(device, topic):
    assert device.subscribe(topic.format(device.id))


@pytest.mark.parametrize(
    "topic",
    [
        "node/{victim}/params/remote",
        "node/{victim}/params/local",
        "node/{victim}/otaurl",
        "node/{victim}/to-node",
        "node/{victim}/#",
        "node/{victim}/+/+",
        "node/+/params/remote",
        "node/+/params/local",
        "node/+/params/local/group",
        "node/#",
        "#",
        "+/#",
        "+/{victim}/params/remote",
        "+/+/params/remote",
        "$aws/#",
        "$aws/rules/#",
        "$aws/rules/+/node/{victim}/config",
        "$aws/things/{victim}/streams/+/data/cbor",
        "$aws/things/+/streams/+/data/cbor",
        "$SYS/#",
        "$share/g/node/{victim}/params/remote",
        "$share/g/#",
        "/node/{victim}/params/remote",
        "node/{evil}/#",
        "node/{evil}/params/local",
    ],
)
def test_a_strangers_topics_and_wildcards_are_refused(user, victim, evil, topic):
    try:
        assert not evil.subscribe(topic.format(victim=victim.id, evil=evil.id)), f"{topic} was granted"
    except Dropped:
        return  # Hanging up is as good.
    assert evil.subscribe(evil.topic("params/remote")), "the connection works on"
    good(user.set(victim.id, {"Lamp": {"Level": 3}}))
    victim.receive_params()
    victim.report({"Lamp": {"Level": 3}})
    assert evil.received_nothing()


@pytest.mark.parametrize(
    "topic",
    [
        "node/{victim}/params/local",
        "node/{victim}/params/local/init",
        "node/{victim}/params/remote",
        "node/{victim}/config",
        "node/{victim}/user/mapping",
        "$aws/rules/esp_set_params/node/{victim}/params/local",
        "$aws/rules/node/{victim}/params/local",
        "$aws/rules//node/{victim}/params/local",
        "$aws/things/{victim}/streams/s/get/cbor",
        "$aws/things/{victim}/shadow/update",
        "$SYS/broker",
        "node/{evil}",
        "node/",
        "node//params/local",
        "/node/{evil}/params/local",
        "params/local",
        "x",
    ],
)
def test_a_message_to_a_strangers_topic_ends_the_connection_and_is_not_stored(user, victim, evil, topic):
    before = user.params(victim.id)
    reset = b'{"Lamp":{"Power":true,"Name":"hacked"},"user_id":"esp-rmaker","secret_key":"failed","reset":true}'
    with pytest.raises(Dropped):
        evil.publish("", reset, topic=topic.format(victim=victim.id, evil=evil.id))
    assert user.params(victim.id) == before and user.nodes() == [victim.id]
    good(user.set(victim.id, {"Lamp": {"Level": 3}}))
    assert victim.receive_params() == b'{"Lamp":{"Level":3}}', "nothing came to the victim before"


def test_what_a_node_says_to_itself_by_basic_ingest_comes_back_to_nobody(device):
    assert device.subscribe(device.topic("from-node"))
    device.publish("", b"by the rule", topic=f"$aws/rules/r/node/{device.id}/from-node")
    device.publish("from-node", b"plainly")
    assert device.receive() == (device.topic("from-node"), b"plainly")


def test_params_reach_their_own_node_alone(user, new_user, victim, new_device):
    others = [new_device() for _ in range(3)]
    for other in others:
        user.map(other)
        other.boot(lamp())
    good(user.set(victim.id, {"Lamp": {"Level": 7}}))
    assert victim.receive_params() == b'{"Lamp":{"Level":7}}'
    for other in others:
        good(user.set(other.id, {"Lamp": {"Level": 8}}))
        assert other.receive_params() == b'{"Lamp":{"Level":8}}', "the first message that it gets is its own"


def test_nothing_that_the_cloud_sends_is_retained(cloud, user, victim):
    good(user.set(victim.id, {"Lamp": {"Level": 7}}))
    victim.receive_params()
    victim.report({"Lamp": {"Level": 7}})
    victim.close()
    settled(lambda: user.online(victim.id), False, "offline")
    with Device(cloud, victim.credentials) as back:
        back.boot()
        good(user.set(victim.id, {"Lamp": {"Level": 9}}))
        assert back.receive_params() == b'{"Lamp":{"Level":9}}', "the old value is not executed again"
