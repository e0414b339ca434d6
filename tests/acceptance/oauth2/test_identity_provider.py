"""Signing in by accounts elsewhere: at an OpenID Connect provider that somebody else has written, and at
another cloud of ours, which is one too."""

import subprocess
import sys

import pytest
import requests
from support.browser import Browser, params
from support.cloud import Http, LocalCloud, clean_environment
from support.ports import free_port
from support.user import User, claims_of, good, new_address
from support.wait import until

BACK = "http://localhost:9999/"


class Provider:
    """`oidc-provider-mock`: signs in whom it is told to."""

    def __init__(self, folder):
        self.port = free_port()
        self.issuer = f"http://127.0.0.1:{self.port}"
        self.log = (folder / "provider.log").open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "oidc_provider_mock", "--port", str(self.port), "--require-nonce"],
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
            env=clean_environment(),
        )
        until(self._ready, "the provider serves", seconds=30)

    def _ready(self):
        try:
            return Http(self.issuer).get("/.well-known/openid-configuration").ok
        except requests.ConnectionError:
            return False

    def knows(self, subject, **claims):
        """What it says of a person from now on."""
        assert Http(self.issuer).put(f"/users/{subject}", json=claims).status_code == 204

    def close(self):
        self.process.terminate()
        self.process.wait(10)
        self.log.close()


@pytest.fixture(scope="module")
def provider(tmp_path_factory):
    provider = Provider(tmp_path_factory.mktemp("provider"))
    yield provider
    provider.close()


def start_with(folder, settings):
    """A cloud whose settings may name its own address."""
    folder.mkdir(parents=True, exist_ok=True)
    cloud = LocalCloud(folder, "--config", str(folder / "settings.toml"))
    (folder / "settings.toml").write_text(f'public-url = "{cloud.base}"\n{settings}')
    return cloud.start()


def provider_table(name, issuer, client, secret):
    return (
        f'[[identity-provider]]\ntype = "oidc"\nname = "{name}"\nlabel = "Somebody"\nissuer = "{issuer}"\n'
        f'client-id = "{client}"\nsecret = "{secret}"\n'
    )


@pytest.fixture(scope="module")
def home(provider, tmp_path_factory):
    """A cloud where people sign in at the provider."""
    cloud = start_with(tmp_path_factory.mktemp("home"), provider_table("Elsewhere", provider.issuer, "raincloud", "hush"))
    yield cloud
    cloud.close()


def leave(cloud):
    """A browser on its way to the provider."""
    browser = Browser()
    asked = {"client_id": "raincloud", "redirect_uri": BACK, "response_type": "code", "state": "st", "nonce": "n1"}
    browser.request("GET", f"{cloud.base}/authorize", params=asked)
    browser.open(browser.link("Continue with Somebody"))
    return browser


def sign_in(cloud, subject):
    """Where the client is sent by a person who signs in at the provider."""
    browser = leave(cloud)
    browser.request("POST", browser.follow(), data={"sub": subject})
    browser.open(browser.follow())
    return browser.follow()


def tokens_of(cloud, to):
    assert to.startswith(f"{BACK}?code=") and params(to)["state"] == "st", to
    asked = {"grant_type": "authorization_code", "client_id": "raincloud", "code": params(to)["code"], "redirect_uri": BACK}
    return good(cloud.http().post("/oauth2/token", data=asked))


def test_a_person_signs_in_and_is_the_same_person_next_time(home, provider):
    address = new_address()
    provider.knows("p1", email=address, email_verified=True)
    tokens = tokens_of(home, sign_in(home, "p1"))
    first = claims_of(tokens["id_token"])
    assert first["email"] == address and first["nonce"] == "n1" and first["iss"] == home.base
    user = good(home.http().get("/v1/user2", headers={"Authorization": tokens["access_token"]}))
    assert user["user_id"] == first["custom:user_id"]
    provider.knows("p1", email=new_address(), email_verified=True)
    assert claims_of(tokens_of(home, sign_in(home, "p1"))["id_token"])["custom:user_id"] == user["user_id"]


