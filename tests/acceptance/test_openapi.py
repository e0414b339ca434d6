"""`GET /openapi.json`: what the running cloud answers is what it says that it answers."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from support.cloud import clean_environment
from support.device import lamp
from support.user import User, good

PROGRAM = Path(sys.executable).parent / "schemathesis"
# No server error, nothing but what is described, and no private answer without a token.
CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "unsupported_method",
    "ignored_auth",
]


@pytest.fixture
def hold(new_cloud, new_device, tmp_path):
    """Holds a cloud against its document, as somebody with a node, or as nobody; returns the report."""
    # Its requests come from one address, and would soon be refused all alike.
    cloud = new_cloud("--attempts-per-minute", "0").start()
    user = User(cloud).sign_up().log_in()
    device = new_device(cloud=cloud)
    user.map(device)
    device.boot(lamp(), {"Lamp": {"Power": False, "Warmth": 1.5}})

    def hold(*flags):
        config, report = tmp_path / "schemathesis.toml", tmp_path / "report.json"
        config.write_text(f'[parameters]\n"query.node_id" = "{device.id}"\n')
        program = [PROGRAM, "--config-file", config, "run", f"{cloud.base}/openapi.json", "--checks", ",".join(CHECKS)]
        how = ["--phases", "examples,coverage,fuzzing", "--max-examples", "15", "--seed", "1", "--no-shrink", "--warnings", "off"]
        told = ["--report", "json", "--report-json-path", report]
        done = subprocess.run(
            [*program, *how, *told, *flags], capture_output=True, text=True, timeout=180, cwd=tmp_path, env=clean_environment()
        )
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
        return json.loads(report.read_text())

    return cloud, user, hold


@pytest.mark.parametrize("who", ["somebody", "nobody"])
def test_every_answer_is_one_that_is_described(hold, who):
    cloud, user, hold = hold
    paths = good(cloud.http().get("/openapi.json"))["paths"]
    report = hold(*(["--header", f"Authorization:{user.access}"] if who == "somebody" else []))
    # All but the one that brought the document.
    assert report["operations"]["tested"] == sum(len(methods) for methods in paths.values()) - 1, report["operations"]
    assert report["test_cases"]["generated"] > 10 * report["operations"]["tested"], report["test_cases"]
