"""A cloud in an AWS account, or in what stands in for one: `tests/deploy` says where, in a file of JSON."""

import itertools
import json
import re
import subprocess
from pathlib import Path

import pytest
import requests

from .cloud import BINARY, Cloud, Credentials, LocalCloud, clean_environment
from .wait import until


class DeployedCloud(Cloud):
    """Administered from afar, as its owner does. What only a cloud on this machine has skips the test that asks
    for it."""

    def __init__(self, told, folder):
        self.told = json.loads(Path(told).read_text())
        self.folder = folder
        self.base = self.told["base"]
        self.host = self.told["mqtt_host"]
        # AWS listens for both on one more port; the emulator on this one alone.
        self.mqtts_port = self.alpn_port = self.told["mqtt_port"]
        self.ca = folder / "ca.crt"
        self.ca.write_text(requests.get(f"{self.told['endpoint']}/_ministack/iot/ca.pem", timeout=10).text)
        self.env = clean_environment()
        self._folders = itertools.count()

    def __getattr__(self, name):
        if name in ("data", "log", "flags", "process", "http_port", "secure_base") or hasattr(LocalCloud, name):
            pytest.skip(f"only a cloud on this machine has {name}")
        raise AttributeError(name)

    def run(self, *command, timeout=60, check=True, env=None):
        """Runs the program with a command that needs no data folder."""
        if "--data" in command:
            pytest.skip("only a cloud on this machine has a data folder")
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

    def caught_up(self):
        """AWS acknowledges first, and calls functions then."""
        requests.get(f"{self.told['endpoint']}/_ministack/handled", timeout=30)

    def _administer(self, *command):
        where = ["--url", self.base, "--user", self.told["admin"]]
        return self.run("admin", *command, *where, timeout=300, env={"RAINCLOUD_PASSWORD": self.told["password"]})

    def add_nodes(self, count=1, key=None):
        out = self.folder / f"nodes-{next(self._folders)}"
        more = ["--key", key] if key else []
        self._administer("node", "add", "--out", out, "--count", str(count), *more, "--json")
        folders = sorted(child for child in out.iterdir() if child.is_dir())
        assert len(folders) == count, f"{count} nodes were asked for: {[folder.name for folder in folders]}"
        return [Credentials(folder.name, folder) for folder in folders]

    def revoke(self, node_id):
        self._administer("node", "revoke", node_id)

    def letters(self, address):
        """The texts of all letters to this address, the newest last."""
        told = requests.get(f"{self.told['endpoint']}/_ministack/ses/messages", timeout=10).json()["messages"]
        every = [letter for letters in told.values() for letter in letters]
        return [letter["BodyText"] for letter in every if address.lower() in map(str.lower, letter["To"])]

    def code(self, address):
        letters = until(lambda: self.letters(address), f"a letter to {address}")
        return re.findall(r"\bis (\d{6})\b", letters[-1])[-1]

    def has_mail(self, address):
        """Is there a code for this address yet?"""
        return bool(self.letters(address))
