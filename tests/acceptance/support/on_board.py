"""What a board or a phone does on a home network, as a program of its own, because it runs in another network
namespace. Prints JSON.

    on_board.py mdns NAME ADDRESS A|PTR     one question by multicast DNS, from ADDRESS
    on_board.py tls NAME ADDRESS PORT CA    names and addresses in the certificate that is shown there
    on_board.py http URL CA                 a GET
"""

import json
import random
import socket
import ssl
import struct
import sys
import urllib.request

TYPES = {"A": 1, "PTR": 12}


def mdns(name, address, kind):
    """Asks once, from a port of its own, and takes what comes back to it: a legacy unicast query (RFC 6762 §6.7),
    which is what lwIP sends for names in `.local`. Pairs of type and data."""
    number = random.randrange(1 << 16)
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    question = struct.pack(">6H", number, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">2H", TYPES[kind], 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(address))
        sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 255)
        sender.settimeout(1)
        for _ in range(4):
            sender.sendto(question, ("224.0.0.251", 5353))
            try:
                answer, _ = sender.recvfrom(9000)
            except TimeoutError:
                continue
            # Like any DNS client it takes only what repeats its number.
            if struct.unpack(">H", answer[:2])[0] == number:
                return list(records(answer))
    return []


def records(message):
    """Type and data of each record, of the kinds that are asked for here."""
    _, _, questions, *counts = struct.unpack(">6H", message[:12])
    at = 12
    for _ in range(questions):
        at = read_name(message, at)[1] + 4
    for _ in range(sum(counts)):
        at = read_name(message, at)[1]
        kind, _, _, length = struct.unpack(">HHIH", message[at : at + 10])
        at += 10
        if kind == TYPES["A"]:
            yield "A", socket.inet_ntoa(message[at : at + 4])
        elif kind == TYPES["PTR"]:
            yield "PTR", read_name(message, at)[0]
        elif kind == 33:
            port = struct.unpack(">H", message[at + 4 : at + 6])[0]
            yield "SRV", f"{read_name(message, at + 6)[0]}:{port}"
        at += length


def read_name(message, at):
    """A name, and where it ends."""
    labels, end = [], None
    while length := message[at]:
        if length >= 0xC0:
            end = end or at + 2
            at = struct.unpack(">H", message[at : at + 2])[0] & 0x3FFF
        else:
            labels.append(message[at + 1 : at + 1 + length].decode())
            at += 1 + length
    return ".".join(labels), end or at + 1


def tls(name, address, port, ca):
    """The certificate must be good for the name, which may be the address."""
    context = ssl.create_default_context(cafile=ca)
    with socket.create_connection((address, int(port)), timeout=10) as plain, context.wrap_socket(plain, server_hostname=name) as tls:
        return [value for _, value in tls.getpeercert()["subjectAltName"]]


def http(url, ca):
    """The JSON that is there."""
    with urllib.request.urlopen(url, context=ssl.create_default_context(cafile=ca), timeout=10) as answer:
        return json.load(answer)


if __name__ == "__main__":
    print(json.dumps({"mdns": mdns, "tls": tls, "http": http}[sys.argv[1]](*sys.argv[2:])))
