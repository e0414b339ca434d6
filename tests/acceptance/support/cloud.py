"""The cloud under test. All that tests know of where it runs and how nodes get their credentials is behind
`Cloud`; a deployment elsewhere is another subclass."""

import itertools
import json
import os
import re
import signal
import ssl
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import requests

from .ports import free_port
from .wait import until

ROOT = Path(__file__).resolve().parents[3]
BINARY = Path(os.environ.get("RAINCLOUD_BIN", ROOT / "target/debug/raincloud")).resolve()

# Each client gets an address of its own, so that limits by address meet only those tests that mean them.
_ADDRESSES = (f"127.{a}.{b}.{c}" for a in range(10, 250) for b in range(250) for c in range(1, 250))


class _FromAddress(requests.adapters.HTTPAdapter):
    def __init__(self, address):
        self.address = address
        super().__init__()

    def init_poolmanager(self, *args, **more):
        super().init_poolmanager(*args, source_address=(self.address, 0), **more)


class Http(requests.Session):
    """A client of the REST API that knows its base and waits no longer than real clients do."""

    def __init__(self, base, ca=None):
        super().__init__()
        self.base = base
        self.trust_env = False
        self.verify = str(ca) if ca else True
        if sys.platform == "linux":
            # Only there all of 127.0.0.0/8 is this machine.
            adapter = _FromAddress(next(_ADDRESSES))
            self.mount("http://", adapter)
            self.mount("https://", adapter)

    def request(self, method, path, **more):
        return super().request(method, self.base + path, **{"timeout": 10, **more})


@dataclass(frozen=True)
class Credentials:
    """What a node gets in its factory."""

    id: str
    folder: Path

    @property
    def certificate(self):
        return self.folder / "node.crt"

    @property
    def key(self):
        return self.folder / "node.key"


