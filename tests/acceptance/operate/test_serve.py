"""`raincloud serve`: how it starts, what it says, and how it says that it cannot."""

import json
import re
import signal
import socket
import sqlite3
import subprocess
import time

import pytest
from support.cloud import BINARY, clean_environment
from support.device import Device, lamp
from support.ports import free_port
from support.user import good
from support.wait import until


@pytest.fixture
def serve(tmp_path):
    """Runs `serve` with these words and variables to its end."""

    def run(*words, env=None, seconds=15):
        command = [BINARY, "serve", *words]
        try:
            return subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=seconds,
                cwd=tmp_path,
                env={**clean_environment(), **(env or {})},
            )
        except subprocess.TimeoutExpired as error:
            raise AssertionError(f"it serves although it should not: {error.stdout} {error.stderr}") from None

    return run


@pytest.fixture
def started(tmp_path):
    """Starts `serve` with these words, waits until it has said what it says, and returns that and the process."""
    processes = []

    def start(*words, env=None):
        out, err = (tmp_path / f"{name}-{len(processes)}" for name in ("out", "err"))
        with out.open("w") as to_out, err.open("w") as to_err:
            process = subprocess.Popen(
                [BINARY, *words],
                stdin=subprocess.DEVNULL,
                stdout=to_out,
                stderr=to_err,
                cwd=tmp_path,
                env={**clean_environment(), **(env or {})},
            )
        processes.append((process, err))

        def said():
            assert process.poll() is None, f"it ended with {process.returncode}: {err.read_text()}"
            return out.read_text().endswith("\n")

        until(said, "it says that it serves", seconds=20)
        return out.read_text(), process

    yield start
    for process, err in processes:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0, err.read_text()


def ports():
    return ["--http", str(free_port()), "--https", str(free_port()), "--mqtts", str(free_port())]


def refused(done, *says):
    """Checks that the program said in one clear line why it does not serve."""
    assert done.returncode not in (0, None) and done.returncode > 0, f"exit code {done.returncode}: {done.stderr}"
    lines = done.stderr.splitlines()
    assert len(lines) == 1 and lines[0].strip(), f"one line was expected:\n{done.stderr}"
    assert done.stdout == "", done.stdout
    for word in says:
        assert str(word) in lines[0], f"{word!r} is not in: {lines[0]}"
    assert "panicked" not in done.stderr and "Error {" not in done.stderr


# What it says.


def test_the_first_start_says_where_everything_is_and_what_to_try(started, tmp_path):
    http, https, mqtts = (free_port() for _ in range(3))
    flags = ["--data", "cloud", "--http", str(http), "--https", str(https), "--mqtts", str(mqtts)]
    text, _ = started(*flags)
    for part in (
        f"http://localhost:{http}",
        f"https://localhost:{https}",
        f"mqtts://localhost:{mqtts}",
        str(tmp_path / "cloud/ca.crt"),
        str(tmp_path / "cloud"),
    ):
        assert part in text, f"{part} is missing:\n{text}"
    tries = [
        line.strip()
        for line in text.splitlines()
        if line.startswith("  ") and ("esp-rainmaker-cli" in line or str(BINARY) in line)
    ]
    assert len(tries) == 3, f"three commands to try:\n{text}"
    assert f"--base-url http://localhost:{http}" in tries[0]
    assert (tmp_path / "cloud/ca.crt").read_text().startswith("-----BEGIN CERTIFICATE-----")


def test_the_commands_to_try_work_as_they_are_printed(started, tmp_path):
    text, _ = started("--data", "cloud", *ports())
    added = next(line.strip() for line in text.splitlines() if "admin node add" in line)
    done = subprocess.run(added.split(), cwd=tmp_path, capture_output=True, text=True, timeout=30, env=clean_environment())
    assert done.returncode == 0, done.stderr
    assert "node --credentials" in done.stdout, done.stdout
    assert list((tmp_path / "nodes").glob("*/node.crt"))


def test_the_second_start_is_short(started, tmp_path):
    flags = ["--data", "cloud", *ports()]
    first, process = started(*flags)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    second, _ = started(*flags)
    assert "Try next" in first and "Try next" not in second
    assert flags[3] in second and len(second) < len(first)


def test_programs_get_one_json_object(started, tmp_path):
    text, _ = started("serve", "--json", "--data", "cloud", *ports())
    said = json.loads(text)
    assert said["event"] == "serving" and said["mqtt_host"] == "localhost"
    assert said["ca"] == str(tmp_path / "cloud/ca.crt") and said["data"] == str(tmp_path / "cloud")
    for name in ("http", "https", "mqtts"):
        socket.create_connection(("127.0.0.1", said[name]), timeout=5).close()


def test_port_0_takes_a_free_port_and_off_none(started):
    text, _ = started("serve", "--json", "--data", "cloud", "--http", "0", "--https", "off", "--mqtts", "0")
    said = json.loads(text)
    assert said["https"] is None and said["http"] > 1023 and said["mqtts"] > 1023
    socket.create_connection(("127.0.0.1", said["http"]), timeout=5).close()


