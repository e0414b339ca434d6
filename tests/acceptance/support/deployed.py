"""A cloud in an AWS account, or in what stands in for one: `tests/deploy` says where, in a file of JSON."""

import json
import re
from pathlib import Path

import pytest
import requests

from .cloud import Cloud, LocalCloud
from .wait import until


class DeployedCloud(Cloud):
    """Administered from afar, as its owner does. What only a cloud on this machine has skips the test that asks
    for it."""

    def __init__(self, told, folder):
        super().__init__(folder)
        self.told = json.loads(Path(told).read_text())
        self.base = self.told["base"]
        self.host = self.told["mqtt_host"]
        # AWS listens for both on one more port; the emulator on this one alone.
        self.mqtts_port = self.alpn_port = self.told["mqtt_port"]
        self.ca = folder / "ca.crt"
        self.ca.write_text(requests.get(f"{self.told['endpoint']}/_ministack/iot/ca.pem", timeout=10).text)

    def __getattr__(self, name):
        if name in ("data", "log", "flags", "process", "http_port", "secure_base") or hasattr(LocalCloud, name):
            pytest.skip(f"only a cloud on this machine has {name}")
        raise AttributeError(name)

    def run(self, *command, **more):
        if "--data" in command:
            pytest.skip("only a cloud on this machine has a data folder")
        return super().run(*command, **more)

    def administer(self, *command):
        where = ["--url", self.base, "--user", self.told["admin"]]
        return self.run("admin", *command, *where, timeout=300, env={"RAINCLOUD_PASSWORD": self.told["password"]})

    def caught_up(self):
        """AWS acknowledges first, and calls functions then."""
        requests.get(f"{self.told['endpoint']}/_ministack/handled", timeout=30)

    def letters(self, address):
        """The texts of all letters to this address, the newest last."""
        told = requests.get(f"{self.told['endpoint']}/_ministack/ses/messages", timeout=10).json()["messages"]
        every = [letter for letters in told.values() for letter in letters]
        return [letter["BodyText"] for letter in every if address.lower() in map(str.lower, letter["To"])]

    def code(self, address):
        letters = until(lambda: self.letters(address), f"a letter to {address}")
        return re.findall(r"\bis (\d{6})\b", letters[-1])[-1]

    def has_mail(self, address):
        return bool(self.letters(address))