class Cloud:
    """Where a cloud is, and what its owner can do. `base` and `secure_base` are the API's URLs, `host`,
    `mqtts_port` and `alpn_port` the broker's places, `ca` the file with the CA that all trust."""

    base: str
    secure_base: str
    host: str
    mqtts_port: int
    alpn_port: int
    ca: Path

    def __init__(self, folder, env=None):
        self.folder = Path(folder).resolve()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.env = {**clean_environment(), **(env or {})}
        self._folders = itertools.count()

    def run(self, *command, timeout=60, check=True, env=None):
        """Runs the program with a command, to its end."""
        done = subprocess.run(
            [BINARY, *command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            env={**self.env, **(env or {})},
            cwd=self.folder,
        )
        assert not check or done.returncode == 0, (
            f"{' '.join(map(str, command))} -> {done.returncode}\n{done.stdout}\n{done.stderr}"
        )
        return done

    def administer(self, *command):
        """Runs `raincloud admin` as its owner."""
        raise NotImplementedError

    def http(self):
        """A new client of the REST API."""
        return Http(self.base)

    def mqtt_host(self):
        """Where it says that nodes connect, which need not be where tests do."""
        return self.http().get("/mqtt_host").json()["mqtt_host"]

    def tls(self, credentials=None, version=None):
        """What a client needs to speak TLS with it."""
        context = ssl.create_default_context(cafile=self.ca)
        if version:
            context.minimum_version = context.maximum_version = version
        if credentials:
            context.load_cert_chain(credentials.certificate, credentials.key)
        return context

    def caught_up(self):
        """Returns when everything has been handled that nodes were acknowledged: here at once."""

    def code(self, address):
        """The newest code that was sent to this address."""
        raise NotImplementedError

    def has_mail(self, address):
        """Is there a code for this address yet?"""
        raise NotImplementedError

    def add_nodes(self, count=1, key=None):
        """Makes and registers nodes."""
        out = self.folder / f"nodes-{next(self._folders)}"
        more = ["--key", key] if key else []
        self.administer("node", "add", "--out", out, "--count", str(count), *more, "--json")
        folders = sorted(child for child in out.iterdir() if child.is_dir())
        assert len(folders) == count, f"{count} nodes were asked for: {[folder.name for folder in folders]}"
        return [Credentials(folder.name, folder) for folder in folders]

    def revoke(self, node_id):
        """Makes the node's certificate worthless."""
        self.administer("node", "revoke", node_id)


class LocalCloud(Cloud):
    """`raincloud serve` on this machine, with a data folder of its own."""

    def __init__(self, folder, *flags, env=None):
        assert BINARY.is_file(), f"{BINARY} is missing: cargo build, or set RAINCLOUD_BIN"
        super().__init__(folder, env)
        self.data = self.folder / "data"
        self.log = self.folder / "serve.log"
        self.flags = flags
        self.host = "localhost"
        self.http_port, self.alpn_port, self.mqtts_port = (free_port() for _ in range(3))
        self.base = f"http://127.0.0.1:{self.http_port}"
        self.secure_base = f"https://localhost:{self.alpn_port}"
        self.ca = self.data / "ca.crt"
        self.process = None

    @property
    def ports(self):
        """The flags that say where it listens."""
        return ["--http", str(self.http_port), "--https", str(self.alpn_port), "--mqtts", str(self.mqtts_port)]

    def start(self):
        """Starts it and waits until it serves."""
        assert self.process is None, "it runs already"
        out = self.log.open("ab")
        command = [BINARY, "serve", "--data", self.data, *self.ports, *self.flags]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=self.env, cwd=self.folder)
        out.close()
        until(self._ready, f"the cloud serves; its log:\n{self.tail()}", seconds=30, every=0.02)
        return self

    def _ready(self):
        assert self.process.poll() is None, f"the cloud ended with {self.process.returncode}:\n{self.tail()}"
        try:
            return Http(self.base).get("/readyz", timeout=2).status_code == 200
        except requests.ConnectionError:
            return False

    def stop(self):
        """Ends it as a service manager does, and checks that it ends well."""
        status = self._end(signal.SIGTERM)
        assert status == 0, f"SIGTERM ended the cloud with {status}:\n{self.tail()}"

    def kill(self):
        """Ends it in the middle of whatever it does."""
        self._end(signal.SIGKILL)

    def _end(self, how):
        process, self.process = self.process, None
        process.send_signal(how)
        try:
            return process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"the cloud did not end within 30 s of {how.name}:\n{self.tail()}") from None

    def close(self):
        """For the end of a test: ends what runs, and finds panics."""
        if self.process is not None:
            assert self.process.poll() is None, f"the cloud ended by itself with {self.process.returncode}:\n{self.tail()}"
            self.stop()
        panics = [line for line in self.text().splitlines() if "panicked" in line]
        assert not panics, f"the cloud panicked: {panics}"

    def text(self):
        """What it has logged so far."""
        return re.sub(r"\x1b\[[0-9;]*m", "", self.log.read_text(errors="replace")) if self.log.exists() else ""

    def tail(self):
        """The end of that."""
        return "\n".join(self.text().splitlines()[-40:])

    def administer(self, *command):
        return self.run("admin", *command, "--data", self.data, timeout=300)

    def code(self, address):
        done = self.run("mailbox", "--data", self.data, "--code", address)
        code = done.stdout.strip()
        assert code.isdigit() and done.stdout.count("\n") == 1, f"only the code was expected: {done.stdout!r}"
        return code

    def has_mail(self, address):
        return self.run("mailbox", "--data", self.data, "--code", address, check=False).returncode == 0


def clean_environment():
    """This process's variables without those that would change what is under test."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("RAINCLOUD_", "RM_", "RMAKER_")) and "proxy" not in name.lower()
    }


def objects(text):
    """JSON that a program printed: one value over several lines, or one a line."""
    text = text.strip()
    try:
        value = json.loads(text)
        return value if isinstance(value, list) else [value]
    except json.JSONDecodeError:
        return [json.loads(line) for line in text.splitlines()]


def now_ms():
    """The time as the API tells it."""
    return int(time.time() * 1000)