def test_it_serves_soon(started):
    began = time.monotonic()
    started("--data", "cloud", *ports())
    assert time.monotonic() - began < 2, "a newcomer waits at most two seconds"


def test_the_first_host_is_what_nodes_are_told(new_cloud):
    cloud = new_cloud("--host", "iot.example.com", "--host", "192.0.2.7").start()
    assert good(cloud.http().get("/mqtt_host"))["mqtt_host"] == "iot.example.com"
    pem = cloud.data / "server.crt"
    names = subprocess.run(
        ["openssl", "x509", "-in", pem, "-noout", "-ext", "subjectAltName"], capture_output=True, text=True, timeout=10
    ).stdout
    for name in ("DNS:iot.example.com", "DNS:localhost", "192.0.2.7"):
        assert name in names, names


# Settings.


def test_a_flag_wins_over_a_variable_and_that_over_the_file(started, tmp_path):
    def shown(*flags, env=None):
        text, process = started("serve", "--json", "--data", "cloud", *ports(), *flags, env=env)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        return json.loads(text)["mqtt_host"]

    assert shown() == "localhost"
    (tmp_path / "raincloud.toml").write_text('host = "from-file.example"\n')
    assert shown() == "from-file.example"
    assert shown(env={"RAINCLOUD_HOST": "from-variable.example"}) == "from-variable.example"
    assert shown("--host", "from-flag.example", env={"RAINCLOUD_HOST": "from-variable.example"}) == "from-flag.example"
    (tmp_path / "other.toml").write_text('host = "from-other.example"\n')
    assert shown("--config", "other.toml") == "from-other.example"
    (tmp_path / "cloud/raincloud.toml").write_text('host = "from-data.example"\n')
    assert shown() == "from-data.example"


@pytest.mark.parametrize(
    "text, says",
    [
        ('http = "eighty"', "eighty"),
        ('hots = "x"', "did you mean `host`"),
        ("http = = 1", "line 1"),
        ("[http]\nport = 1", "http"),
        ("desired-seconds = -1", "-1"),
        ('bind = "here"', "here"),
        ('host = "a b"', "a b"),
        ("\xff", "raincloud.toml"),
    ],
)
def test_a_bad_settings_file_is_told_in_one_line(serve, tmp_path, text, says):
    (tmp_path / "raincloud.toml").write_bytes(text.encode("latin-1"))
    refused(serve("--data", "cloud", *ports()), "raincloud.toml", says)
    assert not (tmp_path / "cloud").exists(), "nothing is made before the settings are right"


def test_a_settings_file_that_is_named_must_be_there(serve):
    refused(serve("--config", "missing.toml", "--data", "cloud", *ports()), "missing.toml")


@pytest.mark.parametrize(
    "name, value",
    [
        ("RAINCLOUD_HTTP", "eighty"),
        ("RAINCLOUD_BIND", "here"),
        ("RAINCLOUD_LOG", "loud"),
        ("RAINCLOUD_DESIRED_SECONDS", "-1"),
        ("RAINCLOUD_MAX_NODES", "0"),
    ],
)
def test_a_bad_variable_is_told_in_one_line(serve, name, value):
    flag = "--" + name.removeprefix("RAINCLOUD_").lower().replace("_", "-")
    words = ports() if name != "RAINCLOUD_HTTP" else ports()[2:]
    refused(serve("--data", "cloud", *words, env={name: value}), value, flag)


@pytest.mark.parametrize(
    "flag, value",
    [
        ("--http", "eighty"),
        ("--https", "70000"),
        ("--bind", "here"),
        ("--host", "https://x"),
        ("--log", "loud"),
        ("--desired-seconds", "x"),
    ],
)
def test_a_bad_flag_is_told_in_one_line(serve, flag, value):
    refused(serve("--data", "cloud", flag, value), value, flag)


def test_an_unknown_flag_is_an_error(serve):
    done = serve("--htpp", "1")
    assert done.returncode > 0 and "--htpp" in done.stderr


# When it cannot.


@pytest.mark.parametrize("flag", ["--http", "--https", "--mqtts"])
def test_a_port_in_use_is_told_in_one_line(serve, tmp_path, flag):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        words = ports()
        words[words.index(flag) + 1] = str(port)
        refused(serve("--data", "cloud", *words), port, flag, "in use")


def test_a_second_server_on_the_same_ports_is_told_in_one_line(serve, new_cloud):
    cloud = new_cloud().start()
    refused(serve("--data", "other", *cloud.ports), cloud.http_port, "in use")
    good(cloud.http().get("/readyz"))


def test_a_second_server_on_the_same_data_is_told_in_one_line(serve, new_cloud):
    cloud = new_cloud().start()
    refused(serve("--data", str(cloud.data), *ports()), cloud.data)
    good(cloud.http().get("/readyz"))


def test_an_address_that_is_not_this_machines_is_told_in_one_line(serve):
    refused(serve("--data", "cloud", "--bind", "192.0.2.1", *ports()), "192.0.2.1", "--bind")


