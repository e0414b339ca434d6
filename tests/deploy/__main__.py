"""Deploys the cloud to a local AWS with the tools that deploy it to AWS, and tests what is there: `make deploy-test`.
The last line counts what passed."""

import json
import os
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as xml
from pathlib import Path

import owner
from emulator import Emulator
from front import Front
from owner import ROOT

HERE = ROOT / "tests/deploy"
ACCEPTANCE = ROOT / "tests/acceptance"
# The acceptance tests wait more than they compute, here too.
WORKERS = os.environ.get("WORKERS", "4")
# In this order; all but the acceptance tests are in this folder.
STEPS = {
    "a second deployment": [sys.executable, HERE / "test_update.py"],
    "the acceptance tests": [ROOT / ".venv/bin/python", ACCEPTANCE, "-n", WORKERS],
    "permissions, refusals, failures, presence": [
        sys.executable,
        *(HERE / f"test_{name}.py" for name in ("permissions", "refusals", "failures", "presence")),
    ],
    "removal": [sys.executable, HERE / "test_removal.py"],
}


def main():
    began, counts = time.monotonic(), {"passed": 0, "failed": 0, "skipped": 0}
    with tempfile.TemporaryDirectory(prefix="raincloud-deploy-") as folder:
        folder = Path(folder)
        emulator = Emulator(folder / "emulator.log")
        try:
            emulator.use()
            step("the first deployment")
            print(owner.script("deploy"))
            told = {
                "base": Front(emulator.endpoint, owner.outputs("base")["ApiId"]).base,
                "endpoint": emulator.endpoint,
                "mqtt_host": "localhost",
                "mqtt_port": emulator.mqtt_port,
                "admin": owner.ADMIN,
                "password": owner.first_password(),
            }
            deployed = folder / "deployed.json"
            deployed.write_text(json.dumps(told))
            os.environ["RAINCLOUD_DEPLOYED"] = str(deployed)
            for name, command in STEPS.items():
                step(name)
                add(counts, run(command, folder / "report.xml"))
        finally:
            emulator.close()
        for gap in emulator.gaps():
            print(gap)
            counts["failed"] += 1
    result = ", ".join(f"{number} {what}" for what, number in counts.items())
    print(f"\ndeploy-test: {result} in {time.monotonic() - began:.0f} s")
    sys.exit(counts["failed"] > 0 or counts["passed"] == 0)


def step(name):
    print(f"\n=== {name}", flush=True)


def run(command, report):
    """Runs tests with pytest; the result is how many passed, failed and were skipped."""
    python, *tests = command
    report.unlink(missing_ok=True)
    status = subprocess.run([python, "-m", "pytest", "-q", "--junitxml", report, *tests], cwd=ROOT).returncode
    if not report.exists():
        return {"failed": 1}
    suite = xml.parse(report).getroot().find("testsuite")
    total, failures, errors, skipped = (int(suite.get(name)) for name in ("tests", "failures", "errors", "skipped"))
    failed = failures + errors or int(status != 0)
    return {"passed": total - failures - errors - skipped, "failed": failed, "skipped": skipped}


def add(counts, more):
    for what, number in more.items():
        counts[what] += number


main()
