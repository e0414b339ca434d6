"""A home network inside this machine: two network namespaces, joined by a cable, with nothing else on it. In
one runs the cloud, in the other are the board and the phone. Nothing leaves them, and both are gone at the end."""

import ipaddress
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .cloud import BINARY, LocalCloud
from .wait import until

SUPPORT = Path(__file__).parent


class HomeNetwork:
    """The cable and what is at its ends."""

    CLOUD, BOARD = "192.168.77.2", "192.168.77.3"

    def __init__(self, folder):
        self.names = [f"raincloud-{os.getpid()}-{end}" for end in ("cloud", "board")]
        self.hosts = folder / "hosts"
        self.hosts.write_text("127.0.0.1 localhost\n")
        if sys.platform != "linux" or not all(map(shutil.which, ("ip", "unshare"))):
            pytest.skip("network namespaces need Linux with the programs ip and unshare")
        made = self._ip("netns", "add", self.names[0], check=False)
        if made.returncode:
            pytest.skip(f"network namespaces are not permitted here: {made.stderr.strip()}")
        try:
            self._join()
        except BaseException:
            self.close()
            raise

    def _join(self):
        cloud, board = self.names
        self._ip("netns", "add", board)
        ends = [f"rc{os.getpid()}{end}" for end in "ab"]
        # Made inside, so this machine's own network never sees the cable.
        self._ip("-n", cloud, "link", "add", "eth0", "type", "veth", "peer", "name", ends[1])
        self._ip("-n", cloud, "link", "set", ends[1], "netns", board)
        self._ip("-n", board, "link", "set", ends[1], "name", "eth0")
        for name, address in ((cloud, self.CLOUD), (board, self.BOARD)):
            self._ip("-n", name, "address", "add", f"{address}/24", "dev", "eth0")
            for link in ("lo", "eth0"):
                self._ip("-n", name, "link", "set", link, "up")

    @staticmethod
    def _ip(*words, check=True):
        done = subprocess.run(["ip", *words], capture_output=True, text=True, timeout=20)
        assert not check or done.returncode == 0, f"ip {' '.join(words)}: {done.stderr}"
        return done

    def at_cloud(self, hostname):
        """What runs a program where the cloud is, on a machine of this name."""
        return self._at(self.names[0], hostname)

    def at_board(self, hostname="board"):
        """What runs a program where the board is. Names are what `resolve` has found."""
        return self._at(self.names[1], hostname, f'mount --bind "{self.hosts}" /etc/hosts && ')

    @staticmethod
    def _at(name, hostname, before=""):
        inside = f'{before}hostname "{hostname}" && exec "$@"'
        return ["ip", "netns", "exec", name, "unshare", "--uts", "--mount", "sh", "-c", inside, "sh"]

    def move_cloud(self, address):
        """Gives the cloud's machine another address, as a router does."""
        cloud = self.names[0]
        self._ip("-n", cloud, "address", "flush", "dev", "eth0", "scope", "global")
        self._ip("-n", cloud, "address", "add", f"{address}/24", "dev", "eth0")

    def ask(self, *words):
        """Asks something from the board's place; see `on_board.py`."""
        command = [*self.at_board(), sys.executable, SUPPORT / "on_board.py", *map(str, words)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def resolve(self, name):
        """Finds the name by multicast DNS as firmware does, and from then on programs there know it."""
        addresses = sorted({found for kind, found in self.ask("mdns", name, self.BOARD, "A") if kind == "A"})
        if addresses:
            ipaddress.ip_address(addresses[0])
            # The very file: it is mounted elsewhere.
            self.hosts.write_text(f"127.0.0.1 localhost\n{addresses[0]} {name}\n")
        return addresses

    def close(self):
        """Nothing stays."""
        for name in self.names:
            self._ip("netns", "delete", name, check=False)


class LanCloud(LocalCloud):
    """`raincloud serve --lan`, with its usual ports, on a machine of a home network."""

    def __init__(self, folder, prefix, *flags):
        super().__init__(folder, *flags)
        self.prefix = prefix
        self.said = None

    def start(self):
        """Starts it, and keeps what it says to programs."""
        out = self.folder / "said.json"
        with out.open("w") as to_out, self.log.open("ab") as to_log:
            command = [*self.prefix, BINARY, "serve", "--json", "--data", self.data, "--lan", *self.flags]
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=to_out, stderr=to_log, env=self.env, cwd=self.folder
            )

        def said():
            assert self.process.poll() is None, f"the cloud ended with {self.process.returncode}:\n{self.tail()}"
            return out.read_text().endswith("\n")

        until(said, "it says that it serves", seconds=30)
        self.said = json.loads(out.read_text())
        self.host = self.said["mqtt_host"]
        self.alpn_port, self.mqtts_port = self.said["https"], self.said["mqtts"]
        return self
