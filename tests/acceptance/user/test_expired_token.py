"""Tokens that end. Nobody waits an hour for that: the test signs tokens itself with the cloud's own key,
which it takes from the stopped cloud's database."""

import base64
import json
import sqlite3
import time

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_private_key
from support.user import failed, good


def signing_key(cloud):
    """The key, from wherever it is among the files of the data folder."""
    for path in cloud.data.rglob("*"):
        if path.is_file() and path.read_bytes()[:15] == b"SQLite format 3":
            with sqlite3.connect(path) as database:
                row = database.execute(
                    "SELECT fields FROM record WHERE tbl = 'identity' AND partition = 'keys' AND sort = 'signing'"
                ).fetchone()
            database.close()
            if row:
                return load_der_private_key(base64.b64decode(json.loads(row[0])["pkcs8"]["bytes"]), None)
    raise AssertionError("the signing key was not found")


def encoded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decoded(segment):
    return json.loads(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))


def signed(key, head, claims):
    message = f"{encoded(json.dumps(head).encode())}.{encoded(json.dumps(claims).encode())}"
    r, s = decode_dss_signature(key.sign(message.encode(), ec.ECDSA(SHA256())))
    return f"{message}.{encoded(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def test_a_token_is_refused_after_its_end(new_cloud, user_of):
    cloud = new_cloud().start()
    user = user_of(cloud)
    head, payload, _ = user.access.split(".")
    head, claims = decoded(head), decoded(payload)
    cloud.stop()
    key = signing_key(cloud)
    cloud.start()

    def answer(**changes):
        token = signed(key, head, {**claims, **changes})
        return cloud.http().get("/v1/user2", headers={"Authorization": token})

    now = int(time.time())
    assert good(answer())["user_name"] == user.name, "the control: a token signed here is taken"
    good(answer(exp=now + 60))
    failed(answer(exp=now - 1), 401, 100_047)
    failed(answer(exp=0), 401, 100_047)
    failed(answer(iss="somebody else"), 401, 100_047)
    failed(answer(token_use="id"), 401, 100_047)
