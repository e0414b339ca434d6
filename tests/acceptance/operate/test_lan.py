"""`raincloud serve --lan`: a board and a phone elsewhere on the network find the cloud, trust it and work."""

import pytest
from support.cli import Cli
from support.network import HomeNetwork, LanCloud
from support.simulated import Simulated
from support.wait import until


@pytest.fixture
def network(tmp_path):
    """A home network of the test's own."""
    network = HomeNetwork(tmp_path)
    yield network
    network.close()


@pytest.fixture
def lan_cloud(network, tmp_path):
    """Starts clouds on the network."""
    clouds = []

    def start(prefix=None, *flags):
        cloud = LanCloud(tmp_path / f"cloud-{len(clouds)}", prefix or network.at_cloud("Box.home"), *flags)
        clouds.append(cloud)
        return cloud.start()

    yield start
    for cloud in clouds:
        try:
            cloud.close()
        finally:
            print(cloud.text())


def test_a_board_and_a_phone_find_trust_and_use_the_cloud(network, lan_cloud, tmp_path):
    cloud = lan_cloud()
    said = cloud.said
    assert said["mqtt_host"] == "box.local"
    assert said["lan"] == {"name": "box.local", "announced": "here", "addresses": [network.CLOUD]}
    assert said["urls"] == ["http://box.local:8080", "https://box.local:8443"]
    assert "CONFIG_ESP_RMAKER_MQTT_PORT_8883=y" in said["firmware"]
    assert f'CONFIG_MBEDTLS_CUSTOM_CERTIFICATE_BUNDLE_PATH="{cloud.ca}"' in said["firmware"]

    # Found as firmware and apps look for it.
    assert network.resolve("box.local") == [network.CLOUD]
    for service, port in (("http", 8080), ("https", 8443), ("secure-mqtt", 8883)):
        found = network.ask("mdns", f"_{service}._tcp.local", network.BOARD, "PTR")
        assert ["PTR", f"Raincloud on box._{service}._tcp.local"] in found, found
        assert ["SRV", f"box.local:{port}"] in found, found

    # Trusted by name and by address, on both ports.
    for port in (8443, 8883):
        for name in ("box.local", network.CLOUD):
            assert {"box.local", "localhost", network.CLOUD} <= set(network.ask("tls", name, network.CLOUD, port, cloud.ca))
    assert network.ask("http", "https://box.local:8443/mqtt_host", cloud.ca)["mqtt_host"] == "box.local"

    # The phone: the unmodified command line. The board: a node that knows no more than its flash says.
    cli = Cli(cloud, tmp_path / "phone")
    cli.prefix = network.at_board("phone")
    cli.trust(cloud.ca)
    cli.use("https://box.local:8443")
    cli.sign_up("owner@example.com")
    cli.log_in("owner@example.com")
    credentials = cloud.add_nodes()[0]
    assert (credentials.folder / "endpoint.info").read_text() == "box.local"
    mapping = cli.begin_mapping(credentials.id)

    def start(*flags):
        return Simulated(cloud, credentials, "--stdin", *flags, bare=True, prefix=network.at_board())

    node = start("--map", f"{mapping.user_id}:{mapping.secret}")
    try:
        node.expect("connected")
        assert "confirmed" in mapping.finish().lower()
        cli.good("setparams", credentials.id, "--data", '{"Light":{"Power":true}}')
        node.expect("set", device="Light", param="Power", value=True, by="remote")
        node.expect("published", acknowledged=True, payload='{"Light":{"Power":true}}')
        assert cli.json("getparams", credentials.id)["Light"]["Power"] is True
    finally:
        node.close()

    # The router gives the machine another address; the cloud goes on.
    network.move_cloud("192.168.77.9")
    until(lambda: network.resolve("box.local") == ["192.168.77.9"], "the name leads to the new address", seconds=60)
    until(lambda: "the server has a new certificate" in cloud.text(), "a new certificate", seconds=30)
    for name in ("box.local", "192.168.77.9"):
        names = network.ask("tls", name, "192.168.77.9", 8883, cloud.ca)
        assert network.CLOUD not in names, names
    node = start()
    try:
        node.expect("connected")
        cli.good("setparams", credentials.id, "--data", '{"Light":{"Power":false}}')
        node.expect("set", device="Light", param="Power", value=False, by="remote")
    finally:
        node.close()


def test_a_name_that_is_taken_breaks_nothing(network, lan_cloud):
    first = lan_cloud()
    # Another program of the same machine is as good.
    ports = ["--http", "9080", "--https", "9443", "--mqtts", "9883"]
    second = lan_cloud(None, *ports)
    assert second.said["lan"]["announced"] == "by_this_machine"
    assert second.said["mqtt_host"] == "box.local"
    assert second.said["firmware"] is None, "firmware comes to no such port"
    # Another machine is not: its address is what nodes are told.
    third = lan_cloud(network.at_board("box"))
    assert third.said["lan"]["announced"] == "by_another_machine"
    assert third.said["mqtt_host"] == network.BOARD
    assert "box.local" not in network.ask("tls", network.BOARD, network.BOARD, 8443, third.ca)
    assert network.resolve("box.local") == [network.CLOUD]
    assert first.process.poll() is None


def test_a_name_of_the_owners_comes_first(network, lan_cloud):
    cloud = lan_cloud(None, "--host", "cloud.example.com")
    assert cloud.said["mqtt_host"] == "cloud.example.com"
    names = network.ask("tls", "cloud.example.com", network.CLOUD, 8443, cloud.ca)
    assert {"cloud.example.com", "box.local", network.CLOUD} <= set(names)
