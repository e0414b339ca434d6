"""What an operator sees at `/metrics`."""

import ssl
import time

import pytest
import requests
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from support.cloud import Http
from support.device import Device, Refused, lamp
from support.ports import free_port
from support.user import failed, good
from support.wait import settled, until


class Metrics:
    """A scrape, as Prometheus understands it."""

    def __init__(self, port):
        answer = Http(f"http://127.0.0.1:{port}").get("/metrics")
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("application/openmetrics-text")
        self.text = answer.text
        self.families = list(text_string_to_metric_families(self.text))
        self.samples = [sample for family in self.families for sample in family.samples]

    def __call__(self, name, **labels):
        """The sum of the samples of this name with these labels."""
        return sum(sample.value for sample in self.samples if sample.name == name and labels.items() <= sample.labels.items())


@pytest.fixture
def measured(new_cloud):
    """A cloud with metrics, and what scrapes it."""
    port = free_port()
    cloud = new_cloud("--metrics", str(port)).start()
    return cloud, lambda: Metrics(port)


def test_what_happens_is_counted_and_nobody_is_named(measured, user_of):
    cloud, scrape = measured
    before = scrape()
    user = user_of(cloud)
    good_one, revoked = cloud.add_nodes(2)
    cloud.revoke(revoked.id)
    with Device(cloud, good_one) as device:
        user.map(device)
        device.boot(lamp(), {"Lamp": {"Power": False}})
        for number in range(5):
            device.report({"Lamp": {"Level": number}})
        device.publish("params/local/some-group", {"Lamp": {"Level": 9}})
        device.publish("config", "no config")
        device.publish(f"whatever/{device.id}", "x")
        good(user.set(device.id, {"Lamp": {"Power": True}}))
        device.receive_params()
        settled(lambda: scrape()("raincloud_nodes_connected"), 1, "the node is counted")
    with pytest.raises(Refused):
        Device(cloud, revoked).connect()
    with pytest.raises(Refused):
        Device(cloud, good_one, client_id="another").connect()
    failed(user.get("/v1/user/nodes", params={"node_id": "x/y"}), 400, 100_010)
    assert cloud.http().get(f"/v1/{good_one.id}").status_code == 404
    until(lambda: scrape()("raincloud_mqtt_disconnected_total", reason="client_disconnected") == 1, "the disconnect is counted")
    after = scrape()

    def more(name, **labels):
        return after(f"raincloud_{name}", **labels) - before(f"raincloud_{name}", **labels)

    assert after("raincloud_build_info") == 1
    assert after("raincloud_nodes_connected") == 0
    assert more("messages_in_total", suffix="params/local", outcome="handled") == 5
    assert more("messages_in_total", suffix="params/local/", outcome="handled") == 1
    assert more("messages_in_total", suffix="config", outcome="handled") == 2
    assert more("messages_in_total", suffix="other", outcome="handled") == 1
    assert more("unparsable_messages_total") == 1
    assert more("log_events_total", level="warn") >= 1
    assert more("log_events_total", level="error") == 0
    assert more("message_ack_seconds_count") == more("messages_in_total") == more("mqtt_publishes_total", direction="in")
    assert more("messages_out_total", suffix="params/remote", outcome="sent") == 1
    assert more("mqtt_accepted_total") == 1
    assert more("node_events_total", event="connected", outcome="handled") == 1
    assert more("mqtt_refused_total", reason="not_authorized") == 1
    assert more("tls_handshakes_total", outcome="revoked_certificate") == 1
    assert more("tls_handshakes_total", outcome="ok") == 2
    assert more("http_requests_total", route="/v1/user2", method="POST", status="2xx") == 2
    assert more("http_requests_total", route="other", method="GET", status="4xx") == 1
    assert more("http_request_seconds_count", route="/v1/user/nodes", method="GET") == more(
        "http_requests_total", route="/v1/user/nodes", method="GET"
    )
    assert more("mails_total", outcome="sent") == 1
    assert more("database_transactions_total", outcome="committed") > 0
    assert more("database_transaction_batches_sum") == more("storage_calls_total", call="write") > 0
    assert more("storage_calls_total", call="get") > 0
    assert after("process_resident_memory_bytes") > 1_000_000
    assert 0 < after("process_open_fds") < after("process_max_fds")
    assert abs(after("process_start_time_seconds") - time.time()) < 120
    assert after("raincloud_certificate_expiry_timestamp_seconds", certificate="server") > time.time() + 86_400

    # Connected nodes are few, so any of these would be found.
    for secret in (good_one.id, revoked.id, user.name, user.id, user.access, "some-group", "another", "127.0.0.1"):
        assert secret not in after.text, secret


def test_the_age_of_the_backup_is_seen(measured):
    cloud, scrape = measured
    assert "last_backup" not in scrape().text
    cloud.run("backup", "--data", cloud.data, "--to", cloud.folder)
    assert abs(scrape()("raincloud_last_backup_timestamp_seconds") - time.time()) < 60


def test_nothing_else_is_served_there_and_it_is_served_nowhere_else(measured):
    cloud, scrape = measured
    scrape()
    port = next(flag for flag in cloud.flags if flag.isdigit())
    for method, path in [("GET", "/"), ("GET", "/v1/user2"), ("POST", "/metrics"), ("GET", "/metrics/x"), ("GET", "/healthz")]:
        answer = Http(f"http://127.0.0.1:{port}").request(method, path)
        assert (answer.status_code, answer.text) == (404, ""), (method, path)
    assert cloud.http().get("/metrics").status_code == 404


def test_without_the_setting_there_is_none(cloud):
    assert cloud.http().get("/metrics").status_code == 404


def test_scanners_and_full_houses_are_seen(new_cloud):
    port = free_port()
    cloud = new_cloud("--metrics", f"127.0.0.1:{port}", "--max-http", "1").start()
    with pytest.raises((requests.ConnectionError, ssl.SSLError)):
        Http(f"https://localhost:{cloud.mqtts_port}", cloud.ca).get("/")
    first = cloud.http()
    assert first.get("/healthz").status_code == 200
    with pytest.raises(requests.ConnectionError):
        cloud.http().get("/healthz")
    seen = Metrics(port)
    assert seen("raincloud_connections_total", kind="http", outcome="full") == 1
    assert seen("raincloud_tls_handshakes_total", outcome="no_certificate") + seen("raincloud_tls_handshakes_total", outcome="incompatible") == 1
