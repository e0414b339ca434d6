"""The simulated node that comes with the program, read through what it prints for programs."""

import json
import signal
import subprocess
import threading

from .cloud import BINARY
from .wait import until


class Simulated:
    """`raincloud node --json`."""

    def __init__(self, cloud, credentials, *flags, alpn=False, bare=False, prefix=()):
        self.id = credentials.id
        self.events = []
        self._seen = 0
        port = cloud.alpn_port if alpn else cloud.mqtts_port
        command = [*prefix, BINARY, "node", "--credentials", credentials.folder, "--port", str(port), "--json", *flags]
        if not bare:
            command += [
                "--host",
                cloud.host,
                "--ca",
                cloud.ca,
                "--stdin",
                "--reconnect-seconds",
                "1",
                *(["--alpn"] if alpn else []),
            ]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=cloud.env
        )
        self.errors = []
        self._readers = [
            threading.Thread(target=self._read, daemon=True),
            threading.Thread(target=self._read_errors, daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.events.append(json.loads(line))

    def _read_errors(self):
        self.errors.extend(self.process.stderr)

    def _told(self):
        lines = [json.dumps(event) for event in self.events[-15:]]
        return f"{self.id}; its last events:\n" + "\n".join(lines) + "".join(self.errors[-5:])

    def expect(self, event, seconds=20, **fields):
        """The next event of this name with these values; those before it are passed over."""

        def fits(candidate):
            return candidate["event"] == event and all(candidate.get(name) == value for name, value in fields.items())

        def find():
            for index in range(self._seen, len(self.events)):
                if fits(self.events[index]):
                    self._seen = index + 1
                    return self.events[index]
            assert self.process.poll() is None, f"the node ended with {self.process.returncode}: {self._told()}"
            return None

        try:
            return until(find, f"event {event} {fields} of the simulated node", seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self._told()}") from None

    def up(self):
        """Waits until it has told everything that it tells after it came up."""
        self.expect("connected")
        self.expect("subscribed", filter=f"node/{self.id}/otaurl", granted=True)
        return self

    def press(self, line):
        """Works a button: a line such as `Light.Power=true`."""
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def cut(self):
        """Ends it like a power cut."""
        self.process.kill()
        self._finish()

    def close(self):
        """Ends it, and checks that it ends well."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self._finish()
        assert self.process.returncode in (0, -signal.SIGKILL), f"ended with {self.process.returncode}: {self._told()}"

    def _finish(self):
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"the simulated node did not end within 15 s of SIGTERM: {self._told()}") from None
        finally:
            for reader in self._readers:
                reader.join(5)
            for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
                stream.close()
