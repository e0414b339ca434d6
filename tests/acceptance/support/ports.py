"""Free ports below those that systems hand out by themselves, in a range of its own for each worker."""

import itertools
import os
import socket

_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_NEXT = itertools.count(20_000 + 1_000 * (_WORKER % 10) + 3 * (os.getpid() % 100))


def free_port():
    """A port that nobody listens on."""
    for port in _NEXT:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
