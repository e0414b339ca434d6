"""MQTT 3.1.1 byte by byte, for what a proper client does not do: chosen packet ids, repeats, bytes that
arrive late or not at all."""

import json
import socket

from .device import Refused


def _text(value):
    data = value.encode() if isinstance(value, str) else value
    return len(data).to_bytes(2, "big") + data


def packet(kind, body):
    """A packet with its length in front."""
    length, head = len(body), bytearray([kind])
    while True:
        length, digit = divmod(length, 128)
        head.append(digit | (128 if length else 0))
        if not length:
            return bytes(head) + body


def connect(client_id, username=None, keep_alive=120, clean=True):
    """CONNECT; a user name comes without a password, as the firmware sends it."""
    flags = (2 if clean else 0) | (128 if username else 0)
    body = _text("MQTT") + bytes([4, flags]) + keep_alive.to_bytes(2, "big") + _text(client_id)
    return packet(0x10, body + (_text(username) if username else b""))


def publish(topic, payload, packet_id, dup=False, qos=1):
    """PUBLISH that asks for an acknowledgement."""
    return packet(0x30 | (8 if dup else 0) | (qos << 1), _text(topic) + packet_id.to_bytes(2, "big") + payload)


class Wire:
    """A TLS connection as a node on which packets are written by hand."""

    def __init__(self, cloud, credentials, *, client_id=None, username=None, keep_alive=120, alpn=None, port=None):
        self.cloud = cloud
        self.id = credentials.id if client_id is None else client_id
        context = cloud.tls(credentials)
        if alpn:
            context.set_alpn_protocols(alpn)
        raw = socket.create_connection((cloud.host, port or cloud.mqtts_port), timeout=15)
        self.socket = raw
        try:
            self.socket = context.wrap_socket(raw, server_hostname=cloud.host)
            self.send(connect(self.id, username, keep_alive))
            kind, body = self.read()
        except (EOFError, OSError) as error:
            self.socket.close()
            raise Refused(str(error)) from error
        assert kind == 0x20, f"CONNACK expected: {kind:#x} {body.hex()}"
        if body[1]:
            self.socket.close()
            raise Refused(f"return code {body[1]}")

    def send(self, data):
        """Writes bytes."""
        self.socket.sendall(data)

    def _exactly(self, count):
        data = b""
        while len(data) < count:
            more = self.socket.recv(count - len(data))
            if not more:
                raise EOFError("the broker hung up")
            data += more
        return data

    def read(self):
        """The next packet: its first byte and its body."""
        kind, length, shift = self._exactly(1)[0], 0, 0
        while True:
            digit = self._exactly(1)[0]
            length |= (digit & 127) << shift
            shift += 7
            if digit < 128:
                return kind, self._exactly(length)

    def acknowledged(self):
        """Reads a PUBACK and returns its packet id."""
        kind, body = self.read()
        assert kind == 0x40, f"PUBACK expected: {kind:#x} {body.hex()}"
        return int.from_bytes(body, "big")

    def publish(self, suffix, payload, packet_id=1, dup=False):
        """Publishes on one of the node's own topics and waits for the acknowledgement."""
        payload = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        self.send(publish(f"node/{self.id}/{suffix}", payload, packet_id, dup))
        is_id = self.acknowledged()
        assert is_id == packet_id, f"PUBACK of {is_id} instead of {packet_id}"
        self.cloud.caught_up()

    def wait_gone(self):
        """Waits until the broker ends the connection; another packet instead is wrong."""
        try:
            kind, body = self.read()
        except TimeoutError:
            raise AssertionError("the broker did not hang up") from None
        except (EOFError, OSError):
            return
        raise AssertionError(f"the broker answered instead of hanging up: {kind:#x} {body.hex()}")

    def close(self):
        """Says goodbye."""
        try:
            self.send(bytes([0xE0, 0]))
        finally:
            self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