def test_an_account_of_the_same_address_is_the_persons(home, provider):
    person = User(home).sign_up().log_in()
    provider.knows("p2", email=person.name.upper(), email_verified=True)
    assert claims_of(tokens_of(home, sign_in(home, "p2"))["id_token"])["custom:user_id"] == person.id


@pytest.mark.parametrize("claims", [{"email_verified": False}, {}, {"email": None}])
def test_an_address_that_is_not_verified_is_not_believed(home, provider, claims):
    person = User(home).sign_up()
    told = {"email": person.name, **claims}
    provider.knows("p3", **{name: value for name, value in told.items() if value is not None})
    to = sign_in(home, "p3")
    assert params(to)["error"] == "access_denied" and params(to)["state"] == "st", to


def test_who_declines_goes_back_to_the_client(home):
    browser = leave(home)
    browser.request("POST", browser.follow(), data={"action": "deny"})
    # This provider forgets the state of those who decline.
    assert params(browser.follow())["error"] == "access_denied"


def test_an_answer_for_another_browser_or_a_second_time_is_refused(home, provider):
    provider.knows("p4", email=new_address(), email_verified=True)
    browser = leave(home)
    browser.request("POST", browser.follow(), data={"sub": "p4"})
    back = browser.follow()
    other = Browser()
    assert other.open(back).status_code == 400 and "location" not in other.page.headers
    assert browser.open(back).status_code == 302
    assert browser.open(back).status_code == 400


def test_a_provider_that_is_away_is_said_to_be(tmp_path):
    cloud = start_with(tmp_path / "alone", provider_table("Gone", f"http://127.0.0.1:{free_port()}", "x", "y"))
    try:
        to = leave(cloud).follow()
        assert params(to)["error"] == "temporarily_unavailable", to
    finally:
        cloud.close()


def test_one_cloud_signs_in_at_another(tmp_path):
    """Here challenge, verifier, client secret, and our own discovery and keys are checked by programs that
    take them seriously on either side."""
    secret = "0123456789abcdef01234567"
    callback = "http://127.0.0.1:{}/oauth2/idpresponse"
    # The port of the one that comes second is not known yet, and on this machine does not count.
    client = f'[[oauth-client]]\nid = "other"\nredirects = ["{callback.format(1)}"]\nsecret = "{secret}"\n'
    elder = start_with(tmp_path / "elder", client)
    younger = None
    try:
        younger = start_with(tmp_path / "younger", provider_table("Elder", elder.base, "other", secret))
        person = User(elder).sign_up()
        browser = leave(younger)
        browser.open(browser.follow())
        browser.submit(user_name=person.name, password=person.password)
        browser.open(browser.follow())
        tokens = tokens_of(younger, browser.follow())
        assert claims_of(tokens["id_token"])["email"] == person.name
        failed = younger.http().post("/v1/login2", json={"user_name": person.name, "password": person.password})
        assert failed.status_code == 400 and failed.json()["error_code"] == 101_009
    finally:
        for cloud in filter(None, (younger, elder)):
            cloud.close()


@pytest.mark.parametrize(
    "settings, says",
    [
        (provider_table("X", "https://x.example.com", "a", "b"), "set public-url"),
        ('[[oauth-client]]\nid = "a"\nredirects = ["http://a.example.com/"]\n', "a redirect address is"),
        ('[[oauth-client]]\nid = "a"\nredirects = ["https://a.io/"]\nsecret = "short"\n', "24 to 256"),
        ('[[identity-provider]]\ntype = "wechat"\nclient-id = "a"\nsecret = "hush"\n', "unknown variant `wechat`"),
        ('[[identity-provider]]\ntype = "google"\nclient-id = "a"\nsecret-file = "/nowhere/x"\n', "/nowhere/x"),
    ],
)
def test_settings_that_cannot_work_are_refused_at_the_start(new_cloud, tmp_path, settings, says):
    path = tmp_path / "bad.toml"
    path.write_text(settings if says == "set public-url" else f'public-url = "https://c.example.com"\n{settings}')
    done = new_cloud().run("serve", "--data", tmp_path / "data", "--config", path, "--http", "0", "--https", "0", "--mqtts", "0", check=False)
    assert done.returncode != 0 and says in done.stderr and "hush" not in done.stderr, done.stderr