def test_a_data_folder_that_is_none_is_told_in_one_line(serve, tmp_path):
    (tmp_path / "cloud").write_text("a file")
    refused(serve("--data", "cloud", *ports()), "cloud")
    refused(serve("--data", "cloud/below", *ports()), "cloud/below")


def test_a_newer_schema_is_told_in_one_line_and_left_alone(serve, new_cloud, tmp_path):
    cloud = new_cloud().start()
    cloud.stop()
    path = cloud.data / "raincloud.db"
    database = sqlite3.connect(path)
    database.execute("PRAGMA user_version = 1000")
    database.close()
    before = path.read_bytes()
    refused(serve("--data", str(cloud.data), *ports()), "1000", "newer")
    assert path.read_bytes() == before


@pytest.mark.parametrize("name", ["raincloud.db", "ca.crt", "ca.key"])
def test_a_damaged_file_is_told_in_one_line(serve, new_cloud, name):
    cloud = new_cloud().start()
    cloud.stop()
    (cloud.data / name).write_bytes(b"this is not what it should be" * 100)
    refused(serve("--data", str(cloud.data), *ports()), name)


def test_a_lost_key_of_the_ca_is_told_in_one_line(serve, new_cloud):
    cloud = new_cloud().start()
    cloud.stop()
    (cloud.data / "ca.key").unlink()
    refused(serve("--data", str(cloud.data), *ports()), "ca.key")


def test_all_ports_off_is_told_in_one_line(serve):
    refused(serve("--data", "cloud", "--http", "off", "--https", "off", "--mqtts", "off"), "off")


# How it ends.


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_well_and_soon(started, how):
    _, process = started("--data", "cloud", *ports())
    began = time.monotonic()
    process.send_signal(how)
    assert process.wait(20) == 0
    assert time.monotonic() - began < 5


def test_open_connections_do_not_hold_up_the_end(new_cloud, user_of):
    cloud = new_cloud().start()
    user = user_of(cloud)
    devices = [Device(cloud, credentials).connect() for credentials in cloud.add_nodes(3)]
    idle = [socket.create_connection(("127.0.0.1", port)) for port in (cloud.http_port, cloud.alpn_port, cloud.mqtts_port)]
    good(user.get("/v1/user2"))
    began = time.monotonic()
    cloud.stop()
    assert time.monotonic() - began < 10
    for device in devices:
        device.wait_gone("the broker hangs up")
        device.close()
    for connection in idle:
        connection.close()


def test_secrets_are_for_the_owner_alone(new_cloud):
    cloud = new_cloud().start()
    cloud.add_nodes()
    for path in [
        cloud.data / "ca.key",
        cloud.data / "server.key",
        cloud.data / "raincloud.db",
        *cloud.folder.glob("nodes-*/*/node.key"),
    ]:
        assert path.stat().st_mode & 0o077 == 0, f"{path.name} can be read by others: {path.stat().st_mode:o}"


@pytest.mark.parametrize("how", ["text", "json"])
def test_secrets_are_at_no_level_of_the_log(new_cloud, user_of, how):
    cloud = new_cloud("--log", "trace", "--log-format", how).start()
    user = user_of(cloud)
    code = cloud.code(user.name)
    cloud.http().post("/v1/login2", json={"user_name": user.name, "password": "Wrong-1234"})
    cloud.http().post("/v1/user2", json={"user_name": user.name, "verification_code": "987654"})
    good(cloud.http().post("/v1/login2", json={"refreshtoken": user.tokens["refreshtoken"]}))
    cloud.http().get("/v1/user2", headers={"Authorization": "Bearer-of-nothing"})
    with Device(cloud, cloud.add_nodes()[0], username="a-user-name") as device:
        request = user.ask_to_map(device.id, "mapping-secret")
        device.ask_to_map(user.id, "mapping-secret")
        until(lambda: user.mapping_status(request) == "confirmed", "mapped")
        device.boot(lamp(), {"Lamp": {"Name": "what-a-node-says", "Power": False}})
        device.publish("config", "what-nobody-understands")
        good(user.set(device.id, {"Lamp": {"Mode": "party"}}))
        assert b"party" in device.receive_params()
    key = (cloud.data / "ca.key").read_text().splitlines()[1]
    cloud.stop()
    log = cloud.text()
    for level in ("ERROR", "WARN", "INFO", "DEBUG", "TRACE"):
        assert (level in log) == (level != "ERROR"), f"{level}: {cloud.tail()}"
    secrets = [user.password, "Wrong-1234", *user.tokens.values(), "Bearer-of-nothing", "mapping-secret", "a-user-name", key]
    for secret in [*secrets, "what-a-node-says", "what-nobody-understands", "party"]:
        assert secret not in log, secret
    for number in (code, "987654"):
        assert not re.search(rf"(?<![0-9a-zA-Z]){number}(?![0-9a-zA-Z])", log)
    if how == "json":
        lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
        assert {"timestamp", "level", "message", "target"} <= lines[0].keys(), lines[0]
        assert [line["message"] for line in lines if line["level"] == "INFO"] == [
            "serving",
            "stopping; a second signal ends at once",
            "stopped",
        ]
