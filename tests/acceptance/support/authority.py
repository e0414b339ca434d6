"""A CA of the tests' own, and Pebble, the ACME server that Let's Encrypt tests clients with (Debian: `pebble`)."""

import datetime
import ipaddress
import json
import os
import shutil
import socket
import ssl
import subprocess
import urllib.request

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from .ports import free_port
from .wait import until


class TestCa:
    """Signs certificates for servers."""

    __test__ = False

    def __init__(self, folder, name="A CA for tests"):
        self.folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        ca = self._builder(self._name, self._key).add_extension(x509.BasicConstraints(True, None), critical=True)
        self._certificate = ca.sign(self._key, hashes.SHA256())
        self.file = folder / "test-ca.pem"
        self.file.write_bytes(self._certificate.public_bytes(serialization.Encoding.PEM))

    def _builder(self, subject, key):
        now = datetime.datetime.now(datetime.timezone.utc)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )

    def issue(self, cert, key, *names):
        """Writes a new key and its certificate for these names and addresses."""

        def general(name):
            try:
                return x509.IPAddress(ipaddress.ip_address(name))
            except ValueError:
                return x509.DNSName(name)

        private = ec.generate_private_key(ec.SECP256R1())
        builder = self._builder(x509.Name([]), private)
        builder = builder.add_extension(x509.SubjectAlternativeName([general(name) for name in names]), critical=True)
        issued = builder.sign(self._key, hashes.SHA256())
        key.write_bytes(
            private.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        cert.write_bytes(issued.public_bytes(serialization.Encoding.PEM))


class Pebble:
    """A running authority. It looks at `localhost`, on the ports it is told, whose the name is."""

    def __init__(self, folder, http_port, tls_port, seconds):
        program = shutil.which("pebble")
        if not program:
            pytest.skip("the ACME server `pebble` is not installed (Debian: apt-get install pebble)")
        folder.mkdir()
        ca = TestCa(folder)
        cert, key = folder / "pebble.crt", folder / "pebble.key"
        ca.issue(cert, key, "localhost", "127.0.0.1")
        self.ca = ca.file
        port, self._management = free_port(), free_port()
        self.directory = f"https://localhost:{port}/dir"
        settings = {
            "listenAddress": f"127.0.0.1:{port}",
            "managementListenAddress": f"127.0.0.1:{self._management}",
            "certificate": str(cert),
            "privateKey": str(key),
            "httpPort": http_port,
            "tlsPort": tls_port,
            "certificateValidityPeriod": seconds,
        }
        config = folder / "pebble.json"
        config.write_text(json.dumps({"pebble": settings}))
        self.log, self._port, self._program, self._config = folder / "pebble.log", port, program, config
        self.start()

    def start(self):
        """Starts it. It has forgotten everything, its own key, too."""
        # No pause before it looks, and each order is proved anew; every twentieth nonce is refused, as it
        # does by itself.
        env = {**os.environ, "PEBBLE_VA_NOSLEEP": "1", "PEBBLE_AUTHZREUSE": "0"}
        with self.log.open("a") as log:
            command = [self._program, "-config", self._config]
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=env, cwd=self._config.parent)
        until(lambda: self._answers(self._port), "the ACME server listens")
        self.root = self._config.parent / "root.pem"
        self.root.write_bytes(self._get("roots/0"))

    def _answers(self, port):
        assert self.process.poll() is None, self.log.read_text()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    def _get(self, path):
        context = ssl.create_default_context(cafile=self.ca)
        with urllib.request.urlopen(f"https://localhost:{self._management}/{path}", context=context, timeout=10) as answer:
            return answer.read()

    def flags(self, challenge):
        """What makes a cloud order from it."""
        return [
            "--acme-domain",
            "localhost",
            "--acme-agree",
            "--acme-email",
            "owner@example.com",
            "--acme-directory",
            self.directory,
            "--acme-ca",
            str(self.ca),
            "--acme-challenge",
            challenge,
        ]

    def close(self):
        """Ends it."""
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(10)


def shown(port, name="localhost", trust=None, host="127.0.0.1"):
    """The certificate that is shown to who asks for this name; it must be good for it if there is a CA to trust."""
    context = ssl.create_default_context(cafile=trust)
    if trust is None:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection((host, port), timeout=10) as plain, context.wrap_socket(plain, server_hostname=name) as tls:
        return x509.load_der_x509_certificate(tls.getpeercert(binary_form=True))


def issuer(certificate):
    """The common name of who signed it."""
    return certificate.issuer.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value
