"""A node of which tests decide every message: paho over mutual TLS."""

import json
import queue
import socket
import ssl
import threading

import paho.mqtt.client as mqtt

from .wait import until

ALPN = "x-amzn-mqtt-ca"
# What the firmware sends: a name, and no password.
USERNAME = "?Platform=APN3|A0|RM|EX00|RMDev|1x0|240AC4AABBCC"


class Refused(Exception):
    """There was no connection: by TLS, by the broker's answer, or by its silence."""


class Dropped(Exception):
    """The broker ended the connection."""


class Device:
    """One connection as a node."""

    def __init__(
        self,
        cloud,
        credentials,
        *,
        client_id=None,
        alpn=False,
        tls=None,
        version=mqtt.MQTTv311,
        username=USERNAME,
        will=None,
        keep_alive=120,
    ):
        self.cloud = cloud
        self.credentials = credentials
        self.id = client_id or credentials.id
        self.messages = queue.Queue()
        self.acknowledged = set()
        self.granted = {}
        self.connected = None
        self.gone = threading.Event()
        clean = {"clean_session": True} if version != mqtt.MQTTv5 else {}
        self.client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2, client_id=self.id, protocol=version, reconnect_on_failure=False, **clean
        )
        context = cloud.tls(credentials) if tls is None else tls
        if alpn:
            context.set_alpn_protocols([ALPN])
        self.port = cloud.alpn_port if alpn else cloud.mqtts_port
        self.client.tls_set_context(context)
        if username is not None:
            self.client.username_pw_set(username)
        self.client.max_inflight_messages_set(1000)
        if will:
            self.client.will_set(will[0], will[1], qos=1)
        self.keep_alive = keep_alive
        self.client.on_connect = lambda _, __, ___, reason, ____: setattr(self, "connected", not reason.is_failure)
        self.client.on_disconnect = lambda *_: self.gone.set()
        self.client.on_message = lambda _, __, message: self.messages.put(message)
        self.client.on_publish = lambda _, __, mid, *___: self.acknowledged.add(mid)
        self.client.on_subscribe = lambda _, __, mid, codes, ___: self.granted.update({mid: codes})

    # The connection.

    def connect(self):
        """Connects, or raises `Refused`."""
        try:
            self.client.connect(self.cloud.host, self.port, self.keep_alive)
        except (OSError, ssl.SSLError) as error:
            raise Refused(str(error)) from error
        self.client.loop_start()
        until(lambda: self.connected is not None or self.gone.is_set(), f"an answer to CONNECT of {self.id}")
        if not self.connected:
            self.close()
            raise Refused("the broker refused the client" if self.connected is False else "the broker ended the connection")
        self.cloud.caught_up()
        return self

    def close(self):
        """Says goodbye, as before a reset of the network."""
        self.client.disconnect()
        self.client.loop_stop()

    def drop(self):
        """Ends the TCP connection without a word, as at a power cut."""
        self.client.socket().shutdown(socket.SHUT_RDWR)
        self.gone.wait(10)
        self.client.loop_stop()

    def wait_gone(self, what, seconds=15):
        """Waits until the broker ends the connection."""
        until(self.gone.is_set, what, seconds)

    def __enter__(self):
        return self if self.connected else self.connect()

    def __exit__(self, *_):
        self.close()

    # Messages.

    def topic(self, suffix):
        """The topic of the node's own."""
        return f"node/{self.id}/{suffix}"

    def publish(self, suffix, payload, *, topic=None, qos=1, wait=True):
        """Publishes and waits for the acknowledgement; raises `Dropped` if the broker hangs up instead."""
        if not isinstance(payload, (str, bytes)):
            payload = json.dumps(payload, separators=(",", ":"), ensure_ascii=False)
        info = self.client.publish(topic or self.topic(suffix), payload, qos=qos)
        if not wait:
            return info.mid
        until(
            lambda: info.mid in self.acknowledged or self.gone.is_set(), f"an acknowledgement of {topic or suffix} from {self.id}"
        )
        if info.mid not in self.acknowledged:
            raise Dropped(f"the broker hung up on a message to {topic or suffix}")
        self.cloud.caught_up()
        return info.mid

    def subscribe(self, topic, qos=1):
        """Subscribes, and says whether the broker granted it."""
        _, mid = self.client.subscribe(topic, qos)
        until(lambda: mid in self.granted or self.gone.is_set(), f"an answer to SUBSCRIBE {topic} from {self.id}")
        if mid not in self.granted:
            raise Dropped(f"the broker hung up on a subscription to {topic}")
        return not self.granted[mid][0].is_failure

    def receive(self, what="a message", seconds=15):
        """The next message, as topic and bytes."""
        try:
            message = self.messages.get(timeout=seconds)
        except queue.Empty:
            raise AssertionError(f"{self.id} did not receive {what} within {seconds} s") from None
        assert not message.retain, f"retained: {message.topic}"
        return message.topic, message.payload

    def receive_params(self, seconds=15):
        """The next params that the cloud wants, as bytes."""
        topic, payload = self.receive("params", seconds)
        assert topic == self.topic("params/remote"), f"another topic: {topic} {payload!r}"
        return payload

    def received_nothing(self):
        """Is there no message so far? Only worth asking after something that would have come later."""
        return self.messages.empty()

    # What nodes say.

    def boot(self, config=None, params=None):
        """What a node says after it came up, as far as a test needs it."""
        if config is not None:
            self.publish("config", {"node_id": self.id, "config_version": "2020-03-20", **config})
        assert self.subscribe(self.topic("params/remote")), "a node may read its own params/remote"
        if params is not None:
            self.publish("params/local/init", params)
        return self

    def report(self, params):
        """Reports params as changed."""
        return self.publish("params/local", params)

    def ask_to_map(self, user_id, secret, reset=False):
        """The node's half of a mapping."""
        half = {"node_id": self.id, "user_id": user_id, "secret_key": secret, **({"reset": True} if reset else {})}
        return self.publish("user/mapping", half)


def param(name, data_type, properties=("read", "write"), **more):
    """A param in a config."""
    return {"name": name, "data_type": data_type, "properties": list(properties), **more}


def config(devices, services=()):
    """A config with these components: pairs of name and params."""

    def components(kind, pairs):
        return [{"name": name, "type": f"esp.{kind}.other", "params": list(params)} for name, params in pairs]

    info = {
        "name": "Test node",
        "fw_version": "1.0",
        "type": "Test",
        "model": "test",
        "project_name": "test",
        "platform": "esp32",
    }
    return {"info": info, "devices": components("device", devices), "services": components("service", services)}


def lamp():
    """The config of a lamp with a param of every kind."""
    return config(
        [
            (
                "Lamp",
                [
                    param("Name", "string"),
                    param("Power", "bool"),
                    param("Level", "int", bounds={"min": 0, "max": 100, "step": 1}),
                    param("Warmth", "float", bounds={"min": -0.5, "max": 40.5}),
                    param("Mode", "string", valid_strs=["calm", "party"]),
                    param("Shape", "object"),
                    param("Lux", "float", ["read", "time_series"]),
                ],
            )
        ],
        [
            ("Schedule", [param("Schedules", "array", bounds={"max": 2})]),
            ("OTA", [param("Status", "string", ["read"]), param("URL", "string", ["write"])]),
            ("Auth", [param("UserToken", "string", ["write"]), param("BaseURL", "string")]),
            ("Connectivity", [param("Connected", "bool", ["read"])]),
        ],
    )
