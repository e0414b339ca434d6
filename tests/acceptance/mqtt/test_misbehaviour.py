"""What one node does against the rules is not felt by another, and ends where the rules say."""

import statistics
import time

import pytest
from support.device import Device, lamp
from support.user import good
from support.wait import until

SECONDS = 4
KINDS = [
    "storm=2000",
    "truncate",
    "dup",
    "never-ack",
    "foreign-topic={neighbour}",
    "wild-subscribe",
    "slow-read",
    "half-open=200",
    "bad-utf8",
    "big=100000",
    "big=1000000",
]


def happened(node, name):
    """The events of this name so far."""
    return [event for event in node.events if event["event"] == name]


class Neighbour:
    """A well-behaved node and its user, who keep a clock at hand."""

    def __init__(self, user, device):
        self.user, self.device = user, device
        self.reports, self.settings = [], []

    def live(self, number):
        """Reports a value, and is told another."""
        began = time.monotonic()
        self.device.report({"Lamp": {"Level": number % 100}})
        self.reports.append(time.monotonic() - began)
        began = time.monotonic()
        good(self.user.set(self.device.id, {"Lamp": {"Warmth": number % 40}}))
        assert self.device.receive_params() == b'{"Lamp":{"Warmth":%d}}' % (number % 40)
        self.settings.append(time.monotonic() - began)

    def figures(self):
        """Medians and worst cases in milliseconds."""
        return {
            name: f"{len(times)} times, median {statistics.median(times) * 1000:.1f} ms, worst {max(times) * 1000:.1f} ms"
            for name, times in (("reports", self.reports), ("settings", self.settings))
        }


@pytest.mark.parametrize("kind", KINDS)
def test_a_neighbour_is_served_meanwhile(cloud, user, new_device, simulate, record_property, kind):
    device = new_device()
    user.map(device)
    neighbour = Neighbour(user, device.boot(lamp(), {"Lamp": {"Level": 0, "Power": False}}))
    rude, other = cloud.add_nodes(2)
    request = user.ask_to_map(rude.id, "the secret")
    kind = kind.format(neighbour=device.id)
    node = simulate(rude, "--map", f"{user.id}:the secret", "--misbehave", kind, "--misbehave-for", str(SECONDS))
    node.expect("misbehaving", kinds=kind)
    until(lambda: user.mapping_status(request) == "confirmed", "mapped in spite of it") if kind != "truncate" else None

    number = 0
    while not happened(node, "misbehaved"):
        number += 1
        neighbour.live(number)
        # So that there is something to cut, to repeat and not to acknowledge.
        node.press(f"Light.Brightness={number % 100}")
        if kind == "never-ack":
            good(user.set(rude.id, {"Light": {"Hue": number % 360}}))
    began = time.monotonic()
    with Device(cloud, other) as fresh:
        fresh.report({"Lamp": {"Level": 1}})
    neighbour_comes_in = time.monotonic() - began

    told = node.expect("misbehaved", kinds=kind)
    figures = neighbour.figures() | {"packets against the rules": told["sent"], "acknowledged": told["acknowledged"]}
    for name, figure in figures.items():
        record_property(name, figure)
    print(kind, figures)
    assert max(neighbour.reports) < 1, f"{figures}: the neighbour would have sent it again"
    assert max(neighbour.settings) < 2, f"{figures}"
    assert neighbour_comes_in < 5, f"another node came in after {neighbour_comes_in:.1f} s"
    assert user.params(device.id)["Lamp"]["Power"] is False and "Light" not in user.params(device.id)

    if kind.startswith("storm"):
        assert told["sent"] > 500 * SECONDS and told["acknowledged"] > 0, figures
    if kind.startswith("foreign-topic") or kind == "big=1000000":
        assert happened(node, "disconnected") and told["acknowledged"] == 0, "the broker hangs up on that"
    if kind == "big=100000":
        assert not happened(node, "disconnected") and told["acknowledged"] > 0, figures
    if kind == "wild-subscribe":
        assert not [event for event in happened(node, "ignored") if "nothing is expected on" in event["why"]]
    if kind.startswith("half-open"):
        assert node.expect("half_opened")["opened"] == 200

    # It behaves again, and is served like any other.
    node.press("Light.Saturation=7")
    until(lambda: user.params(rude.id).get("Light", {}).get("Saturation") == 7, "the node is served again", seconds=30)
