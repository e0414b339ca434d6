"""A local AWS that lives as long as this process."""

import json
import os
import subprocess
import sys

from owner import ROOT


class Emulator:
    """`tests/emulator`, with its log in a file."""

    def __init__(self, log):
        self.log = log
        with log.open("wb") as out:
            command = [sys.executable, ROOT / "tests/emulator", "--follow"]
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=out)
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"the emulator did not start:\n{log.read_text()}")
        told = json.loads(line)
        self.endpoint, self.mqtt_port, self.region = told["endpoint"], told["mqtt_port"], told["region"]

    def use(self):
        """From now on AWS's tools in this process and its children come here, and find nothing of this machine's
        owner."""
        for name in [name for name in os.environ if name.startswith(("AWS_", "SAM_", "RAINCLOUD_"))]:
            del os.environ[name]
        os.environ.update(
            AWS_ENDPOINT_URL=self.endpoint,
            AWS_DEFAULT_REGION=self.region,
            AWS_REGION=self.region,
            AWS_ACCESS_KEY_ID="test",
            AWS_SECRET_ACCESS_KEY="test",
            AWS_CONFIG_FILE=os.devnull,
            AWS_SHARED_CREDENTIALS_FILE=os.devnull,
            SAM_CLI_TELEMETRY="0",
            SAM_CLI_POLL_DELAY="1",
        )

    def gaps(self):
        """Where it was asked for what it can't do, which it says in its log alone."""
        return [line for line in self.log.read_text(errors="replace").splitlines() if "not implemented by" in line]

    def close(self):
        """Ends it."""
        self.process.stdin.close()
        self.process.wait(30)
