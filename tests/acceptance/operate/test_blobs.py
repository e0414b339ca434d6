"""Signed URLs of blobs. What the cloud signs them with lies in the data folder, so that the owner can sign too."""

import base64
import hashlib
import hmac
import socket
import ssl
import time

import pytest
import requests
from support.user import failed

CONTENT = bytes(range(251)) * 100_000


def signed(cloud, method, name, most=0, seconds=60):
    """The path and the query of a URL, signed as the program's sources say."""
    expires = int(time.time()) + seconds
    text = f"{method}\n{name}\n{expires}\n{most}"
    signature = hmac.digest((cloud.data / "blobs.key").read_bytes(), text.encode(), hashlib.sha256)
    return f"/blobs/{name}?expires={expires}&most={most}&signature={base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def upload(http, path, content=CONTENT, **more):
    answer = http.put(path, data=content, **more)
    assert (answer.status_code, answer.content) == (200, b""), answer.text


def names(cloud):
    folder = cloud.data / "blobs"
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_an_image_goes_up_comes_down_and_outlives_a_restart_and_a_backup(new_cloud):
    cloud = new_cloud().start()
    assert (cloud.data / "blobs.key").stat().st_mode & 0o777 == 0o600
    http = cloud.http()
    http.base, http.verify = cloud.secure_base, str(cloud.ca)
    upload(http, signed(cloud, "PUT", "image/a", len(CONTENT)), headers={"Content-Type": "application/octet-stream"})
    down = signed(cloud, "GET", "image/a", seconds=600)
    assert http.get(down).content == CONTENT
    assert http.head(down).headers["content-length"] == str(len(CONTENT))
    # As a node that was interrupted.
    rest = http.get(down, headers={"Range": "bytes=25000000-"})
    assert (rest.status_code, rest.content) == (206, CONTENT[25_000_000:])
    assert rest.headers["content-range"] == f"bytes 25000000-{len(CONTENT) - 1}/{len(CONTENT)}"
    to = cloud.folder / "backup.tar"
    cloud.run("backup", "--data", cloud.data, "--to", to)
    cloud.stop()
    assert cloud.start().http().get(down).content == CONTENT, "the URL is good also by HTTP and after a restart"

    again = new_cloud()
    again.run("restore", "--from", to, "--data", again.data)
    assert again.start().http().get(down).content == CONTENT, "and where the backup was restored"
    assert (again.data / "blobs/image+a.blob").stat().st_mode & 0o777 == 0o600


def test_what_is_not_allowed_is_refused_and_nothing_is_kept(new_cloud):
    cloud = new_cloud().start()
    http = cloud.http()
    failed(http.put("/blobs/image/a", data=b"x"), 403, 100004)
    failed(http.put(signed(cloud, "PUT", "image/a", 9, seconds=-1), data=b"x"), 403, 100004)
    failed(http.put(signed(cloud, "GET", "image/a"), data=b"x"), 403, 100004)
    failed(http.get(signed(cloud, "PUT", "image/a", 9)), 403, 100004)
    failed(http.get(signed(cloud, "GET", "../ca.key")), 404, 100012)
    failed(http.get(signed(cloud, "GET", "..%2fca.key")), 403, 100004)
    failed(http.put(signed(cloud, "PUT", "image/a", 4), data=b"12345"), 413, 100036)
    failed(http.put(signed(cloud, "PUT", "image/a", 4), data=iter([b"123", b"45"])), 413, 100036)
    failed(http.get(signed(cloud, "GET", "image/a")), 404, 100012)
    assert names(cloud) == []


def test_a_large_upload_may_take_longer_than_a_request_and_a_stalled_one_not(new_cloud):
    cloud = new_cloud().start()

    def slowly():
        for _ in range(36):
            yield bytes(20_000)
            time.sleep(1)

    stalled = socket.create_connection(("127.0.0.1", cloud.http_port), timeout=60)
    path = signed(cloud, "PUT", "image/b", 1_000_000)
    stalled.sendall(f"PUT {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n".encode() + bytes(1000))
    begun = time.monotonic()
    upload(cloud.http(), signed(cloud, "PUT", "image/a", 1_000_000), slowly(), timeout=60)
    assert time.monotonic() - begun > 35
    assert stalled.recv(100).startswith(b"HTTP/1.1 408 ")
    stalled.close()
    assert names(cloud) == ["image+a.blob"]
