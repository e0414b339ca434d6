"""Serves a local AWS: ministack, on loopback only, with authorization, holding nothing, until SIGTERM.

    .venv-aws/bin/python tests/emulator [--port 4566] [--mqtt-port 8883] [--region eu-west-1] [--follow]

Ports that are not given are picked. When it serves, it prints one line of JSON to standard output:

    {"endpoint": "http://127.0.0.1:4566", "mqtt_port": 8883, "region": "eu-west-1"}

The root user's access key is `test`, its secret is `test`. The log goes to standard error. With `--follow`
it also ends when its standard input does, that is with whoever started it. Each start is empty: state is in
memory, and what must be files is in a folder of its own, which goes at the end.
"""

import argparse
import json
import os
import signal
import socket
import sys
import tempfile
import threading
import time
import urllib.request


def main():
    parser = argparse.ArgumentParser(prog="emulator")
    parser.add_argument("--port", type=int, help="of the APIs")
    parser.add_argument("--mqtt-port", type=int, help="of MQTT with client certificates")
    parser.add_argument("--region", default="eu-west-1")
    parser.add_argument("--follow", action="store_true", help="end with standard input")
    options = parser.parse_args()
    port = options.port or free_port()
    mqtt_port = options.mqtt_port or free_port()

    endpoint = f"http://127.0.0.1:{port}"
    ready = {"endpoint": endpoint, "mqtt_port": mqtt_port, "region": options.region}
    # Whatever the emulator prints belongs to the log.
    out, sys.stdout = sys.stdout, sys.stderr
    with tempfile.TemporaryDirectory(prefix="raincloud-emulator-", ignore_cleanup_errors=True) as folder:
        set_environment(folder, port, mqtt_port, options.region)
        threading.Thread(target=announce, args=(out, ready), daemon=True).start()
        if options.follow:
            threading.Thread(target=follow, daemon=True).start()
        serve()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def set_environment(folder, port, mqtt_port, region):
    """Nothing but this: functions inherit it, and none may work by a variable that its template lacks."""
    kept = {name: os.environ[name] for name in ("HOME", "LANG", "PATH") if name in os.environ}
    os.environ.clear()
    os.environ.update(
        kept,
        AUTH="true",
        BIND_HOST="127.0.0.1",
        GATEWAY_PORT=str(port),
        # After so many seconds it sends once more what a node has not acknowledged; AWS does on a return, too.
        IOT_RETRANSMIT_SECONDS="5",
        IOT_MTLS_PORT=str(mqtt_port),
        LAMBDA_EXECUTOR="local",
        MINISTACK_REGION=region,
        SFTP_ENABLED="0",
        STATE_DIR=os.path.join(folder, "state"),
        TMPDIR=folder,
        # How functions find the emulator instead of AWS.
        AWS_ENDPOINT_URL=f"http://127.0.0.1:{port}",
    )
    tempfile.tempdir = folder


def announce(out, ready):
    """Tells that it serves once it does; ends it if it does not come to that."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            urllib.request.urlopen(ready["endpoint"] + "/_ministack/health", timeout=5).close()
            print(json.dumps(ready), file=out, flush=True)
            return
        except OSError:
            time.sleep(0.05)
    print("the emulator does not serve", file=sys.stderr, flush=True)
    os.kill(os.getpid(), signal.SIGTERM)


def follow():
    while sys.stdin.buffer.read(4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def serve():
    import shims

    for shim in shims.ALL:
        shim()
    from ministack.app import main as ministack

    sys.argv = ["ministack"]
    ministack()


main()
