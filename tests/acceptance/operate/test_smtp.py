"""Letters go out by SMTP: with TLS and a login, later if the mail server is away, and never twice for nothing."""

import email
import ssl
import threading
from email.header import decode_header, make_header

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from support.ports import free_port
from support.user import PASSWORD
from support.wait import until

SENDER = "Cloud <cloud@example.org>"


class Post:
    """Keeps what arrives; refuses addresses that begin with `gone`."""

    def __init__(self):
        self.letters, self.logins, self.lock = [], [], threading.Lock()

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("gone"):
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        with self.lock:
            self.letters.append((envelope.rcpt_tos, email.message_from_bytes(envelope.content)))
        return "250 OK"

    def authenticate(self, server, session, envelope, mechanism, login):
        self.logins.append((login.login.decode(), login.password.decode()))
        return AuthResult(success=login.password == b"s3cret/word")

    def code_for(self, address):
        for to, letter in reversed(self.letters):
            if to == [address]:
                words = letter.get_payload(decode=True).decode().split()
                return next(word.strip(".") for word in words if word.strip(".").isdigit() and len(word.strip(".")) == 6)
        return None


def serve(post, port, **more):
    controller = Controller(post, hostname="127.0.0.1", port=port, **more)
    controller.start()
    return controller


def sign_up(cloud, address):
    answer = cloud.http().post("/v1/user2", json={"user_name": address, "password": PASSWORD})
    assert answer.status_code == 201, answer.text


def test_a_letter_arrives_with_the_code_that_confirms(new_cloud):
    post, port = Post(), free_port()
    controller = serve(post, port)
    try:
        cloud = new_cloud("--smtp", f"smtp://127.0.0.1:{port}", "--mail-from", SENDER).start()
        sign_up(cloud, "ann@example.org")
        until(lambda: post.code_for("ann@example.org"), "the letter arrives")
        _, letter = post.letters[0]
        assert letter["From"] == SENDER and letter["To"] == "ann@example.org"
        assert str(make_header(decode_header(letter["Subject"]))) == "Your confirmation code"
        code = post.code_for("ann@example.org")
        confirmed = cloud.http().post("/v1/user2", json={"user_name": "ann@example.org", "verification_code": code})
        assert confirmed.status_code == 201, confirmed.text
        # Nothing is left on disk, and the mailbox folder has no part in it.
        until(lambda: not list((cloud.data / "outbox").glob("*.txt")), "the outbox is empty")
        assert not (cloud.data / "mailbox").exists()
    finally:
        controller.stop()


def test_letters_wait_for_a_mail_server_that_is_away_also_across_a_restart(new_cloud):
    post, port = Post(), free_port()
    cloud = new_cloud("--smtp", f"smtp://127.0.0.1:{port}", "--mail-from", SENDER).start()
    for name in ("one", "gone", "two"):
        sign_up(cloud, f"{name}@example.org")
    until(lambda: "letters wait for the mail server" in cloud.text(), "the cloud notices")
    cloud.kill()
    assert len(list((cloud.data / "outbox").glob("*.txt"))) == 3
    controller = serve(post, port)
    try:
        cloud.start()
        until(lambda: post.code_for("two@example.org"), "the second letter arrives", seconds=20)
        assert [to for to, _ in post.letters] == [["one@example.org"], ["two@example.org"]]
        until(lambda: not list((cloud.data / "outbox").glob("*.txt")), "the refused one is given up")
        assert "a letter could not be delivered and is given up" in cloud.text()
        assert post.code_for("one@example.org") not in cloud.text()
    finally:
        controller.stop()


@pytest.fixture
def certificate(new_cloud, cloud, tmp_path):
    """A certificate for localhost that the test's cloud trusts: the shared cloud's own."""
    return cloud.data / "server.crt", cloud.data / "server.key", cloud.ca


def test_with_tls_and_a_login(new_cloud, certificate):
    crt, key, ca = certificate
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(crt, key)
    post, port = Post(), free_port()
    options = {"tls_context": context, "require_starttls": True, "authenticator": post.authenticate, "auth_required": True}
    controller = serve(post, port, **options)
    try:
        url = f"smtp://cloud:s3cret%2Fword@localhost:{port}?tls=required"
        env = {"RAINCLOUD_SMTP": url, "SSL_CERT_FILE": str(ca)}
        cloud = new_cloud("--mail-from", SENDER, env=env).start()
        sign_up(cloud, "ann@example.org")
        until(lambda: post.code_for("ann@example.org"), "the letter arrives")
        assert post.logins == [("cloud", "s3cret/word")]
        assert "s3cret" not in cloud.text()
    finally:
        controller.stop()


@pytest.mark.parametrize(
    ("flags", "why"),
    [
        (("--smtp", "smtps://localhost"), "--mail-from"),
        (("--smtp", "smtp://mail.example.org", "--mail-from", SENDER), "in the clear"),
        (("--smtp", "smtps://localhost", "--mail-from", "nobody"), "no e-mail address"),
    ],
)
def test_wrong_settings_are_named_at_the_start(new_cloud, flags, why):
    cloud = new_cloud()
    done = cloud.run("serve", "--data", str(cloud.data), *cloud.ports, *flags, check=False)
    assert done.returncode != 0 and why in done.stderr, done.stderr
